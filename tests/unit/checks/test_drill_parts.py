"""A rollback drill makes the parts that a selected check reads: with these alone it is judged as with all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_mlready.catalogue import check, checks
from pytest_mlready.finding import Finding, Status, passed
from pytest_mlready.records import Attempt, AutomaticRollback, Identity, RollbackDrill
from tests.unit.checks import test_deployment_orders as orders
from tests.unit.checks.test_deployment import HEALTHY, ONE, order
from tests.unit.checks.test_deployment_orders import REFUSED, SERVES
from tests.unit.records_made import settings

AGAIN = Attempt("same again", "promote", order("promote", ONE, 1.0), SERVES, SERVES)
TRIED = ("no right", "unknown version", "corrupt artefact")
WHOLE = replace(
    HEALTHY,
    attempts=(AGAIN, *(Attempt(kind, "a case", REFUSED, SERVES, SERVES) for kind in TRIED)),
    crowd=orders.TestConcurrentChanges.CROWD,
    kills=(orders.TestSurvivesKill.KILL,),
    automatic=AutomaticRollback(24, None, 0.5, 0.5),
    history=orders.TestHistoryComplete.KEPT,
)


def untried(drill: RollbackDrill, *kinds: str) -> RollbackDrill:
    return replace(drill, attempts=tuple(one for one in drill.attempts if one.kind not in kinds))


UNMADE: dict[str, Callable[[RollbackDrill], RollbackDrill]] = {
    "refusals": lambda drill: untried(drill, "no right", "unknown version"),
    "swaps": lambda drill: replace(drill, swaps=(), answers={}, failures={}),
    "crowd": lambda drill: replace(drill, crowd=None),
    "automatic": lambda drill: replace(drill, automatic=None),
    "kills": lambda drill: untried(replace(drill, kills=()), "corrupt artefact"),
}
DRILLED = [one.id for one in checks().values() if "rollback_drill" in one.arguments]
SATISFIED_BY_LESS = {"deployment.rollback_restores"}
"""One rollback is enough for it; those under load are more of the same."""


def status(name: str, drill: RollbackDrill) -> Status:
    made = checks()[name]
    known = {"rollback_drill": drill, "settings": settings(deployment={"workers": 2})}
    return made.judge({argument: known[argument] for argument in made.arguments}).status


@pytest.mark.parametrize("name", DRILLED)
def test_a_check_passes_on_the_parts_that_it_reads(name: str) -> None:
    drill = WHOLE
    for part in UNMADE.keys() - checks()[name].parts:
        drill = UNMADE[part](drill)
    assert status(name, drill) is status(name, WHOLE) is Status.PASS


@pytest.mark.parametrize("name", [one for one in DRILLED if checks()[one].parts and one not in SATISFIED_BY_LESS])
def test_without_them_it_does_not_pass(name: str) -> None:
    drill = WHOLE
    for part in checks()[name].parts:
        drill = UNMADE[part](drill)
    assert status(name, drill) is Status.INCONCLUSIVE


def test_a_part_that_its_evidence_has_not_is_refused() -> None:
    def judged(identity: Identity) -> Finding:
        """It holds.

        So that there is a check.
        """
        return passed("it holds")

    with pytest.raises(ValueError, match=r"identity\.part: its evidence has no such parts: \['swaps'\]"):
        check("identity.part", "must", remedy="", reads=("swaps",))(judged)
