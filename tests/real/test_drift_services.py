"""Small services with one fault of their drift monitor each are caught with the right cause; healthy ones are not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pytest_mlready.evidence import drift_drill, drift_reference
from pytest_mlready.evidence.exposition import samples_of
from pytest_mlready.finding import Status
from pytest_mlready.records import DriftLook, Exchange, Row
from pytest_mlready.settings import Drift, DriftReference
from tests.zoo.drift_judging import TEXT, InProcess, drilled, judged, judged_over_http, served
from tests.zoo.drifting import FAULTY, HEALTHY, PARITY, REFERENCE_ROWS, VERSION, DropsMissing, Faulty, Monitor

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


class Interrupted(InProcess):
    """Somebody loses patience at the first alarm."""

    alarms = 0

    def look(self, rows: int) -> DriftLook:
        seen = super().look(rows)
        self.alarms += bool(seen.firing)
        if seen.firing and self.alarms == 1:
            raise KeyboardInterrupt
        return seen


def test_the_service_is_left_quiet_even_if_the_drill_is_broken_off() -> None:
    monitor = Monitor()
    with pytest.raises(KeyboardInterrupt):
        drilled(monitor, SEED, Interrupted)
    assert not any(value for _, value in monitor.samples())


class Busy(InProcess):
    """Its monitor gets to look only when nobody wants anything of it."""

    told = ""

    def look(self, rows: int) -> DriftLook:
        page = self.told or self.monitor.metrics()
        self.told = page
        return self.reader.look(rows, samples_of(Exchange("page", "GET", "/metrics", 200, TEXT, page.encode())))

    def rest(self) -> None:
        self.told = ""


def test_a_look_that_comes_late_is_waited_for() -> None:
    findings = judged(drilled(Monitor(), SEED, Busy))
    assert {name: one.summary for name, one in findings.items() if one.status is not Status.PASS} == {}


class Hurried(InProcess):
    """There is time for so many rows."""

    sent, most = 0, 4400

    def send(self, rows: Sequence[Row]) -> Exchange | None:
        self.sent += len(rows)
        return super().send(rows)

    def room(self, rows: int) -> bool:
        return self.sent + rows < self.most


class LessHurried(Hurried):
    most = 6000


@pytest.mark.parametrize(
    ("made", "kind", "doubt"),
    [
        (Monitor, Hurried, "an unseen level in 5% of rows: no room in 5,000"),
        (DropsMissing, LessHurried, "missing in 5% of rows: not told of, once"),
    ],
)
def test_what_there_was_no_time_for_is_neither_seen_nor_missed(
    made: type[Monitor], kind: type[InProcess], doubt: str
) -> None:
    findings = judged(drilled(made(), SEED, kind))
    assert findings["drift.quiet"].status is Status.PASS
    assert findings["drift.detects"].status is Status.INCONCLUSIVE
    assert doubt in findings["drift.detects"].summary


@pytest.mark.parametrize(
    ("place", "told", "problem"),
    [
        (DriftReference(metric="drift_reference_info", label="version"), VERSION, ""),
        (DriftReference(metric="drift_reference_info", label="sha256"), None, "has a label 'sha256'"),
        (DriftReference(path="/model", key="reference.sha256"), None, "the answer has no 'sha256'"),
        (DriftReference(path="/nowhere", key="reference"), None, "GET /nowhere answered 404"),
        (DriftReference(path="/model", key="reference.version", file="{version}.json"), VERSION, ""),
    ],
)
def test_where_the_reference_is_told(
    place: DriftReference, told: str | None, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_reference, "PATIENCE_S", 0.0)
    with served(Monitor(), SEED) as context:
        signal = replace(drift_drill.declared(context), reference=place)
        settings = replace(context.settings, drift=Drift(signal=signal))
        content = b"of the reference"
        settings.path(f"{VERSION}.json").write_bytes(content)
        found = drift_reference.gather(replace(context, settings=settings))
    assert (found.told, found.version) == (told, VERSION)
    assert problem in found.problem
    assert found.sha256 == (hashlib.sha256(content).hexdigest() if place.file else None)


def test_the_declared_reference_is_what_traffic_is_drawn_from() -> None:
    with served(Monitor(), SEED) as context:
        pool, own = drift_drill._pool(context, drift_drill.declared(context))
    assert (len(pool), own) == (REFERENCE_ROWS, True)
    assert tuple(pool[0]) == tuple(context.rows[0])
