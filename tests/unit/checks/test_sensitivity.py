"""What moves an answer, on literal records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks import sensitivity
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Answered, Answers, Edit, Edits, Prediction
from tests.unit.records_made import answered, replayed, settings

ROWS = range(10)


def scored(row: int, score: float) -> Answered:
    return answered(row, int(score > 0.5), (1 - score, score))


SINGLES = tuple(scored(row, 0.05 + row / 20) for row in ROWS)
ANSWERS = Answers(SINGLES, ())


def edits(column: str, *steps: tuple[float, float], row: int = 4) -> Edits:
    """Row 4, whose score is 0.25 and whose every value is 2.0, with other values of a column and their scores."""
    return Edits(SINGLES, tuple(Edit(row, column, 2.0, value, scored(row, score)) for value, score in steps))


class TestInputMatters:
    def judge(self, answers: Answers, given: Edits, **relations: object) -> Finding:
        return sensitivity.input_matters(answers, given, settings(relations=relations) if relations else settings())

    def test_answers_that_vary_pass(self) -> None:
        found = self.judge(ANSWERS, edits("age", (1.0, 0.2), (3.0, 0.25)))
        assert found.status is Status.PASS
        assert "1 of 1 features" in found.summary

    def test_one_answer_for_all_fails(self) -> None:
        same = tuple(scored(row, 0.4) for row in ROWS)
        found = self.judge(Answers(same, ()), Edits(same, ()))
        assert found.status is Status.FAIL
        assert "all 20 rows get one answer" in found.summary
        assert [holds for holds, _ in replayed(found)] == ["vary"]

    def test_a_declared_feature_that_moves_nothing_fails(self) -> None:
        idle = tuple(Edit(row, "age", 2.0, 3.0, SINGLES[row]) for row in ROWS)
        found = self.judge(ANSWERS, Edits(SINGLES, idle[:8]), active=["age"])
        assert found.status is Status.FAIL
        assert "no edit of age changed any answer" in found.summary
        found = self.judge(ANSWERS, Edits(SINGLES, idle[:7]), active=["age"])
        assert found.status is Status.INCONCLUSIVE
        assert "age in 7 rows changed no answer, 8 rows are needed" in found.summary
        assert self.judge(ANSWERS, edits("age", (1.0, 0.25), (3.0, 0.3)), active=["age"]).status is Status.PASS

    def test_a_declared_feature_that_was_not_edited_decides_nothing(self) -> None:
        found = self.judge(ANSWERS, edits("age", (1.0, 0.25), (3.0, 0.3)), active=["age", "income"])
        assert found.status is Status.INCONCLUSIVE
        assert "income, declared active, could not be edited" in found.summary

    def test_an_undeclared_feature_may_be_idle(self) -> None:
        assert self.judge(ANSWERS, edits("age", (1.0, 0.25))).status is Status.PASS

    def test_few_answers_decide_nothing(self) -> None:
        few = SINGLES[:3]
        assert self.judge(Answers(few, ()), Edits(few, ())).status is Status.INCONCLUSIVE

    def test_mixes_of_few_samples_blame_nobody(self) -> None:
        few = tuple(scored(row, 0.4) for row in (0, 1))
        found = self.judge(Answers(few, (), mixed=few * 10), Edits(few, ()))
        assert found.status is Status.INCONCLUSIVE
        assert "2 sample rows get one answer, 8 are needed" in found.summary


class TestDeclaredRelations:
    def judge(self, given: Edits, **relations: object) -> Finding:
        return sensitivity.declared_relations(given, settings(relations=relations))

    RISING = edits("age", (1.0, 0.2), (3.0, 0.3), (4.0, 0.3))

    def test_a_direction_that_holds_passes(self) -> None:
        found = self.judge(self.RISING, increasing=["age"])
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 3

    def test_a_direction_that_is_broken_fails_with_where(self) -> None:
        found = self.judge(self.RISING, decreasing=["age"])
        assert found.status is Status.FAIL
        assert "sample row 4: age from 1 to 2 raises the score from 0.2 to 0.25" in found.summary
        assert "2 of 3" in found.summary
        assert [holds for holds, _ in replayed(found)] == ["ordered"]

    def test_the_last_bits_of_a_sum_are_no_direction(self) -> None:
        assert self.judge(edits("age", (3.0, 0.25 - 1e-12)), increasing=["age"]).status is Status.PASS

    def test_the_score_may_be_of_a_class_by_its_place(self) -> None:
        assert self.judge(self.RISING, increasing=["age"], score=0).status is Status.FAIL
        assert self.judge(self.RISING, increasing=["age"], score=1).status is Status.PASS

    def test_the_score_may_be_of_a_class_by_its_name(self) -> None:
        def named(one: Answered) -> Answered:
            assert one.only is not None
            return replace(one, predictions=(replace(one.only, classes=("no", "yes")),))

        given = Edits(
            tuple(map(named, SINGLES)),
            tuple(replace(one, answered=named(one.answered)) for one in self.RISING.edits),
        )
        assert self.judge(given, increasing=["age"], score="yes").status is Status.PASS
        assert self.judge(given, increasing=["age"], score="no").status is Status.FAIL

    def test_what_must_not_matter_must_not(self) -> None:
        assert self.judge(edits("debt", (1.0, 0.25)), invariant=["debt"]).status is Status.PASS
        found = self.judge(edits("debt", (1.0, 0.26)), invariant=["debt"])
        assert found.status is Status.FAIL
        assert "changes the answer" in found.summary

    @pytest.mark.parametrize(("value", "status"), [(5.0, Status.PASS), (-1.0, Status.FAIL), (11.0, Status.FAIL)])
    def test_predictions_keep_their_bounds(self, value: float, status: Status) -> None:
        one = answered(0, value, None)
        assert self.judge(Edits((one,), ()), minimum=0.0, maximum=10.0).status is status

    def test_a_reference_is_agreed_with(self) -> None:
        same = tuple(one.only for one in SINGLES if one.only is not None)
        assert self.judge(Edits(SINGLES, (), same), reference="a:b").status is Status.PASS
        other = (Prediction(1, (0.9, 0.1)), *same[1:])
        found = self.judge(Edits(SINGLES, (), other), reference="a:b")
        assert found.status is Status.FAIL
        assert "sample row 0: the reference says otherwise: prediction 1 and 0" in found.summary

    def test_nothing_to_compare_decides_nothing(self) -> None:
        broken = (answered(0, status=500),)
        assert self.judge(Edits(broken, ()), increasing=["age"]).status is Status.INCONCLUSIVE

    def test_active_columns_alone_are_for_another_check(self) -> None:
        found = self.judge(Edits(SINGLES, ()), active=["age"])
        assert found.status is Status.NOT_APPLICABLE
        assert "fuzz.input_matters" in found.summary
