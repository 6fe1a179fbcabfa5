"""The experiments family on literal records: who is in which variant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import experiments
from pytest_mlready.finding import Status
from pytest_mlready.measure.assignment.functions import Unit, variant_of
from pytest_mlready.records import Assigned, Assignments, Sample
from pytest_mlready.settings import Settings
from tests.unit.records_made import exchange, settings

VARIANTS = [{"name": "control", "weight": 0.5}, {"name": "blue", "weight": 0.5}]
DECLARED: dict[str, Any] = {
    "name": "e",
    "function": "mlready-sha256-v1",
    "salt": "e",
    "variants": VARIANTS,
}
KNOWN = settings(experiments={"declared": [DECLARED]})
UNKNOWN = settings(experiments={"declared": [{"name": "e", "variants": VARIANTS}]})
AT = 1.8e9


def told(kind: str, *units: Unit, variant: str | None = "", experiment: str = "e") -> list[Assigned]:
    """Ids as the function has them, unless another variant is given."""
    declared = KNOWN.experiments.declared[0] if KNOWN.experiments else None
    assert declared is not None
    return [
        Assigned(
            experiment,
            unit,
            kind,
            variant_of(declared, unit) if variant == "" else variant,
            "422" if variant is None else "200",
            f"/assignment?user_id={unit}",
        )
        for unit in units
    ]


def assignments(*asked: list[Assigned], **given: Any) -> Assignments:
    return Assignments(tuple(one for some in asked for one in some), asked_at=AT, **given)


def other(unit: Unit) -> str:
    """The variant that an id is not in."""
    return {"control": "blue", "blue": "control"}[str(told("random", unit)[0].variant)]


def sample(count: int, blue: int, kind: str = "uuid") -> Sample:
    """So many of `count` users are blue, evenly among them."""
    return Sample("e", kind, ("control", "blue"), tuple(f"u{n}" for n in range(count)),
                  tuple(int(n * 7 * blue % count < blue) for n in range(count)))  # fmt: skip


PLAIN = told("random", *(f"user-{n}" for n in range(40)))


class TestSplit:
    def test_answers_as_the_function_has_them_pass(self) -> None:
        found = experiments.split(assignments(PLAIN), KNOWN)
        assert (found.status, found.summary) == (Status.PASS, "40 assignments are what the declared functions give")

    def test_one_answer_that_is_not_fails_and_can_be_asked_again(self) -> None:
        wrong = told("random", "ada", variant=other("ada"))
        found = experiments.split(assignments(PLAIN, wrong), KNOWN)
        assert found.status is Status.FAIL
        assert found.summary.startswith("1 of 41 assignments are not as declared; e: random id 'ada' is in bucket ")
        assert "user_id=ada" in found.replay

    def test_ends_and_odd_ids_are_others_business(self) -> None:
        wrong = told("end", "ada", variant=other("ada")) + told("emoji", "bo", variant=other("bo"))
        assert experiments.split(assignments(PLAIN, wrong), KNOWN).status is Status.PASS

    def test_published_ranges_count(self) -> None:
        """After a ramp a variant holds ranges that its weight alone does not tell."""
        swapped = [{"name": "control", "weight": 0.5, "ranges": [[5000, 10000]]},
                   {"name": "blue", "weight": 0.5, "ranges": [[0, 5000]]}]  # fmt: skip
        given = {"e": exchange(200, {"variants": swapped}, method="GET")}
        asked = [replace(one, variant=other(one.unit)) for one in PLAIN]
        assert experiments.split(assignments(asked, definitions=given), KNOWN).status is Status.PASS
        assert experiments.split(assignments(PLAIN, definitions=given), KNOWN).status is Status.FAIL

    def test_without_answers_nothing_is_said(self) -> None:
        refused = told("random", *(f"u{n}" for n in range(9)), variant=None)
        found = experiments.split(assignments(refused), KNOWN)
        assert (found.status, "answered 422" in found.summary) == (Status.INCONCLUSIVE, True)
        assert experiments.split(assignments(), KNOWN).status is Status.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("blue", "status"), [(500, Status.PASS), (560, Status.PASS), (575, Status.INCONCLUSIVE), (620, Status.FAIL)]
    )
    def test_an_unknown_function_is_judged_by_the_shares(self, blue: int, status: Status) -> None:
        found = experiments.split(assignments(PLAIN, samples=(sample(1000, blue),)), UNKNOWN)
        assert found.status is status
        if status is Status.PASS:
            assert "1000 users show a share of 50% that is off by 11.5%, not less" in found.summary
        if status is Status.FAIL:
            assert "blue 62.0% (declared 50.0%)" in found.summary

    def test_a_variant_that_nobody_declared_is_proof(self) -> None:
        made = replace(sample(10, 1), names=("control", "green"))
        assert experiments.split(assignments(PLAIN, samples=(made,)), UNKNOWN).status is Status.FAIL

    def test_nobody_sampled_says_nothing(self) -> None:
        assert experiments.split(assignments(PLAIN), UNKNOWN).status is Status.INCONCLUSIVE


class TestSticky:
    def test_the_same_again_passes(self) -> None:
        found = experiments.sticky(assignments(PLAIN, told("again", "user-1", "user-2")))
        assert (found.status, found.measurement and found.measurement.n) == (Status.PASS, 2)

    def test_another_variant_fails(self) -> None:
        found = experiments.sticky(assignments(PLAIN, told("again", "user-1", variant=other("user-1"))))
        assert found.status is Status.FAIL
        assert "e: id 'user-1' was told" in found.summary
        assert "seq 40" in found.replay

    def test_a_number_and_its_digits_are_two_ids_unless_asked_again(self) -> None:
        asked = [*told("integer", 7), *told("digits", "7", variant=other("7"))]
        assert experiments.sticky(assignments(asked)).status is Status.INCONCLUSIVE

    def test_nobody_asked_twice_says_nothing(self) -> None:
        assert experiments.sticky(assignments(PLAIN)).status is Status.INCONCLUSIVE


class TestUniformOverIds:
    ODD = told("emoji", *(f"\U0001f600{n}" for n in range(5))) + told("long", "u" * 200)

    def test_special_ids_where_they_belong_pass(self) -> None:
        found = experiments.uniform_over_ids(assignments(PLAIN, self.ODD), KNOWN)
        assert (found.status, found.summary) == (Status.PASS, "6 ids of 2 kinds are where they belong")

    def test_one_that_is_not_fails_by_its_kind(self) -> None:
        wrong = told("composed", "jos\u00e9", variant=other("jos\u00e9"))
        found = experiments.uniform_over_ids(assignments(self.ODD, wrong), KNOWN)
        assert found.status is Status.FAIL
        assert "ids of special kinds (1 composed)" in found.summary

    def test_a_refused_id_is_told_and_no_fault(self) -> None:
        found = experiments.uniform_over_ids(assignments(self.ODD, told("spaced", " ", variant=None)), KNOWN)
        assert (found.status, found.details) == (Status.PASS, ("refused: 1 spaced",))

    def test_an_id_that_breaks_the_service_fails(self) -> None:
        broken = replace(told("emoji", "x", variant=None)[0], outcome="500")
        assert experiments.uniform_over_ids(assignments(self.ODD, [broken]), KNOWN).status is Status.FAIL
        odd = (exchange(500, case="half of a surrogate pair", method="GET"),)
        found = experiments.uniform_over_ids(assignments(self.ODD, odd=odd), KNOWN)
        assert (found.status, found.summary) == (Status.FAIL, "half of a surrogate pair is answered 500")

    def test_an_unknown_function_is_judged_by_kinds(self) -> None:
        apart = (sample(600, 400, "uuid"), sample(600, 200, "email"))
        assert experiments.split(assignments(PLAIN, samples=apart), UNKNOWN).status is Status.PASS
        found = experiments.uniform_over_ids(assignments(self.ODD, samples=apart), UNKNOWN)
        assert found.status is Status.FAIL
        assert "the split is not as declared" in found.summary


class TestIntEqualsStringId:
    def test_the_same_for_both_passes(self) -> None:
        found = experiments.int_equals_string_id(assignments(told("integer", 7, 42), told("digits", "7", "42")), KNOWN)
        assert (found.status, found.summary) == (Status.PASS, "2 ids are told the same as a number and as text")

    def test_another_for_one_of_them_fails(self) -> None:
        asked = assignments(told("integer", 7, variant=other(7)), told("digits", "7"))
        found = experiments.int_equals_string_id(asked, UNKNOWN)
        assert found.status is Status.FAIL
        assert "e: 7 is told " in found.summary

    def test_digits_that_are_read_as_a_number_fail(self) -> None:
        asked = assignments(told("digits", "007", variant=other("007")), told("integer", 1, 2))
        found = experiments.int_equals_string_id(asked, KNOWN)
        assert (found.status, "digits id '007'" in found.summary) == (Status.FAIL, True)

    def test_who_refuses_most_is_not_judged(self) -> None:
        asked = assignments(told("integer", 7, 8, variant=None), told("digits", "7"))
        assert experiments.int_equals_string_id(asked, KNOWN).status is Status.INCONCLUSIVE


class TestBoundaryExact:
    def test_ends_on_the_right_side_pass(self) -> None:
        found = experiments.boundary_exact(assignments(told("end", "a", "b", "c")), KNOWN)
        assert found.status is Status.PASS

    def test_one_on_the_wrong_side_fails(self) -> None:
        found = experiments.boundary_exact(assignments(told("end", "a", "b", variant=other("b"))), KNOWN)
        assert found.status is Status.FAIL

    def test_a_weight_of_zero_is_nobody(self) -> None:
        nobody = settings(experiments={"declared": [{**DECLARED, "variants": [*VARIANTS, {"name": "c", "weight": 0}]}]})
        found = experiments.boundary_exact(assignments(told("random", "ada", variant="c")), nobody)
        assert found.status is Status.FAIL
        assert "'c', whose weight is 0" in found.summary

    def test_without_a_function_only_weights_of_zero_can_be_seen(self) -> None:
        variants = [{"name": "control", "weight": 1}, {"name": "blue", "weight": 0}]
        nobody = settings(experiments={"declared": [{"name": "e", "variants": variants}]})
        asked = assignments(told("random", *map(str, range(300)), variant="control"))
        found = experiments.boundary_exact(asked, nobody)
        assert found.status is Status.PASS
        assert found.summary == "none of 300 users is in a variant of weight 0; it may still have 0.99%"
        assert experiments.boundary_exact(asked, UNKNOWN).status is Status.INCONCLUSIVE


def test_outside_its_dates_everyone_is_expected_in_the_control() -> None:
    ended: Settings = settings(experiments={"declared": [{**DECLARED, "ends_at": "2020-01-01T00:00:00Z"}]})
    asleep = assignments(told("random", *(f"u{n}" for n in range(20)), variant="control"))
    assert experiments.split(asleep, ended).status is Status.PASS
    assert experiments.split(assignments(PLAIN), ended).status is Status.FAIL
