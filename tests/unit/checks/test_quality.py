"""How good the answers are, on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import quality, quality_parity, quality_trust
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Label, LabelledAnswers, Prediction
from tests.unit.records_made import exchange, settings

ROWS = 400
TRUTH: tuple[Label, ...] = tuple("yes" if row % 4 == 0 else "no" for row in range(ROWS))


def told(label: Label, sure: float = 0.9) -> Prediction:
    """An answer with probabilities by class."""
    return Prediction(label, (sure, 1 - sure) if label == "no" else (1 - sure, sure), classes=("no", "yes"))


def answers(*wrong: int, sure: float = 0.9) -> tuple[Prediction, ...]:
    """The true answers but for some rows."""
    other = {"yes": "no", "no": "yes"}
    return tuple(told(other[str(one)] if row in wrong else one, sure) for row, one in enumerate(TRUTH))


def record(*wrong: int, sure: float = 0.9, **given: Any) -> LabelledAnswers:
    """Answers to all rows, wrong in some."""
    return LabelledAnswers(TRUTH, answers(*wrong, sure=sure), ROWS, **given)


def numbers(off: float, n: int = 100) -> LabelledAnswers:
    """A regression whose answers are off by this much, up and down."""
    truth = tuple(float(row % 10) for row in range(n))
    return LabelledAnswers(truth, tuple(Prediction(one + off * (-1) ** row) for row, one in enumerate(truth)), n)


def value(found: Finding) -> float:
    assert found.measurement is not None
    assert isinstance(found.measurement.value, float)
    return found.measurement.value


class TestThreshold:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality.threshold(given, settings(quality=declared))

    @pytest.mark.parametrize(
        ("wrong", "status"), [(10, Status.PASS), (40, Status.INCONCLUSIVE), (80, Status.FAIL)], ids=str
    )
    def test_the_lower_bound_has_to_reach_it(self, wrong: int, status: Status) -> None:
        found = self.judge(record(*range(wrong)), threshold=0.9)
        assert found.status is status
        assert value(found) == 1 - wrong / ROWS

    def test_what_is_undecided_says_how_many_rows_would_decide(self) -> None:
        assert "about 638 rows would decide" in self.judge(record(*range(32)), threshold=0.9).summary
        assert "no number of rows would decide" in self.judge(record(*range(40)), threshold=0.9).summary

    @pytest.mark.parametrize(("limit", "status"), [(0.6, Status.PASS), (0.4, Status.FAIL)])
    def test_an_error_has_to_be_at_most_it(self, limit: float, status: Status) -> None:
        found = self.judge(replace(numbers(0.5)), metric="mae", threshold=limit)
        assert found.status is status
        assert "at most" in found.summary

    def test_an_area_needs_probabilities(self) -> None:
        assert self.judge(record(3), metric="roc_auc", threshold=0.9).status is Status.PASS
        bare = replace(record(3), answers=tuple(Prediction(one) for one in TRUTH))
        found = self.judge(bare, metric="roc_auc", threshold=0.9)
        assert (found.status, "needs probabilities" in found.summary) == (Status.ERROR, True)

    def test_f1_is_of_the_class_that_is_declared(self) -> None:
        rare = record(*range(0, ROWS, 8))  # half of the rows of "yes" are answered "no"
        assert value(self.judge(rare, metric="f1", threshold=0.5, positive="yes")) == pytest.approx(2 / 3)
        assert value(self.judge(rare, metric="f1", threshold=0.5, positive="no")) == pytest.approx(600 / 650)
        assert self.judge(rare, metric="f1", threshold=0.5, positive="maybe").status is Status.ERROR

    def test_rows_that_got_no_answer_leave_it_open(self) -> None:
        shown = (exchange(422, {"detail": "region: unknown"}, case="labelled row 7"),)
        gone = replace(record(), answers=(None, *answers()[1:]), unanswered=1, refused=shown)
        found = self.judge(gone, threshold=0.9)
        assert found.status is Status.INCONCLUSIVE
        assert "1 of 400 labelled rows got no answer" in found.summary
        assert "region: unknown" in found.details[0]
        assert found.measurement is not None
        assert found.measurement.n == ROWS - 1

    def test_nor_do_they_hide_a_failure(self) -> None:
        gone = replace(record(*range(100)), answers=(None, *answers(*range(100))[1:]), unanswered=1)
        assert self.judge(gone, threshold=0.9).status is Status.FAIL

    def test_classes_by_other_names_are_no_wrong_answers(self) -> None:
        found = self.judge(replace(record(), answers=tuple(Prediction(row % 2) for row in range(ROWS))), threshold=0.9)
        assert found.status is Status.ERROR
        assert "the service answers 0, 1, the true answers are no, yes: other names?" in found.summary

    def test_whole_numbers_are_classes_however_written(self) -> None:
        truth: tuple[Label, ...] = (1, 0) * 200
        said = tuple(Prediction(float(str(one))) for one in truth)
        assert self.judge(LabelledAnswers(truth, said, ROWS), threshold=0.9).status is Status.PASS
        texts = tuple(Prediction(str(one)) for one in truth)
        assert self.judge(LabelledAnswers(truth, texts, ROWS), threshold=0.9).status is Status.PASS

    def test_words_are_no_numbers(self) -> None:
        found = self.judge(record(), metric="mae", threshold=1.0)
        assert found.status is Status.ERROR
        assert "should be a number and is 'yes'" in found.summary

    def test_rows_of_few_entities_are_few(self) -> None:
        by_entity = record(*range(20), beside={"patient": tuple(row // 20 for row in range(ROWS))})
        assert self.judge(by_entity, threshold=0.9).status is Status.PASS
        assert self.judge(by_entity, threshold=0.9, entity="patient").status is Status.INCONCLUSIVE


class TestBaseline:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality.beats_baseline(given, settings(quality=declared))

    def test_a_good_model_is_better_than_the_majority(self) -> None:
        found = self.judge(record(*range(20)))
        assert found.status is Status.PASS
        assert "the baseline (majority) 0.75" in found.summary

    def test_the_majority_itself_is_not(self) -> None:
        constant = replace(record(), answers=tuple(told("no") for _ in TRUTH))
        assert self.judge(constant, gain=0.05).status is Status.FAIL

    def test_by_how_much_may_be_declared(self) -> None:
        assert self.judge(record(*range(20)), gain=0.3).status is Status.FAIL

    def test_for_numbers_it_is_the_best_constant(self) -> None:
        assert self.judge(numbers(0.5), metric="r2").status is Status.PASS
        assert self.judge(numbers(6.0), metric="mae").status is Status.FAIL

    def test_a_file_of_simple_answers(self) -> None:
        simple = record(*range(20), baseline=answers(*range(22)))
        found = self.judge(simple, baseline="rule.csv", gain=0.005)
        assert found.status is Status.INCONCLUSIVE
        assert "the baseline (rule.csv) 0.945" in found.summary


class TestNotWorse:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality.not_worse(given, settings(quality={"previous": "answers.json", **declared}))

    def test_no_worse_within_the_margin_passes(self) -> None:
        found = self.judge(record(*range(40), previous=answers(*range(40))), margin=0.05)
        assert found.status is Status.PASS
        assert "the version before 0.9" in found.summary

    def test_no_difference_proven_is_no_proof_of_none(self) -> None:
        found = self.judge(record(*range(12), previous=answers(*range(8, 20))))
        assert found.status is Status.INCONCLUSIVE
        assert "rows would decide" in found.summary

    def test_provably_worse_fails(self) -> None:
        assert self.judge(record(*range(60), previous=answers(*range(10)))).status is Status.FAIL

    def test_areas_and_errors_are_compared_too(self) -> None:
        better = numbers(0.1, 400)
        worse = replace(better, previous=tuple(Prediction(float(str(one))) for one in better.truth))
        assert self.judge(worse, metric="mae", margin=0.2).status is Status.PASS
        assert self.judge(worse, metric="mae", margin=0.05).status is Status.FAIL


class TestSlices:
    REGIONS: tuple[Label, ...] = tuple("north" if row < 100 else "south" for row in range(ROWS))

    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality.slices(given, settings(quality={"slices": ["region"], "slice_floor": 0.8, **declared}))

    def test_each_slice_has_to_reach_the_floor(self) -> None:
        found = self.judge(record(*range(5), beside={"region": self.REGIONS}))
        assert found.status is Status.PASS
        assert found.details == (
            "region = north: accuracy 0.95 [0.8977, 0.9836], 100 rows: pass",
            "region = south: accuracy 1 [0.9901, 1], 300 rows: pass",
        )

    def test_one_that_does_not_is_named(self) -> None:
        found = self.judge(record(*range(50), beside={"region": self.REGIONS}))
        assert found.status is Status.FAIL
        assert found.summary.startswith("region = north: accuracy 0.5 ")

    def test_a_small_one_leaves_it_open(self) -> None:
        found = self.judge(record(beside={"region": ("islands",) * 5 + self.REGIONS[5:]}))
        assert found.status is Status.INCONCLUSIVE
        assert found.summary.startswith("region = islands: ")
        assert "about 14 rows would decide" in found.summary

    def test_numbers_are_cut_in_thirds_and_missing_is_a_slice(self) -> None:
        ages = tuple(None if row % 50 == 0 else row for row in range(ROWS))
        found = self.judge(record(beside={"region": ages}), slice_floor=0.2)
        assert {line.partition(":")[0].removeprefix("region = ") for line in found.details} == {
            "missing",
            "up to 133.3",
            "133.3 to 266.7",
            "above 266.7",
        }


class TestFairness:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality_trust.fairness(given, settings(quality={"group": "sex", **declared}))

    SEXES: tuple[Label, ...] = tuple("f" if row % 8 < 4 else "m" for row in range(ROWS))

    def test_rates_that_are_alike_pass(self) -> None:
        found = self.judge(record(beside={"sex": self.SEXES}))
        assert found.status is Status.PASS
        assert len(found.details) == 2

    def test_one_group_found_less_often_fails(self) -> None:
        missed = [row for row in range(ROWS) if TRUTH[row] == "yes" and self.SEXES[row] == "f"][:25]
        found = self.judge(record(*missed, beside={"sex": self.SEXES}))
        assert found.status is Status.FAIL
        assert "true_positive_rate by sex: f 0.5 of 50 and m 1 of 50" in found.summary

    def test_rows_of_few_entities_are_few(self) -> None:
        """Two patients and a half: the others of their group are found."""
        missed = [row for row in range(ROWS) if TRUTH[row] == "yes" and self.SEXES[row] == "f"][:25]
        by_patient = record(*missed, beside={"sex": self.SEXES, "patient": tuple(row // 80 for row in range(ROWS))})
        assert self.judge(by_patient).status is Status.FAIL
        found = self.judge(by_patient, entity="patient")
        assert found.status is Status.INCONCLUSIVE
        assert "f 0.5 of 50 and m 1 of 50" in found.summary

    def test_a_small_group_leaves_it_open(self) -> None:
        few = tuple("f" if row < 40 else "m" for row in range(ROWS))
        found = self.judge(record(beside={"sex": few}))
        assert found.status is Status.INCONCLUSIVE
        assert "of 10" in found.summary
        assert "rows would decide" in found.summary

    def test_one_group_is_compared_with_nobody(self) -> None:
        assert self.judge(record(beside={"sex": ("f",) * ROWS})).status is Status.INCONCLUSIVE

    def test_numbers_have_no_such_rates(self) -> None:
        assert self.judge(numbers(0.1), metric="mae").status is Status.NOT_APPLICABLE


class TestCalibration:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality_trust.calibrated(given, settings(quality=declared))

    def test_nine_of_ten_at_ninety_percent_passes(self) -> None:
        wrong = [*range(0, 128, 4), *range(1, 33, 4)]
        found = self.judge(record(*wrong), calibration_error=0.1)
        assert found.status is Status.PASS
        assert found.details[0].startswith("as seen")
        assert any(line.startswith("said 0.1, came true") for line in found.details)

    def test_always_very_sure_fails(self) -> None:
        assert self.judge(record(*range(100), sure=0.999)).status is Status.FAIL

    def test_rows_of_few_entities_are_few(self) -> None:
        by_patient = record(*range(100), sure=0.999, beside={"patient": tuple(row // 80 for row in range(ROWS))})
        assert self.judge(by_patient).status is Status.FAIL
        assert self.judge(by_patient, entity="patient").status is Status.INCONCLUSIVE

    def test_few_rows_leave_it_open(self) -> None:
        few = LabelledAnswers(TRUTH[:30], answers(1, 5, 9)[:30], 30)
        assert self.judge(few).status is Status.INCONCLUSIVE

    def test_without_probabilities_there_is_nothing_to_judge(self) -> None:
        bare = replace(record(), answers=tuple(Prediction(one) for one in TRUTH))
        assert self.judge(bare).status is Status.NOT_APPLICABLE

    def test_of_three_classes_the_answers_own_probability_counts(self) -> None:
        truth: tuple[Label, ...] = ("a", "b", "c") * 100
        shares = {"a": (0.98, 0.01, 0.01), "b": (0.01, 0.98, 0.01), "c": (0.01, 0.01, 0.98)}
        said = tuple(Prediction(one, shares[str(one)], classes=("a", "b", "c")) for one in truth)
        assert self.judge(LabelledAnswers(truth, said, 300)).status is Status.PASS
        shifted = (*said[1:], said[0])
        assert self.judge(LabelledAnswers(truth, shifted, 300)).status is Status.FAIL


class TestNoise:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality_trust.noise(given, settings(quality=declared))

    @pytest.mark.parametrize(
        ("changed", "status"), [(4, Status.PASS), (20, Status.INCONCLUSIVE), (60, Status.FAIL)], ids=str
    )
    def test_few_answers_change(self, changed: int, status: Status) -> None:
        assert self.judge(record(noisy=answers(*range(changed)))).status is status

    def test_numbers_change_if_they_move_far(self) -> None:
        steady = numbers(0.0)
        near = tuple(Prediction(float(str(one)) + 0.1) for one in steady.truth)
        far = tuple(Prediction(float(str(one)) + 1.0) for one in steady.truth)
        assert self.judge(replace(steady, noisy=near), metric="mae").status is Status.PASS
        assert self.judge(replace(steady, noisy=far), metric="mae").status is Status.FAIL

    def test_nothing_to_shake(self) -> None:
        assert self.judge(record()).status is Status.NOT_APPLICABLE


class TestOfflineParity:
    def judge(self, given: LabelledAnswers, offline: object = "model:predict", **declared: object) -> Finding:
        return quality_parity.offline_parity(given, settings(quality={"offline": offline, **declared}))

    def test_the_same_answers_pass(self) -> None:
        found = self.judge(record(3, offline=answers(3)))
        assert found.status is Status.PASS
        assert "all 400 rows are answered alike" in found.summary

    def test_one_row_answered_otherwise_fails_and_is_named(self) -> None:
        found = self.judge(record(3, 7, offline=answers(3)))
        assert found.status is Status.FAIL
        assert "accuracy 0.995 through the endpoint, 0.9975 offline: 1 of 400 rows" in found.summary
        assert found.details[0].startswith("row 8 of the file")

    def test_other_probabilities_fail_beyond_the_tolerance(self) -> None:
        given = record(offline=answers(sure=0.91))
        assert self.judge(given).status is Status.FAIL
        assert self.judge(given, offline_tolerance=0.2).status is Status.PASS

    def test_classes_may_stand_in_another_order(self) -> None:
        turned = tuple(
            replace(one, probabilities=tuple(reversed(one.probabilities or ())), classes=("yes", "no"))
            for one in answers()
        )
        assert self.judge(record(offline=turned)).status is Status.PASS

    @pytest.mark.parametrize(
        ("recorded", "status"), [(0.9925, Status.PASS), (0.99, Status.PASS), (0.98, Status.FAIL), (0.994, Status.FAIL)]
    )
    def test_a_number_is_compared_as_it_was_rounded(self, recorded: float, status: Status) -> None:
        assert self.judge(record(1, 2, 3), recorded).status is status

    @pytest.mark.parametrize(
        ("wrong", "recorded", "status"),
        [
            (40, 0.9, Status.PASS),
            (41, 0.9, Status.PASS),
            (56, 0.9, Status.INCONCLUSIVE),
            (16, 1.0, Status.INCONCLUSIVE),
            (61, 0.9, Status.FAIL),
            (6, 0.98, Status.PASS),
            (6, 0.99, Status.PASS),
        ],
    )
    def test_few_places_excuse_little(self, wrong: int, recorded: float, status: Status) -> None:
        """0.9 may be 0.900 or a rounded 0.86; 0.985 is rounded to either side."""
        assert self.judge(record(*range(wrong)), recorded).status is status

    @pytest.mark.parametrize(
        ("off", "recorded", "status"),
        [
            (5e-05, 5e-05, Status.PASS),
            (0.25, 5e-05, Status.FAIL),
            (2.01, 2.0, Status.PASS),
            (2.04, 2.0, Status.INCONCLUSIVE),
            (2.2, 2.0, Status.FAIL),
        ],
    )
    def test_an_error_is_rounded_by_its_own_size(self, off: float, recorded: float, status: Status) -> None:
        """Numbers of an exponent have the places that it says."""
        assert self.judge(numbers(off), recorded, metric="mae").status is status

    def test_a_declared_tolerance_decides(self) -> None:
        assert self.judge(record(*range(56)), 0.9, offline_tolerance=0.05).status is Status.PASS

    def test_a_number_is_of_all_rows(self) -> None:
        some = replace(record(), answers=(None, *answers()[1:]))
        assert self.judge(some, 1.0).status is Status.INCONCLUSIVE


class TestOptimisedParity:
    def judge(self, given: LabelledAnswers, **declared: object) -> Finding:
        return quality_parity.optimised_parity(given, settings(quality={"unoptimised": "model:predict", **declared}))

    @pytest.mark.parametrize(
        ("flips", "status"), [(0, Status.PASS), (4, Status.INCONCLUSIVE), (12, Status.FAIL)], ids=str
    )
    def test_labels_that_flip(self, flips: int, status: Status) -> None:
        found = self.judge(record(*range(flips), unoptimised=answers()))
        assert found.status is status
        assert value(found) == flips / ROWS

    def test_probabilities_may_move_a_little(self) -> None:
        assert self.judge(record(unoptimised=answers(sure=0.92))).status is Status.PASS
        found = self.judge(record(unoptimised=answers(sure=0.99)))
        assert found.status is Status.FAIL
        assert found.details[0] == "the largest move is 0.09"

    def test_numbers_move_relative_to_what_they_span(self) -> None:
        given = numbers(0.0, 400)
        near = replace(given, unoptimised=tuple(Prediction(float(str(one)) + 0.2) for one in given.truth))
        far = replace(given, unoptimised=tuple(Prediction(float(str(one)) + 0.6) for one in given.truth))
        assert self.judge(near, metric="mae").status is Status.PASS
        assert self.judge(far, metric="mae").status is Status.FAIL
