"""Small services with one fault of their drift monitor each are caught with the right cause; healthy ones are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.evidence import drift_drill
from pytest_mlready.finding import Status
from tests.zoo.drift_judging import InProcess, drilled, judged, judged_over_http, served
from tests.zoo.drifting import FAULTY, HEALTHY, PARITY, REFERENCE_ROWS, WINDOW, Faulty, Monitor

SEED = 3
BY_HTTP = frozenset({PARITY, "drift.reference_pinned"})
"""What these checks judge is asked for over HTTP only."""


@pytest.mark.parametrize("made", HEALTHY, ids=lambda one: one.__name__)
def test_a_healthy_monitor_passes_over_http_within_its_bounds(made: type[Monitor]) -> None:
    findings, drill = judged_over_http(made(), SEED)
    assert {name: one.summary for name, one in findings.items() if one.status is not Status.PASS} == {}
    assert len(findings) == 4
    assert drill.requests <= drift_drill.MOST_REQUESTS
    assert {one.shift for one in drill.trials} == {
        "+0.5 sd",
        "-999 in 5% of rows",
        "x1000 in 10% of rows",
        "missing in 5% of rows",
        "an unseen level in 5% of rows",
    }


@pytest.mark.parametrize("faulty", FAULTY, ids=lambda one: one.name)
def test_a_fault_is_caught_with_its_cause(faulty: Faulty) -> None:
    monitor = faulty.made()
    over_http = faulty.check in BY_HTTP
    findings = judged_over_http(monitor, SEED)[0] if over_http else judged(drilled(monitor, SEED))
    red = {name for name, one in findings.items() if one.status is Status.FAIL}
    told = {name: one.summary for name, one in findings.items()}
    assert faulty.check in red, told
    assert faulty.cause in told[faulty.check]
    assert red <= {faulty.check, *faulty.also}, told


@pytest.mark.parametrize("made", HEALTHY, ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_monitor_passes_in_process(made: type[Monitor], seed: int) -> None:
    findings = judged(drilled(made(), seed))
    assert {name: one.summary for name, one in findings.items() if one.status is not Status.PASS} == {}


def test_rows_that_are_not_the_reference_itself_only_raise_a_doubt() -> None:
    drill = drilled(next(one for one in FAULTY if one.name == "AlwaysFiring").made(), SEED)
    found = judged(replace(drill, from_reference=False))["drift.quiet"]
    assert found.status is Status.INCONCLUSIVE
    assert "declare [drift.signal] rows" in found.summary


def test_the_service_is_left_quiet_even_if_the_drill_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()

    def interrupted(self: InProcess, rows: int) -> bool:
        if any(value for _, value in monitor.samples()):
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(InProcess, "room", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drilled(monitor, SEED)
    assert len(monitor.rows) == WINDOW
    assert not any(value for _, value in monitor.samples())


def test_the_declared_reference_is_what_traffic_is_drawn_from() -> None:
    with served(Monitor(), SEED) as context:
        pool, own = drift_drill._pool(context, drift_drill.declared(context))
    assert (len(pool), own) == (REFERENCE_ROWS, True)
    assert tuple(pool[0]) == tuple(context.rows[0])
