"""The report document: stable, published as `schema.json` beside this file; every other rendering reads it only."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_mlready import __version__, found_rows
from pytest_mlready.finding import Finding, Severity, Status
from pytest_mlready.ledger import State, Verdict

if TYPE_CHECKING:
    from pytest_mlready.run import Run

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Report:
    """Everything a reader may show. `problem` says why a run could not be made, or ended early."""

    run: Mapping[str, Any]
    target: Mapping[str, Any]
    verdict: Verdict
    findings: tuple[Finding, ...]
    problem: str | None = None
    directory: str = ""
    requires: tuple[str, ...] = field(default=())

    @property
    def state(self) -> State:
        """The verdict's word."""
        return self.verdict.state

    def of(self, *statuses: Status) -> list[Finding]:
        """The findings with one of these statuses, what blocks first."""
        chosen = [one for one in self.findings if one.status in statuses]
        return sorted(chosen, key=lambda one: list(Severity).index(one.severity))


def build(run: Run, findings: list[Finding], verdict: Verdict) -> Report:
    """The document of a run that was made."""
    target = run.target
    service = run.settings.service
    about_run = {
        "id": run.id,
        "started_at": _iso(run.started_at),
        "duration_s": round(time.time() - run.started_at, 3),
        "profile": run.profile,
        "partial": verdict.partial is not None,
        "replay": run.replay,
        "seed": run.seed,
        "tool": {"name": "pytest-mlready", "version": __version__},
        "machine": _machine(),
        "generator": run.generator(),
        "rows": {"count": len(run.rows), "source": found_rows.source(run)},
    }
    about_target = {
        "name": run.name,
        "url": target.url if target is not None else service.url,
        "command": service.command,
        "protocol": service.protocol,
        "before": run.before or {},
        "after": run.after or {},
    }
    return Report(about_run, about_target, verdict, tuple(findings), run.problem, str(run.directory))


def unusable(problem: str, started_at: float) -> Report:
    """The document of a run that could not begin."""
    about_run = {
        "id": "",
        "started_at": _iso(started_at),
        "duration_s": 0.0,
        "profile": "",
        "partial": False,
        "replay": False,
        "seed": None,
        "tool": {"name": "pytest-mlready", "version": __version__},
        "machine": _machine(),
        "generator": {},
    }
    target: dict[str, Any] = {"name": "", "url": None, "command": None, "protocol": "", "before": {}, "after": {}}
    return Report(about_run, target, Verdict(State.NOT_READY), (), problem)


def as_plain(report: Report) -> dict[str, Any]:
    """The document as JSON-plain values, in the shape of `schema.json`."""
    verdict = report.verdict
    return {
        "schema_version": SCHEMA_VERSION,
        "run": dict(report.run),
        "target": dict(report.target),
        "verdict": {
            "state": str(verdict.state),
            "problem": report.problem,
            "blocking": list(verdict.blocking),
            "missing": list(verdict.missing),
            "counts": dict(sorted(verdict.counts.items())),
            "unclaimed": list(verdict.unclaimed),
            "partial": list(verdict.partial) if verdict.partial else None,
        },
        "checks": [_check(one) for one in report.findings],
    }


def as_json(report: Report) -> str:
    """The document's text: the same values give the same bytes."""
    return json.dumps(as_plain(report), indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _check(finding: Finding) -> dict[str, Any]:
    plain = finding.to_plain()
    return {
        "id": plain["check"],
        "nodeid": plain["nodeid"],
        "status": plain["status"],
        "severity": plain["severity"],
        "reason": plain["summary"],
        "measurement": dataclasses.asdict(finding.measurement) if finding.measurement is not None else None,
        "details": plain["details"],
        "evidence": plain["evidence"],
        "why": plain["why"],
        "remedy": plain["remedy"],
        "replay": plain["replay"],
    }


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
