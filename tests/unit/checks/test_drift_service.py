from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest import mark

from pytest_mlready.checks import drift_service
from pytest_mlready.finding import Status
from pytest_mlready.records import (
    Answered,
    DriftDrill,
    DriftLook,
    DriftMetric,
    DriftReferenceTold,
    DriftTrial,
    Golden,
    Prediction,
)
from tests.unit.records_made import exchange

METRIC = DriftMetric("drift", above=0.5, feature_label="feature")


def look(rows: int = 100, *firing: str, **given: Any) -> DriftLook:
    """A look at two features, some of which tell of drift."""
    return DriftLook(rows, **{"samples": 2, "numbers": 2, "extreme": float(bool(firing)), "firing": firing, **given})


def trial(shift: str = "+0.5 sd", feature: str | None = "x", **given: Any) -> DriftTrial:
    """One that is told of after 200 rows and over after 100 more."""
    fire = (look(100), look(200, feature or "x"))
    return DriftTrial(shift, feature, **{"fire": fire, "recover": (look(100),), **given})


def drill(**given: Any) -> DriftDrill:
    """A healthy one."""
    quiet = tuple(look(100 * n) for n in range(1, 47))
    made = DriftDrill(METRIC, quiet, (), (trial(), trial("missing", "y")), (), 500, True, 900, True, 100)
    return replace(made, **given)


MISSED = trial(fire=tuple(look(100 * n) for n in range(1, 11)))
LATE = trial(fire=(look(100), look(600, "x")))
OTHERS = trial(fire=(look(100, "y"), look(1000, "y")))
CUT = trial(fire=(look(100), look(400)))
STUCK = trial(recover=(look(100, "x"), look(1000, "x")))
BLIND = (look(samples=0, numbers=0, extreme=None),) * 46
NAN = (look(numbers=0, extreme=None),) * 46


def refused() -> DriftTrial:
    return trial(fire=(), refused=exchange(422))


@mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, Status.PASS, "quiet in 46 looks at 4600 rows of 900"),
        ({"quiet": (look(100),) * 45}, Status.INCONCLUSIVE, "46 are needed"),
        ({"quiet": (look(100, "x"),) * 46, "again": (look(100, "x"),)}, Status.FAIL, "47 of 47 looks at reference"),
        ({"quiet": (look(100, "x"),), "again": (look(100),)}, Status.INCONCLUSIVE, "in a second phase in none"),
        (
            {"quiet": (look(100, "x"),), "again": (look(1, "x"),), "from_reference": False},
            Status.INCONCLUSIVE,
            "unlike",
        ),
        ({"quiet": BLIND}, Status.INCONCLUSIVE, "exports no drift"),
        ({"quiet": NAN}, Status.INCONCLUSIVE, "is NaN in 46 looks"),
        ({"metric": None, "quiet": ()}, Status.INCONCLUSIVE, "no metric of a known drift monitor"),
    ],
)
def test_quiet(given: dict[str, Any], status: Status, words: str) -> None:
    found = drift_service.quiet(drill(**given))
    assert (found.status, words in found.summary) == (status, True), found.summary


@mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, Status.PASS, "told of 2 of 2 shifts of 2 kinds within 200 rows"),
        ({"metric": None, "quiet": ()}, Status.FAIL, "no metric of a known drift monitor"),
        ({"quiet": BLIND}, Status.FAIL, "exports no drift, with which it is to tell"),
        ({"quiet": (look(problem="no label"),) * 46}, Status.FAIL, "drift: no label"),
        ({"quiet": (*drill().quiet, look(samples=0, numbers=0, problem="it answered reset"))}, Status.PASS, "told of"),
        ({"quiet": NAN}, Status.FAIL, "is NaN in 46 looks at 100 rows"),
        ({"again": (look(100, "x"),), "trials": ()}, Status.INCONCLUSIVE, "before any was planted"),
        ({"trials": (MISSED, MISSED)}, Status.FAIL, "stood at 0 at all 66 looks"),
        ({"trials": (trial(), MISSED, MISSED)}, Status.FAIL, "'x': not told of in 1000 rows, 500 are promised"),
        ({"trials": (MISSED, MISSED, trial("all", None))}, Status.FAIL, "only when many features move at once"),
        ({"trials": (trial(), MISSED, MISSED, trial("all", None))}, Status.FAIL, "500 are promised"),
        ({"trials": (LATE, LATE)}, Status.FAIL, "told of it after 600 rows, 500 are promised"),
        ({"trials": (OTHERS, OTHERS)}, Status.FAIL, "told of drift of 'y' instead"),
        ({"trials": (STUCK,)}, Status.FAIL, "still tells of drift after 1000 rows"),
        ({"trials": (MISSED, MISSED), "promised": False}, Status.INCONCLUSIVE, "declare [drift.signal] within"),
        ({"trials": (MISSED, trial(), trial())}, Status.PASS, "told of 2 of 3"),
        ({"trials": (trial(), refused())}, Status.PASS, "told of 1 of 2"),
        ({"trials": (trial(), trial("missing", fire=MISSED.fire))}, Status.INCONCLUSIVE, "missing: not told of, once"),
        ({"trials": (CUT, CUT, trial())}, Status.PASS, "told of 1 of 3"),
        ({"trials": (refused(), refused())}, Status.INCONCLUSIVE, "told of 0 of 2"),
        ({"trials": (trial(),), "left_out": ("missing",)}, Status.INCONCLUSIVE, "missing: no room in 5,000 requests"),
        ({"trials": ()}, Status.INCONCLUSIVE, "told of 0 of 0"),
    ],
)
def test_detects(given: dict[str, Any], status: Status, words: str) -> None:
    found = drift_service.detects(drill(**given))
    assert (found.status, words in found.summary) == (status, True), found.summary


@mark.parametrize(
    ("told", "status"),
    [
        (DriftReferenceTold("2.0", "2.0"), Status.PASS),
        (DriftReferenceTold("1.0", "2.0"), Status.FAIL),
        (DriftReferenceTold(None, "2.0", "no such key"), Status.FAIL),
        (DriftReferenceTold("2.0", None), Status.INCONCLUSIVE),
        (DriftReferenceTold("sha256:ab", "2.0", file="2.0.json", sha256="ab"), Status.PASS),
        (DriftReferenceTold("ab", "2.0", file="2.0.json", sha256="ab"), Status.PASS),
        (DriftReferenceTold("cd", "2.0", file="2.0.json", sha256="ab"), Status.FAIL),
        (DriftReferenceTold("2.0", "2.0", file="2.0.json", sha256="ab"), Status.FAIL),
    ],
)
def test_reference_pinned(told: DriftReferenceTold, status: Status) -> None:
    assert drift_service.reference_pinned(told).status is status


def golden(value: float) -> Golden:
    answer = Answered(exchange(case="golden row 0"), (0,), (Prediction(value),))
    return Golden((Prediction(1.0),), (answer,), 1e-6, None)


@mark.parametrize(
    ("given", "status", "words"),
    [
        ({"golden": golden(1.0)}, Status.PASS, "after 400 rows that had drifted: 1 golden rows"),
        ({"golden": golden(1.5)}, Status.FAIL, "after 400 rows that had drifted: golden row 0: expected"),
        ({"golden": golden(1.5), "trials": ()}, Status.FAIL, "before any row had drifted"),
        ({"golden": golden(1.0), "trials": ()}, Status.INCONCLUSIVE, "no shifted traffic was sent"),
        ({"golden": None, "metric": None}, Status.INCONCLUSIVE, "no metric of a known drift monitor"),
    ],
)
def test_train_serve_parity(given: dict[str, Any], status: Status, words: str) -> None:
    found = drift_service.train_serve_parity(drill(**given))
    assert (found.status, words in found.summary) == (status, True), found.summary
