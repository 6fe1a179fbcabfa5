"""The drill of a running drift monitor: `python benchmarks/drift_service.py [--quick] [--json FILE] [--only PART …]`.

Small services over loopback, each drilled whole: reference traffic, planted shifts, reference traffic, golden rows.

faults    one fault of the monitor each; the check that must find it says the cause, and no other one fails
healthy   three healthy kinds of monitor, 60 runs in all: none may fail, and all should pass
monitor   in process, without HTTP and golden rows: the same three and the reference service's own, 200 runs each

Each run over HTTP may make 5,000 requests and take 30 s. Bounds are one-sided 95% Clopper-Pearson.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parts import concluded, parser_of, printed

from pytest_mlready.evidence.drift_drill import LONGEST_S, MOST_REQUESTS
from pytest_mlready.evidence.drift_phases import Phases
from pytest_mlready.evidence.drift_signal import PRESETS, Reader
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import DriftDrill, DriftLook, Exchange
from pytest_mlready.records import Row as Sent
from reference_service.drift.monitor import ALPHA, HORIZON_LOOKS
from reference_service.drift.panel import DRIFT, Panel
from reference_service.drift.profile import Profile
from reference_service.drift.window import Window, newest
from reference_service.training.datasets import breast_cancer
from tests.zoo.drift_judging import drilled, judged, judged_over_http
from tests.zoo.drifting import FAULTY, HEALTHY, Faulty

PARTS = ("faults", "healthy", "monitor")
WINDOW, LOOK_ROWS, WITHIN = 1000, 100, 1500


@dataclass
class Row:
    """Runs of one service: how many were judged right, how many failed and how many were left undecided."""

    part: str
    service: str
    runs: int = 0
    right: int = 0
    failed: int = 0
    undecided: int = 0
    most_requests: int = 0
    longest_s: float = 0.0
    said: list[str] = field(default_factory=list)

    def note(self, findings: dict[str, Finding], began: float, requests: int = 0) -> None:
        """Count one run of a healthy service."""
        self.runs += 1
        self.most_requests = max(self.most_requests, requests)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        statuses = {one.status for one in findings.values()}
        self.right += statuses == {Status.PASS}
        self.failed += Status.FAIL in statuses
        self.undecided += Status.FAIL not in statuses and statuses != {Status.PASS}
        self.said += [f"{name}: {one.summary}" for name, one in findings.items() if one.status is not Status.PASS]


class Own:
    """The reference service's window and panel, looked at each tenth of a window as it does itself."""

    def __init__(self) -> None:
        data = breast_cancer()
        self.names = data.features
        self.pool = tuple(dict(zip(data.features, row, strict=True)) for row in data.train_rows.tolist())
        self.panel = Panel(Profile.of(data.features, data.train_rows.tolist()), ALPHA, HORIZON_LOOKS)
        self.window, self.reader = Window(WINDOW), Reader(PRESETS["reference"])
        self.verdicts = dict.fromkeys(data.features, 0.0)

    def send(self, rows: Sequence[Sent]) -> Exchange | None:
        """Observe, and look if enough rows are new."""
        self.window.observe([list(row.values()) for row in rows])
        if self.window.due():
            findings = self.panel.judge(newest(self.window.take(time.monotonic()), WINDOW))
            self.verdicts = {one.name: float(one.verdict == DRIFT) for one in findings}
        return None

    def look(self, rows: int) -> DriftLook:
        """What its gauges would tell."""
        told = [(self.reader.metric.name, {"feature": name}, value) for name, value in self.verdicts.items()]
        return self.reader.look(rows, told)

    def rest(self) -> None:
        """It has looked."""

    def room(self, rows: int) -> bool:
        """There is always room."""
        return True

    def drilled(self, seed: int) -> DriftDrill:
        """The whole drill."""
        empty = DriftDrill(self.reader.metric, (), within=WITHIN, promised=True, pool=len(self.pool))
        return Phases(self, self.pool, random.Random(seed), LOOK_ROWS, WITHIN, missing=False).drill(empty)


def faults() -> Iterator[Row]:
    """Each fault once, over HTTP."""
    for one in FAULTY:
        row = Row("faults", one.name)
        began = time.monotonic()
        findings, drill = judged_over_http(one.made(), 0)
        row.note(findings, began, drill.requests)
        row.right, row.said = int(caught(one, findings)), [findings[one.check].summary]
        yield row


def caught(fault: Faulty, findings: dict[str, Finding]) -> bool:
    """Whether its check fails with its cause, and no other one fails."""
    red = {name for name, one in findings.items() if one.status is Status.FAIL}
    return fault.check in red and red <= {fault.check, *fault.also} and fault.cause in findings[fault.check].summary


def healthy(runs: int) -> Iterator[Row]:
    """Whole runs over HTTP."""
    for made in HEALTHY:
        row = Row("healthy", made.__name__)
        for seed in range(runs):
            began = time.monotonic()
            findings, drill = judged_over_http(made(), seed)
            row.note(findings, began, drill.requests)
        yield row


def monitors(runs: int) -> Iterator[Row]:
    """In process."""
    kinds: list[tuple[str, Callable[[int], DriftDrill]]] = [
        *((made.__name__, lambda seed, made=made: drilled(made(), seed)) for made in HEALTHY),
        ("reference service", lambda seed: Own().drilled(seed)),
    ]
    for name, drill_of in kinds:
        row = Row("monitor", name)
        for seed in range(runs):
            began = time.monotonic()
            row.note(judged(drill_of(seed)), began)
        yield row


def rows_of(part: str, options: argparse.Namespace) -> Iterable[Row]:
    """One part of the table."""
    if part == "faults":
        return faults()
    return healthy(2 if options.quick else 20) if part == "healthy" else monitors(5 if options.quick else 200)


def line(row: Row) -> str:
    """As it is printed."""
    said = f"  {row.said[0][:110]}" if row.said else ""
    if row.part == "faults":
        verdict = "caught" if row.right else "MISSED"
        return f"{row.service:<18}{verdict}  {row.most_requests:>5} requests {row.longest_s:5.1f} s{said}"
    upper = 1.0 if row.failed == row.runs else float(stats.beta.ppf(0.95, row.failed + 1, row.runs - row.failed))
    return (
        f"{row.part:<8} {row.service:<18} {row.runs:>4} runs: {row.right} pass, {row.failed} fail (<= {upper:.2%}), "
        f"{row.undecided} undecided; at most {row.most_requests} requests and {row.longest_s:.1f} s{said}"
    )


def missed(rows: Sequence[Row]) -> list[str]:
    """What is not as it must be."""
    found = [
        f"{one.service}: not caught, or with another cause" for one in rows if one.part == "faults" and not one.right
    ]
    found += [f"{one.service}: {one.failed} false fails" for one in rows if one.part != "faults" and one.failed]
    drilled_whole = [one for one in rows if one.part != "monitor"]  # in process nothing watches the clock
    bounded = (one for one in drilled_whole if one.most_requests > MOST_REQUESTS or one.longest_s > LONGEST_S)
    return [*found, *(f"{one.service}: {one.most_requests} requests, {one.longest_s:.0f} s" for one in bounded)]


def main() -> int:
    """Print the table, and return 1 if a target is missed."""
    parser = parser_of(__doc__, PARTS, "2 healthy runs of each service, 5 of each monitor")
    options = parser.parse_args()
    rows = list(printed(options, lambda part: rows_of(part, options), line))
    return concluded(options, rows, missed(rows))


if __name__ == "__main__":
    raise SystemExit(main())
