"""What generated rows do to a server, on literal records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.checks.server_errors import no_server_error
from pytest_mlready.finding import Status
from pytest_mlready.records import (
    Answered,
    Answers,
    BatchSizes,
    Concurrency,
    Corpus,
    Edit,
    Edits,
    Errored,
    Exchange,
    Generated,
)
from tests.unit.records_made import answered, batch, exchange, replayed

ONE = Generated(0, {"x0": 1e9}, answered(0))
REFUSED = Generated(0, {"x0": -1.0}, answered(0, status=422))
BAD = answered(1, status=500, case="sample row 1", sent=b"1")
HUNG = Answered(exchange(failure="deadline", case="sample row 1", sent=b"1"), (1,))
WELL = Answers(singles=(answered(0), answered(2)), repeats=(answered(0),), batches=(batch({0: 1, 2: 1}),))
GREEN = Corpus((answered(0), answered(0)), (ONE, REFUSED, ONE))


def test_answered_or_refused_passes() -> None:
    found = no_server_error(WELL, GREEN)
    assert found.status is Status.PASS
    assert "3 generated rows: 2 answered" in found.summary


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (answered(0, status=500, case="sample row 0 with x0 = 0"), "sample row 0 with x0 = 0 was answered 500"),
        (Answered(exchange(failure="deadline"), (0,)), "got no answer (deadline)"),
        (Answered(exchange(), (0,), problem="NaN is not JSON"), "cannot be read: NaN is not JSON"),
    ],
)
def test_a_failure_is_told_by_its_smallest_form(bad: Answered, words: str) -> None:
    small = Generated(0, {"x0": 0.0}, bad)
    large = Generated(0, {"x0": 0.0, "x1": 1.0}, bad)
    found = no_server_error(WELL, replace(GREEN, cases=(*GREEN.cases, large, large), shrunk=(small, small)))
    assert found.status is Status.FAIL
    assert words in found.summary
    assert "2 of 5 generated rows fail" in found.summary
    assert found.replay.startswith("curl")
    assert len(found.details) == 1


LIMITED = answered(0, status=429)


@pytest.mark.parametrize(
    "corpus",
    [
        replace(GREEN, sample=(answered(0), LIMITED)),
        replace(GREEN, cases=(Generated(0, {"x0": 1e9}, LIMITED),) * 3),
    ],
)
def test_where_our_rate_is_limited_nothing_is_proved(corpus: Corpus) -> None:
    found = no_server_error(WELL, corpus)
    assert found.status is Status.INCONCLUSIVE
    assert "limits our rate" in found.summary


def test_what_was_refused_for_our_rate_is_told() -> None:
    found = no_server_error(WELL, replace(GREEN, cases=(*GREEN.cases, Generated(0, {"x0": 1e9}, LIMITED))))
    assert "4 generated rows: 2 answered, the others refused, 1 of them for our rate (429)" in found.summary


def test_a_service_that_does_not_come_back_fails() -> None:
    found = no_server_error(WELL, replace(GREEN, sample=(answered(0), Answered(exchange(failure="refused"), (0,)))))
    assert found.status is Status.FAIL
    assert "refused after them" in found.summary


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (exchange(500, case="a body of gzip that is none"), "a body of gzip that is none was answered 500"),
        (exchange(failure="deadline", case="a long text"), "a long text got no answer (deadline)"),
    ],
)
def test_an_odd_request_is_no_reason_for_a_server_error(odd: Exchange, words: str) -> None:
    found = no_server_error(WELL, replace(GREEN, odd=(exchange(415), odd)))
    assert (found.status, words in found.summary) == (Status.FAIL, True), found.summary
    assert found.script is not None


def test_a_coding_may_be_refused_or_not_be_implemented() -> None:
    found = no_server_error(WELL, replace(GREEN, odd=(exchange(415), exchange(501), exchange(200))))
    assert (found.status, "so were 3 odd requests" in found.summary) == (Status.PASS, True)


def test_without_an_answer_to_the_sample_nothing_is_said() -> None:
    assert no_server_error(WELL, replace(GREEN, sample=(answered(0, status=401),) * 2)).status is Status.INCONCLUSIVE
    assert no_server_error(WELL, replace(GREEN, cases=())).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("bad", [BAD, HUNG])
@pytest.mark.parametrize(
    "gathered",
    [
        lambda bad: {"answers": replace(WELL, singles=(answered(0), bad))},
        lambda bad: {"answers": replace(WELL, repeats=(answered(0), bad))},
        lambda bad: {"answers": replace(WELL, mixed=(answered(0), bad))},
        lambda bad: {"answers": replace(WELL, mixed_again=(answered(0), bad))},
        lambda bad: {"edits": Edits((answered(0), bad, answered(2)), ())},
        lambda bad: {
            "edits": Edits((answered(0),), (Edit(0, "x0", 1.0, 2.0, bad), Edit(0, "x1", 1.0, 2.0, answered(0))))
        },
        lambda bad: {"edits": Edits((answered(0),), (), beyond=(bad, answered(0)))},
        lambda bad: {"batch_sizes": BatchSizes((answered(0), bad, answered(2)), ())},
        lambda bad: {"concurrency": Concurrency((bad, answered(0), answered(1), answered(0)), (), 2)},
    ],
)
def test_a_server_error_is_found_wherever_a_valid_row_met_it(
    gathered: Callable[[Answered], dict[str, Any]], bad: Answered
) -> None:
    found = no_server_error(**{"answers": WELL, "corpus": GREEN, **gathered(bad)})
    assert found.status is Status.FAIL
    assert "server error: sample row 1" in found.summary
    assert replayed(found) == [("survived", ["sample row 1"])]


@pytest.mark.parametrize(("outcome", "status"), [(500, Status.FAIL), (None, Status.PASS)])
def test_a_batch_of_valid_rows_is_no_reason_for_a_server_error(outcome: int | None, status: Status) -> None:
    batch = Answered(exchange(outcome), (0, 2))
    for answers in (replace(WELL, batches=(batch,)), replace(WELL, mixed_batch=batch)):
        assert no_server_error(answers, GREEN).status is status


def test_what_others_cause_is_not_blamed_on_a_row() -> None:
    shed = answered(1, status=503, headers=(("Retry-After", "1"),))
    alone, lost = (answered(0), answered(1)), (answered(0), BAD)
    found = no_server_error(
        replace(WELL, singles=(answered(0), answered(1, status=422), shed)),
        replace(GREEN, cases=(*GREEN.cases, Generated(1, {}, shed))),
        batch_sizes=BatchSizes(alone, (Answered(exchange(500), (0,) * 512),)),
        concurrency=Concurrency((*alone, *lost), lost, 2),
    )
    assert (found.status, "none of 9 requests with valid rows failed" in found.summary) == (Status.PASS, True), found


@pytest.mark.parametrize("bad", [BAD, HUNG])
def test_who_is_broken_in_the_end_was_broken_by_somebody_else(bad: Answered) -> None:
    gone = (answered(0), bad, bad)
    later = {"edits": Edits(gone, ()), "batch_sizes": BatchSizes(gone, ()), "concurrency": Concurrency(gone, (), 1)}
    assert no_server_error(WELL, GREEN, **later).status is Status.PASS


def test_what_hangs_is_blamed_before_what_comes_after_it() -> None:
    hangs = replace(GREEN, odd=(exchange(failure="deadline", case="a long text"),))
    later = Edits((answered(0), HUNG, answered(2)), ())
    assert "a long text got no answer" in no_server_error(WELL, hangs, later).summary
    assert "sample row 1 got no answer" in no_server_error(WELL, GREEN, later).summary


def test_evidence_that_broke_is_done_without_where_there_is_other() -> None:
    check, lost = checks()["fuzz.no_server_error"], Errored("edits", "the service was lost")
    rest = {"batch_sizes": lost, "concurrency": lost, "edits": lost}
    assert check.judge({"answers": WELL, "corpus": GREEN, **rest}).status is Status.PASS
    bad = check.judge({"answers": replace(WELL, singles=(answered(0), BAD)), "corpus": GREEN, **rest})
    assert bad.status is Status.FAIL
    assert check.judge({"answers": WELL, "corpus": lost, **rest}).status is Status.ERROR


def test_sample_rows_come_first_then_small_edits_then_other_rows() -> None:
    small = Generated(1, {"x0": 0.0}, answered(1, status=500, case="sample row 1 with x0 = 0.0"))
    of_corpus = replace(GREEN, shrunk=(small,))
    mixed = replace(WELL, mixed=(answered(0), answered(1, status=500, case="mixed row 1")))
    assert "sample row 1 with x0 = 0.0" in no_server_error(mixed, of_corpus).summary
    assert no_server_error(mixed, of_corpus).details == ("mixed row 1 was answered 500",)
    found = no_server_error(replace(mixed, singles=(answered(0), BAD)), of_corpus)
    assert "sample row 1 was answered 500; 2 of 6 requests with valid rows fail (2 × 500)" in found.summary
    assert found.details[-1] == "sample row 1 with x0 = 0.0 was answered 500"
    assert found.measurement is not None
    assert (found.measurement.value, found.measurement.n) == (3, 9)


def test_a_row_that_fails_at_times_is_asked_again_and_again() -> None:
    found = no_server_error(replace(WELL, singles=(answered(0), answered(1, sent=b"1")), repeats=(BAD, BAD)), GREEN)
    assert "sample row 1 was answered 500 at times; 2 of 5" in found.summary
    assert (found.replay, found.script is not None and found.script.rounds > 20) == ("", True)
    assert replayed(found)[0] == ("survived", ["sample row 1"])


def test_rows_that_are_never_answered_may_be_no_rows_of_this_service() -> None:
    none = replace(GREEN, sample=(BAD, BAD))
    assert (
        no_server_error(replace(WELL, singles=(BAD,), repeats=(BAD,), batches=()), none).status is Status.INCONCLUSIVE
    )
