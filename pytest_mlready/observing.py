"""Users' own tests in the report: marker and outcome become a finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest import CallInfo, Item, StashKey, TestReport, UsageError, fail

from pytest_mlready.catalogue import checks
from pytest_mlready.finding import Finding, Measurement, Severity, Status, finite
from pytest_mlready.ledger import Planned
from pytest_mlready.records import Errored
from pytest_mlready.run import Unavailable


@dataclass
class Observation:
    """What a test says about what it saw; the last `observe` counts, details add up."""

    measurement: Measurement | None = None
    details: list[str] = field(default_factory=list)

    def observe(
        self,
        value: float | str,
        *,
        unit: str = "",
        n: int | None = None,
        interval: tuple[float, float] | None = None,
        limit: float | str | None = None,
    ) -> None:
        """Attach the observed value, in `unit`, of `n` samples, with its confidence interval and limit."""
        self.measurement = finite(Measurement(value, unit, n, interval, limit))

    def attach(self, evidence: object) -> None:
        """Attach a piece of evidence as text; an Exchange is shown as its request and outcome."""
        text = evidence if isinstance(evidence, str) else repr(evidence)
        self.details.append(text[:1000])

    def include(self, finding: Finding) -> None:
        """Attach what a judgement found: its measurement, its summary and its details."""
        self.measurement = finding.measurement and finite(finding.measurement)
        self.details += [finding.summary, *finding.details]


OBSERVED: StashKey[Observation] = StashKey()


def planned(item: Item) -> Planned:
    """Id and severity of a marked test. Raises UsageError where the marker is not as its signature."""
    marker = item.get_closest_marker("mlready")
    if marker is None:
        raise ValueError(f"{item.nodeid} is not marked mlready")
    where = f"{item.nodeid}: mlready marker"
    if len(marker.args) > 1 or (unknown := set(marker.kwargs) - {"id", "severity", "why"}):
        extra = f" (got {sorted(unknown)})" if len(marker.args) <= 1 else " (got several positional arguments)"
        raise UsageError(f'{where}: expected mlready(id, *, severity="must", why=""){extra}')
    function = getattr(item, "originalname", None) or item.name
    name = marker.args[0] if marker.args else marker.kwargs.get("id") or f"user.{function}"
    severity = marker.kwargs.get("severity", "must")
    if severity not in list(Severity):
        raise UsageError(f"{where}: severity must be one of {', '.join(Severity)}, not {severity!r}")
    if not isinstance(name, str) or not name:
        raise UsageError(f"{where}: the id must be a text such as 'team.tax_rule', not {name!r}")
    callspec = getattr(item, "callspec", None)
    return Planned(item.nodeid, f"{name}[{callspec.id}]" if callspec else name, Severity(severity))


def refuse_taken_id(item: Item) -> None:
    """Raise UsageError where a marked test claims the id of a check, whose verdict it would be taken for."""
    name = planned(item).check
    if name in checks():
        raise UsageError(f"{item.nodeid}: mlready marker: {name!r} is the id of a check; take another")


def refuse_missing(item: Item) -> None:
    """Say why there is none, where a test asks for evidence that could not be gathered."""
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Errored):
            raise Unavailable(f"no {value.name} evidence: {value.reason}")


def concluded(item: Item, call: CallInfo[Any], report: TestReport) -> Finding:
    """The finding of a marked test whose set-up or call ended as `call` says, and other plugins' `report` of it."""
    plan = planned(item)
    seen = item.stash.get(OBSERVED, Observation())
    marker = item.get_closest_marker("mlready")
    why = marker.kwargs.get("why", "") if marker else ""
    return Finding(
        *_outcome(call, report, seen),
        measurement=seen.measurement,
        details=tuple(seen.details),
        check=plan.check,
        severity=plan.severity,
        why=why,
        nodeid=item.nodeid,
    )


def _outcome(call: CallInfo[Any], report: TestReport, seen: Observation) -> tuple[Status, str]:
    if call.excinfo is None and report.failed:  # a strict xfail that passed, a plugin's collected failures
        return Status.FAIL, (report.longreprtext.strip().splitlines() or ["failed"])[0]
    if call.excinfo is None:
        return Status.PASS, _said(seen) or "the test passed"
    error = call.excinfo.value
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    if type(error).__name__ == "Skipped":
        return Status.NOT_RUN, f"skipped: {first}"
    if isinstance(error, (AssertionError, fail.Exception)):
        return Status.FAIL, first
    return Status.ERROR, f"{type(error).__name__}: {first}"


def _said(seen: Observation) -> str:
    one = seen.measurement
    if one is None:
        return ""
    unit = "" if one.unit in {"", "1"} else f" {one.unit}"
    return f"{one.value}{unit}" + (f", limit {one.limit}{unit}" if one.limit is not None else "")
