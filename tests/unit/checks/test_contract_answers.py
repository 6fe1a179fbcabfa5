"""Verdicts on golden answers, numbers, ids and the cache, over literal records."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks.contract_answers import golden, numeric_sane, request_id
from pytest_mlready.checks.contract_cache import cache_truth
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Answered, Answers, CacheDrill, Golden, Identity, Label, Prediction
from tests.unit.records_made import answered, batch, exchange, settings

IDENTITY = Identity(None, {})
HALVES = (0.25, 0.75)
ROW = "golden row 0"


def one_golden(expected: Prediction, got: Answered, version: str | None = "1.0.0", tolerance: float = 1e-6) -> Golden:
    return Golden((expected,), (got,), tolerance, version)


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (one_golden(Prediction(1, HALVES), answered(case=ROW)), "pass", "1 golden rows"),
        (one_golden(Prediction(0, HALVES), answered(case=ROW)), "fail", "golden row 0: expected and got prediction 0"),
        (one_golden(Prediction(1, (0.26, 0.74)), answered(case=ROW)), "fail", "golden row 0: expected and got prob"),
        (one_golden(Prediction(1, (0.26, 0.74)), answered(case=ROW), tolerance=0.1), "pass", "within 0.1"),
        (one_golden(Prediction(1, HALVES), answered(0, 1, None, case=ROW)), "pass", "1 golden"),
        (one_golden(Prediction(152.3), answered(0, 152.4, None, case=ROW)), "fail", "152.3 and 152.4"),
        (
            one_golden(Prediction(1), answered(case=ROW, status=500)),
            "fail",
            "golden row 0: a golden row was answered 500",
        ),
        (one_golden(Prediction(1), Answered(exchange(case=ROW), (), problem="null")), "inconclusive", "null"),
        (one_golden(Prediction(1), answered(case=ROW, status=None, failure="oversize")), "inconclusive", "oversize"),
        (one_golden(Prediction(1), answered(case=ROW, status=None, failure="closed")), "fail", "answered closed"),
        (
            one_golden(Prediction(1), answered(case=ROW, version="2.0.0")),
            "inconclusive",
            "version 1.0.0, 2.0.0 answers",
        ),
        (one_golden(Prediction(0), answered(case=ROW, version="2.0.0"), None), "fail", "golden row 0"),
        (one_golden(Prediction(1), answered(case=ROW, version="unknown")), "pass", "1 golden rows"),
        (Golden((), (), 0.0), "inconclusive", "no rows"),
    ],
)
def test_golden(given: Golden, status: str, named: str) -> None:
    expect(golden(given), status, named)


def test_golden_probabilities_are_compared_class_by_class() -> None:
    expected = Prediction("b", (0.75, 0.25), classes=("b", "a"))
    got = answered(0, "b", HALVES, classes=("a", "b"), case=ROW)
    expect(golden(one_golden(expected, got)), "pass", "1 golden")
    expect(golden(one_golden(expected, answered(0, "b", HALVES, classes=("b", "a"), case=ROW))), "fail", ROW)


@pytest.mark.parametrize(
    ("got", "inputs", "status", "named"),
    [
        (answered(), {}, "pass", "1 predictions"),
        (answered(0, 152.4, None), {}, "pass", "1 predictions"),
        (answered(3, 1, (2.1, 0.4)), {}, "fail", "sample row 3: probability 2.1 is outside"),
        (answered(3, 1, (-0.1, 1.1)), {}, "fail", "sample row 3: probability -0.1"),
        (answered(3, 1, (0.6, 0.6)), {}, "fail", "sample row 3: the probabilities sum to 1.2"),
        (answered(3, 1, (0.9,)), {}, "pass", "1 predictions"),
        (answered(3, 1, (0.33, 0.33, 0.33)), {}, "pass", "1 predictions"),
        (answered(3, 1, (0.333333333333, 0.333333333333, 0.331)), {}, "fail", "sum to"),
        (answered(3, 7, None), {"classes": [0, 1]}, "fail", "sample row 3: label 7 is none of 0, 1"),
        (answered(3, 1.0, None), {"classes": [0, 1]}, "pass", "1 predictions"),
        (answered(3, "c", HALVES, classes=("a", "b")), {}, "fail", "sample row 3: label 'c'"),
        (answered(3, float("nan"), None), {}, "fail", "nan"),
        (answered(3, "spam", None), {}, "inconclusive", "[inputs] classes"),
        (answered(3, "spam", None), {"classes": ["spam", "ham"]}, "pass", "1 predictions"),
        (answered(status=422), {}, "inconclusive", "none of 1"),
    ],
)
def test_numeric_sane(got: Answered, inputs: dict[str, Any], status: str, named: str) -> None:
    expect(numeric_sane(Answers((got,), ()), IDENTITY, settings(inputs=inputs)), status, named)


def test_labels_that_the_info_route_names_count_too() -> None:
    about = replace(IDENTITY, info=exchange(200, {"classes": ["ham", "spam"]}))
    expect(numeric_sane(Answers((answered(3, "eggs", None),), ()), about, settings()), "fail", "label 'eggs'")
    hostile = replace(IDENTITY, info=exchange(200, {"classes": [{"a": 1}, None]}))
    expect(numeric_sane(Answers((answered(),), ()), hostile, settings()), "pass", "1 predictions")


NAMES = ("ham", "spam")


@pytest.mark.parametrize(
    ("shares", "status", "named"),
    [
        ({"ham": (0.9, 0.6), "spam": (0.4, 0.1)}, "pass", "4 predictions"),
        ({"ham": (0.9, 0.4), "spam": (0.3, 0.1)}, "pass", "4 predictions"),
        ({"ham": (0.9, 0.8), "spam": (0.8, 0.1)}, "pass", "4 predictions"),
        ({"ham": (0.9, 0.4), "spam": (0.6, 0.1)}, "fail", "sample row 1: the label is of probability 0.4"),
        ({"ham": (0.9, 0.6), "spam": (0.7, 0.1)}, "fail", "of probability 0.3"),
        ({"ham": (0.9, 0.4), "eggs": (0.6, 0.1)}, "fail", "label 'eggs' has no probability"),
    ],
)
def test_a_label_is_explained_by_some_threshold(shares: dict[str, tuple[float, ...]], status: str, named: str) -> None:
    pairs = [(label, share) for label, held in shares.items() for share in held]
    got = [answered(row, label, (one, 1 - one), classes=NAMES) for row, (label, one) in enumerate(pairs)]
    expect(numeric_sane(Answers(tuple(got), ()), IDENTITY, settings()), status, named)


def test_a_threshold_of_the_batch_route_is_not_another_one() -> None:
    alone = answered(0, "spam", (0.54, 0.46), classes=NAMES)
    sure = answered(1, "ham", (0.9, 0.1), classes=NAMES)
    together = answered(0, "ham", (0.52, 0.48), classes=NAMES)
    parted = Answers((sure,), (), mixed=(alone, answered(1, "ham", (0.9, 0.1), classes=NAMES)), mixed_batch=together)
    expect(numeric_sane(parted, IDENTITY, settings()), "fail", "of probability 0.46")
    alike = replace(parted, mixed_batch=alone)
    expect(numeric_sane(alike, IDENTITY, settings()), "pass", "4 predictions")


FLOWERS = ("setosa", "versicolor", "virginica")
Shares = tuple[float, ...]


def shares_of_rows(count: int = 120) -> list[Shares]:
    """Probabilities of three classes as a softmax gives them, from sure to doubtful."""
    rng = random.Random(5)
    made = []
    for _ in range(count):
        held = [math.exp(rng.gauss(0, 1.5)) for _ in FLOWERS]
        made.append(tuple(one / sum(held) for one in held))
    return made


def ranked(shares: Shares) -> list[int]:
    return sorted(range(len(shares)), key=lambda place: -shares[place])


def likeliest(shares: Shares) -> int:
    return ranked(shares)[0]


def second_of_near_ones(shares: Shares) -> int:
    first, second, _ = ranked(shares)
    return second if shares[first] - shares[second] < 0.15 else first


def second_at_times(shares: Shares) -> int:
    """A cache of labels that is one row late, say: it has nothing to do with the shares."""
    return ranked(shares)[int(shares[0] * 1e6) % 11 == 0]


def least_cost(shares: Shares) -> int:
    """A third class that costs much when it is missed, and a first one that costs when it is said in vain."""
    costs = ((0.0, 1.0, 9.0), (4.0, 0.0, 6.0), (5.0, 2.0, 0.0))
    return min(range(3), key=lambda said: sum(one * costs[said][true] for true, one in enumerate(shares)))


def alarmed(shares: Shares) -> int:
    return 2 if shares[2] > 0.2 else likeliest(shares)


def doubtful(shares: Shares) -> int:
    return likeliest(shares) if max(shares) > 0.6 else 1


def median(shares: Shares) -> int:
    return next(place for place in range(3) if sum(shares[: place + 1]) >= 0.5)


def by_own_thresholds(shares: Shares) -> int:
    return next((place for place, least in enumerate((0.5, 0.4, 0.2)) if shares[place] > least), 2)


def of_third_rank(shares: Shares) -> int:
    return ranked(shares)[2]


def found_in(rule: Callable[[Shares], int], *, named: bool, words: bool, digits: int = 17) -> Finding:
    """What is said of rows that are labelled by a rule, with names beside the shares or without."""
    got = []
    for row, shares in enumerate(shares_of_rows()):
        label = FLOWERS[rule(shares)] if named or words else rule(shares)
        printed = tuple(round(one, digits) for one in shares)
        order = ranked(shares) if named else range(3)  # some services sort them
        names = tuple(FLOWERS[place] for place in order) if named else None
        got.append(answered(row, label, tuple(printed[place] for place in order), classes=names))
    return numeric_sane(Answers(tuple(got), ()), IDENTITY, settings())


ANSWERS_IN = pytest.mark.parametrize(("named", "words"), [(True, True), (False, True), (False, False)])


@ANSWERS_IN
@pytest.mark.parametrize("rule", [second_of_near_ones, second_at_times])
def test_classes_that_got_each_others_labels(rule: Callable[[Shares], int], *, named: bool, words: bool) -> None:
    expect(found_in(rule, named=named, words=words), "fail", "and elsewhere the likelier class is it; so")


@ANSWERS_IN
@pytest.mark.parametrize("digits", [17, 2])
@pytest.mark.parametrize("rule", [likeliest, least_cost, alarmed, doubtful, median, by_own_thresholds, of_third_rank])
def test_a_rule_of_labels_is_a_decision(
    rule: Callable[[Shares], int], digits: int, *, named: bool, words: bool
) -> None:
    expect(found_in(rule, named=named, words=words, digits=digits), "pass", "120 predictions")


def test_of_two_unnamed_classes_the_confident_answers_tell_which_is_which() -> None:
    def judged(*answers: tuple[Label, float]) -> Finding:
        got = [answered(row, label, (1 - one, one)) for row, (label, one) in enumerate(answers)]
        return numeric_sane(Answers(tuple(got), ()), IDENTITY, settings())

    sure = [("bad", 0.9), ("bad", 0.95), ("good", 0.1), ("good", 0.05)]
    expect(judged(*sure, ("bad", 0.4), ("good", 0.7)), "fail", "sample row 4: the label is of probability 0.4")
    expect(judged(*sure, ("bad", 0.4), ("good", 0.3)), "pass", "6 predictions")
    expect(judged(*sure[:2], ("bad", 0.4), ("good", 0.7)), "pass", "4 predictions")  # where is good?
    expect(judged(*sure, ("good", 0.9), ("bad", 0.1)), "pass", "6 predictions")  # 2 of 3 say so


def test_labels_without_a_majority_are_not_held_against_probabilities() -> None:
    got = (
        answered(0, "a", (0.2, 0.3, 0.5), classes=("a", "b", "c")),
        answered(1, "c", (0.4, 0.3, 0.3), classes=("a", "b", "c")),
    )
    expect(numeric_sane(Answers(got, ()), IDENTITY, settings()), "pass", "2 predictions")


def ids(*given: str | None) -> tuple[Answered, ...]:
    return tuple(answered(row, request_id=one) for row, one in enumerate(given))


ECHO = exchange(headers=(("x-request-id", "ours"),), case="our id")


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (Answers(ids("a", "b"), ids("c")), "pass", "3 answers have 3 ids"),
        (Answers(ids("a", "b"), ids("a")), "fail", "sample row 0: id 'a' stood in the answer to sample row 0"),
        (Answers(ids("batch_0"), ids("batch_0")), "fail", "'batch_0'"),
        (Answers(ids("a", None), ()), "fail", "sample row 1: the answer has no request id"),
        (Answers(ids("a"), (), echoes=(ECHO,), request_ids_sent=("ours",)), "pass", "1 echoed"),
        (Answers(ids("a"), (), echoes=(ECHO,), request_ids_sent=("mine",)), "fail", "our id: the id 'mine'"),
        (Answers(ids("a"), (), echoes=(ECHO,), request_ids_sent=("ours",), logged_ids=()), "fail", "1 of 1 ids"),
        (Answers(ids("a"), (), echoes=(ECHO,), request_ids_sent=("ours",), logged_ids=("ours",)), "pass", "logged"),
        (Answers((answered(status=500),), ()), "inconclusive", "no predict request"),
    ],
)
def test_request_id(given: Answers, status: str, named: str) -> None:
    expect(request_id(given), status, named)


def test_an_id_that_came_before_brings_no_earlier_answer() -> None:
    asked = Answers((answered(0, "ham", request_id="a"), answered(1, "spam", request_id="b")), ())
    again = answered(1, "ham", case="sample row 1, an earlier request's id")
    expect(request_id(replace(asked, reused=(again,))), "fail", "an earlier request's id: was answered as that request")
    expect(request_id(replace(asked, reused=(answered(1, "spam"),))), "pass", "2 ids")
    expect(request_id(replace(asked, reused=(answered(1, "eggs"),))), "pass", "2 ids")  # see fuzz.deterministic


def test_an_id_that_becomes_a_header_of_its_own() -> None:
    sent = (("X-Request-ID", "ours%0d%0aX-Injected: 1"),)
    harmless = replace(exchange(headers=(("x-request-id", "new"),)), request_headers=sent)
    hit = replace(exchange(case="a line break", headers=(("x-injected", "1"),)), request_headers=sent)
    expect(request_id(Answers(ids("a"), (), echoes=(harmless,))), "pass", "1 echoed")
    expect(request_id(Answers(ids("a"), (), echoes=(harmless, hit))), "fail", "a line break: what a client encodes")
    cut = replace(exchange(failure="closed", case="a line break"), request_headers=sent)
    expect(request_id(Answers(ids("a"), (), echoes=(harmless, cut))), "fail", "answered closed")
    expect(request_id(Answers(ids("a"), (), echoes=(harmless, exchange(500)))), "pass", "2 echoed")


def test_an_id_in_the_header_counts_and_a_batch_shares_one() -> None:
    single = replace(answered(), exchange=exchange(headers=(("X-Request-ID", "a"),)))
    whole = replace(answered(), predictions=(Prediction(1, request_id="b"), Prediction(0, request_id="b")))
    expect(request_id(Answers((single,), (), batches=(whole,))), "pass", "2 answers have 2 ids")


def cached(says: str | None, *, label: int = 1, version: str = "1.0.0", case: str = "the row, time 2") -> Answered:
    headers = () if says is None else (("X-Cache", says),)
    return answered(0, label, version=version, headers=headers, case=case)


def drill(*asked: Answered, fresh: Answered | None = None, after: Answered | None = None) -> CacheDrill:
    return CacheDrill(asked, "x-cache", (fresh or cached("miss"),), after, 2.0)


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (drill(cached("miss"), cached("hit"), cached("HIT from edge")), "pass", "2 of 2 repeats hit"),
        (drill(cached("miss"), cached("hit"), after=cached("miss")), "pass", "1 of 1"),
        (drill(cached("miss"), cached("miss")), "fail", "never hit"),
        (drill(cached(None), cached(None)), "fail", "no answer carries the declared header x-cache"),
        (drill(cached("miss"), cached("hit", label=0)), "fail", "the row, time 2: the hit differs"),
        (drill(cached("miss"), cached("hit"), fresh=cached("hit")), "fail", "never asked before, hit"),
        (
            drill(cached("miss"), cached("hit"), fresh=cached("miss", version="2.0.0")),
            "fail",
            "version 1.0.0, the serv",
        ),
        (drill(cached("miss"), cached("hit"), after=cached("hit")), "fail", "after its life time of 2 s"),
        (drill(cached("miss"), answered(status=500)), "inconclusive", "1 of 2"),
        (drill(), "inconclusive", ""),
    ],
)
def test_cache_truth(given: CacheDrill, status: str, named: str) -> None:
    expect(cache_truth(given), status, named)


def expect(found: Finding, status: str, named: str) -> None:
    assert (found.status, named in found.summary) == (Status(status), True), found.summary


def test_rows_that_have_ids_of_their_own_are_not_without_one() -> None:
    single = answered(request_id="a")
    rows = [{"id": "0", "prediction": 1}, {"id": "1", "prediction": 0}]
    whole = replace(batch({0: 1, 1: 0}), exchange=exchange(200, {"predictions": rows}))
    expect(request_id(Answers((single,), (), batches=(whole,))), "pass", "2 answers have 1 ids")
    none = replace(whole, exchange=exchange(200, {"predictions": [1, 0]}))
    expect(request_id(Answers((single,), (), batches=(none,))), "fail", "no request id")
