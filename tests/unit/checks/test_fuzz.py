"""The fuzz family on literal records: green, red for each planted defect, inconclusive where nothing can be said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks import fuzz
from pytest_mlready.checks.bad_items import canary_stable, rejects_bad_item_in_full_row
from pytest_mlready.finding import Status
from pytest_mlready.records import Answered, Answers, BadItem, BadItems
from tests.unit.records_made import answered, batch, exchange, replayed, settings

ROWS = {row: row % 3 for row in range(6)}
SINGLES = tuple(answered(row, label) for row, label in ROWS.items())
HEALTHY = Answers(
    singles=SINGLES,
    repeats=(*SINGLES[::-1], *SINGLES),
    batches=(batch(ROWS), batch(list(ROWS.items())[::-1]), batch([(0, 0), (0, 0), (4, 1)])),
    mixed=(answered(0, 2), answered(1, 1)),
    mixed_again=(answered(0, 2), answered(1, 1)),
    mixed_batch=batch({0: 2, 1: 1}),
)
EVERYWHERE = (fuzz.well_formed_answers, fuzz.deterministic, fuzz.batch_equals_single)


@pytest.mark.parametrize("check", EVERYWHERE)
def test_healthy_answers_pass(check: object) -> None:
    assert check(HEALTHY).status is Status.PASS  # type: ignore[operator]


class TestWellFormedAnswers:
    @pytest.mark.parametrize(
        ("bad", "word"),
        [
            (Answered(exchange(body=b'{"prediction": NaN}'), (0,), problem="NaN"), "NaN is not JSON"),
            (Answered(exchange(body=b"{"), (0,), problem="no JSON"), "not strict JSON"),
            (Answered(exchange(body={"a": 1}), (0,), problem="the answer has no 'prediction'"), "no 'prediction'"),
            (answered(0, 0, headers=(("Content-Type", "text/html"),)), "media type"),
            (answered(0, 0, headers=()), "media type"),
            (answered(0, 0, headers=(("Content-Type", "application/json; charset=iso-8859-1"),)), "JSON is UTF-8"),
            (Answered(exchange(body={}), (0, 1), answered(0).predictions), "1 predictions for 2 rows"),
        ],
    )
    def test_a_malformed_answer_fails(self, bad: Answered, word: str) -> None:
        found = fuzz.well_formed_answers(replace(HEALTHY, singles=(bad, *SINGLES[1:])))
        assert found.status is Status.FAIL
        assert word in found.summary
        assert "curl" in found.replay
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.limit) == (1, 0)

    def test_a_field_that_the_schema_promises_is_missed(self) -> None:
        found = fuzz.well_formed_answers(replace(HEALTHY, schema_problems=("body: 'model_version' is required",)))
        assert found.status is Status.FAIL
        assert "'model_version' is required" in found.summary

    def test_a_json_type_with_a_suffix_is_json(self) -> None:
        one = answered(0, 0, headers=(("content-type", "application/vnd.api+json; charset=utf-8"),))
        assert fuzz.well_formed_answers(replace(HEALTHY, singles=(one,))).status is Status.PASS

    def test_refused_rows_say_nothing_about_form(self) -> None:
        refused = tuple(answered(row, status=422) for row in ROWS)
        found = fuzz.well_formed_answers(Answers(refused, refused))
        assert found.status is Status.INCONCLUSIVE
        assert "12 × 422" in found.summary

    def test_one_server_error_is_left_to_the_error_rate(self) -> None:
        some = (answered(0, status=500), *SINGLES[1:])
        assert fuzz.well_formed_answers(replace(HEALTHY, singles=some)).status is Status.PASS


class TestDeterministic:
    @pytest.mark.parametrize(
        ("again", "word"),
        [
            (answered(3, 1), "prediction 0 and 1"),
            (answered(3, 0, (0.26, 0.74)), "probability 0.25 and 0.26"),
            (answered(3, 0, version="2.0.0"), "model version '1.0.0' and '2.0.0'"),
            (answered(3, 0, (0.25, 0.5, 0.25)), "2 and 3 probabilities"),
        ],
    )
    def test_another_answer_fails(self, again: Answered, word: str) -> None:
        found = fuzz.deterministic(replace(HEALTHY, repeats=(*SINGLES, again)))
        assert found.status is Status.FAIL
        assert word in found.summary
        assert found.summary.startswith("determinism: ")
        assert replayed(found)[0] == ("alike", ["sample row 3"])
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.n) == (1, 9)

    def test_a_mixed_row_answered_otherwise_fails(self) -> None:
        found = fuzz.deterministic(replace(HEALTHY, mixed_again=(answered(0, 0), answered(1, 1))))
        assert found.status is Status.FAIL

    def test_fresh_ids_and_the_last_digit_do_not_matter(self) -> None:
        again = answered(3, 0, (0.25 * (1 + 3e-15), 0.75), request_id="another")
        assert fuzz.deterministic(replace(HEALTHY, repeats=(again,))).status is Status.PASS

    def test_an_unanswered_repeat_decides_nothing(self) -> None:
        found = fuzz.deterministic(replace(HEALTHY, repeats=(*SINGLES, answered(3, status=500))))
        assert found.status is Status.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            (Answers(SINGLES, ()), "no row was asked twice"),
            (Answers(SINGLES, (answered(status=503),)), "1 of 1 repeats got no answer (1 × 503)"),
            (
                Answers(SINGLES, (replace(SINGLES[0], predictions=(), problem="the prediction is list"),)),
                "1 of 1 repeats have no prediction that can be read: the prediction is list",
            ),
            (Answers((answered(status=503),), SINGLES[:1]), "1 of 1 repeats have no first answer"),
        ],
    )
    def test_what_was_not_compared_is_no_pass(self, given: Answers, why: str) -> None:
        found = fuzz.deterministic(given)
        assert found.status is Status.INCONCLUSIVE
        assert why in found.summary


class TestBatchEqualsSingle:
    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            (batch(list(zip(ROWS, [*ROWS.values()][::-1], strict=True))), "row 0 of the batch"),
            (batch({**ROWS, 5: 0}), "row 5 of the batch"),
            (Answered(exchange(body={}), tuple(ROWS), batch({0: 0, 1: 1}).predictions), "6 rows got 2 predictions"),
            (Answered(exchange(422, case="batch"), tuple(ROWS)), "6 valid rows was answered 422"),
        ],
    )
    def test_rows_that_differ_fail(self, wrong: Answered, word: str) -> None:
        found = fuzz.batch_equals_single(replace(HEALTHY, batches=(*HEALTHY.batches, wrong)))
        assert found.status is Status.FAIL
        assert word in found.summary

    def test_without_a_batch_route_it_does_not_apply(self) -> None:
        found = fuzz.batch_equals_single(replace(HEALTHY, batches=(), mixed_batch=None))
        assert found.status is Status.NOT_APPLICABLE

    def test_random_answers_are_left_to_deterministic(self) -> None:
        random = tuple(answered(row, label + 1) for row, label in ROWS.items())
        found = fuzz.batch_equals_single(replace(HEALTHY, repeats=random, batches=(batch({**ROWS, 5: 0}),)))
        assert found.status is Status.INCONCLUSIVE
        assert "fuzz.deterministic" in found.summary

    def test_what_rare_randomness_explains_is_left_to_it(self) -> None:
        repeats = (*SINGLES * 2, answered(3, 7))
        odd = batch({**ROWS, 5: 0})
        found = fuzz.batch_equals_single(replace(HEALTHY, repeats=repeats, batches=(*HEALTHY.batches * 3, odd)))
        assert found.status is Status.INCONCLUSIVE

    def test_a_single_answer_that_was_odd_once_is_no_fault_of_the_batch(self) -> None:
        odd = (answered(0, 9), *SINGLES[1:])
        assert fuzz.batch_equals_single(replace(HEALTHY, singles=odd)).status is Status.PASS

    @pytest.mark.parametrize("status", [500, 429])
    def test_a_batch_that_the_server_broke_on_or_limits_is_inconclusive(self, status: int) -> None:
        broken = Answered(exchange(status, case="batch"), tuple(ROWS))
        found = fuzz.batch_equals_single(replace(HEALTHY, batches=(broken,)))
        assert found.status is Status.INCONCLUSIVE


CANARIES = (answered(0, 0), answered(1, 1))


def item(kind: str, status: int | None = 422, *, failure: str | None = None, after: object = CANARIES) -> BadItem:
    refused = exchange(status, case=f"{kind} in radius", failure=failure, sent=b'{"features": [NaN, 2.0]}')
    return BadItem(kind, "radius", refused, after)  # type: ignore[arg-type]


def bad_items(*items: BadItem) -> BadItems:
    return BadItems(CANARIES, (item("NaN"), item("null"), *items), (item("true"),), CANARIES)


class TestRejectsBadItem:
    def test_refused_items_pass(self) -> None:
        found = rejects_bad_item_in_full_row(bad_items(item("1e400", 400)), settings())
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 4

    @pytest.mark.parametrize(
        ("bad", "word"),
        [
            (item("a number as text", 200), "as if it were valid"),
            (item("true", 200), "as if it were valid"),
            (item("NaN", 500), "was answered 500"),
            (item("a 400-digit integer", None, failure="deadline"), "no answer (deadline)"),
            (item("Infinity", 302), "was answered 302"),
        ],
    )
    def test_an_item_that_is_not_refused_fails(self, bad: BadItem, word: str) -> None:
        found = rejects_bad_item_in_full_row(bad_items(bad), settings())
        assert found.status is Status.FAIL
        assert word in found.summary
        assert bad.kind in found.summary
        assert "NaN, 2.0" in found.replay

    @pytest.mark.parametrize(("kind", "status"), [("NaN", Status.PASS), ("null", Status.PASS), ("true", Status.FAIL)])
    def test_a_model_that_imputes_may_take_missing_values(self, kind: str, status: Status) -> None:
        accepting = settings(inputs={"missing": "accept"})
        assert rejects_bad_item_in_full_row(bad_items(item(kind, 200)), accepting).status is status

    @pytest.mark.parametrize("status", [401, 403, 429])
    def test_what_is_refused_for_another_reason_says_nothing(self, status: int) -> None:
        found = rejects_bad_item_in_full_row(bad_items(item("text", status)), settings())
        assert found.status is Status.INCONCLUSIVE
        assert f"text in radius: answered {status}" in found.summary
        assert "1 of 4" in found.summary
        worse = bad_items(item("text", status), item("Infinity", 200))
        assert rejects_bad_item_in_full_row(worse, settings()).status is Status.FAIL

    def test_nothing_sent_is_no_pass(self) -> None:
        found = rejects_bad_item_in_full_row(BadItems(CANARIES, ()), settings())
        assert found.status is Status.INCONCLUSIVE


class TestCanaryStable:
    def test_unchanged_canaries_pass(self) -> None:
        found = canary_stable(bad_items(), HEALTHY)
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 8

    @pytest.mark.parametrize(
        ("canaries", "word"),
        [
            ((answered(0, 0), answered(1, 0)), "sample row 1 answered otherwise: prediction 1 and 0"),
            ((answered(0, 0), answered(1, status=500)), "sample row 1 was answered 500"),
            ((answered(0, failure="refused"), answered(1, 1)), "sample row 0 was answered refused"),
            ((Answered(exchange(body={}), (0,), problem="no prediction"),), "no prediction"),
        ],
    )
    def test_a_canary_that_changes_fails_and_names_the_input(self, canaries: object, word: str) -> None:
        found = canary_stable(bad_items(item("text", after=canaries)), HEALTHY)
        assert found.status is Status.FAIL
        assert word in found.summary
        assert "after text in radius" in found.summary
        assert {holds for holds, _ in replayed(found)} == {"alike"}
        assert "text in radius" in [one.case for one in found.script.requests] if found.script else False

    def test_the_last_canaries_count(self) -> None:
        found = canary_stable(replace(bad_items(), last=(answered(0, 1),)), HEALTHY)
        assert found.status is Status.FAIL
        assert found.summary.startswith("isolation: at the end")

    @pytest.mark.parametrize(("limited", "status"), [(8, Status.PASS), (9, Status.INCONCLUSIVE)])
    def test_a_limit_of_our_rate_changes_no_canary(self, limited: int, status: Status) -> None:
        found = canary_stable(bad_items(item("text", after=(answered(0, status=429),) * limited)), HEALTHY)
        assert found.status is status
        changed = bad_items(item("text", after=(answered(0, status=429), answered(0, status=401))))
        assert canary_stable(changed, HEALTHY).status is Status.FAIL

    def test_canaries_never_answered_decide_nothing(self) -> None:
        found = canary_stable(replace(bad_items(), first=(answered(0, status=503),)), HEALTHY)
        assert found.status is Status.INCONCLUSIVE

    def test_random_answers_are_left_to_deterministic(self) -> None:
        random = replace(HEALTHY, repeats=tuple(answered(row, label + 1) for row, label in ROWS.items()))
        assert canary_stable(bad_items(item("text", after=(answered(0, 5),))), random).status is (Status.INCONCLUSIVE)

    def test_malformed_answers_are_left_to_well_formed_answers(self) -> None:
        malformed = Answered(exchange(body={}), (0,), problem="no prediction")
        answers = replace(HEALTHY, repeats=(*HEALTHY.repeats, malformed))
        assert canary_stable(bad_items(item("text", after=(malformed,))), answers).status is Status.PASS
