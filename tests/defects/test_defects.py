"""Each planted defect is found by its check, is named first, and turns nothing else red that the same evidence shows.

Against the whole checklist they are held by `benchmarks/defect_matrix.py`.
"""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from pytest_mlready.catalogue import checks
from reference_service.components import Components
from tests.defects.conftest import Ask
from tests.defects.judging import HEALTHY, disagreements
from tests.defects.planting import defect, defects

MOST_LINES = 15


@pytest.mark.parametrize("name", [HEALTHY])
def test_the_healthy_service_is_ready(name: str, judged: Ask) -> None:
    run = judged(name)
    assert (run.exit_code, run.state, run.red) == (0, "READY", frozenset()), run.output


@pytest.mark.parametrize("name", list(defects()))
def test_a_planted_defect_is_found(name: str, judged: Ask) -> None:
    run = judged(name)
    assert disagreements(defects()[name], run) == [], run.output


def test_every_must_check_has_a_defect_that_it_finds() -> None:
    found = {one.check for one in defects().values()}
    assert [one.id for one in checks().values() if one.severity == "must" and one.id not in found] == []


@pytest.mark.parametrize("family", ["experiments", "deployment"])
def test_every_check_of_these_families_has_two_defects(family: str) -> None:
    found = Counter(one.check for one in defects().values())
    assert [one.id for one in checks().values() if one.family == family and found[one.id] < 2] == []


def test_defects_name_checks_of_the_catalogue() -> None:
    named = {check for one in defects().values() for check in (one.check, *one.also)}
    assert named - checks().keys() == set()


@pytest.mark.parametrize("name", list(defects()))
def test_a_defect_is_a_few_lines_with_one_that_says_the_fault(name: str) -> None:
    source = inspect.getsource(defects()[name].plant)
    lines = [line for line in source[source.index("def ") :].splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    assert len((defects()[name].plant.__doc__ or "").strip().splitlines()) == 1


def test_a_name_is_taken_once() -> None:
    def health_says_unknown_where_predict_says_1(components: Components) -> Components:
        return components

    assert health_says_unknown_where_predict_says_1.__name__ in defects()
    with pytest.raises(ValueError, match="there is a defect 'health_says_unknown_where_predict_says_1' already"):
        defect("identity.version_agrees")(health_says_unknown_where_predict_says_1)


def test_the_type_of_the_parameter_says_where_the_fault_sits() -> None:
    def nowhere(part: int) -> int:
        return part

    with pytest.raises(ValueError, match="nowhere: annotate the parameter as one of"):
        defect("identity.version_agrees")(nowhere)
