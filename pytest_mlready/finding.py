"""The one type that flows through everything: what a check found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from pytest_mlready.replay import Replay

MAX_JSON_BYTES = 8_000
LONGEST_CUT = 300
"""Characters that a text keeps which had to be cut."""
SERVICE = "http://SERVICE"
"""What checks, which are pure, write for the target's URL in a replay command; the run puts the real one in."""


class Status(StrEnum):
    """What became of a check. The word is public: it stands in reports and in test outcomes."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    WAIVED = "waived"
    ATTESTED = "attested"
    NOT_APPLICABLE = "not_applicable"
    UNCLAIMED = "unclaimed"
    DEFERRED = "deferred"
    NOT_RUN = "not_run"


class Severity(StrEnum):
    """How much a check weighs: only a `must` blocks a release."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


@dataclass(frozen=True)
class Measurement:
    """An observed value beside its limit.

    `value` and `limit` are in `unit` (SI where there is one: "s", "1/s", "1" for a ratio or a count);
    `n` is the number of samples behind the value, `interval` its confidence interval in the same unit; an end that is
    infinite is stored as a word.
    """

    value: float | str | None = None
    unit: str = ""
    n: int | None = None
    interval: tuple[float | str, float | str] | None = None
    limit: float | str | None = None


@dataclass(frozen=True)
class Finding:
    """One check's verdict, JSON-plain and at most 8 kB.

    A check returns it through `passed`, `failed`, `inconclusive` or `errored`; the catalogue adds the id, severity,
    remedy, evidence and replay command. `script` is a replay that is yet to be written into the report directory; it
    stays in the process that judged, for it may be long.
    """

    status: Status
    summary: str
    measurement: Measurement | None = None
    details: tuple[str, ...] = ()
    check: str = ""
    severity: Severity = Severity.MUST
    evidence: tuple[str, ...] = ()
    why: str = ""
    remedy: str = ""
    replay: str = ""
    nodeid: str = ""
    script: Replay | None = None

    @property
    def blocks(self) -> bool:
        """Whether this finding alone keeps a run from READY."""
        return self.severity is Severity.MUST and self.status in BLOCKING

    def to_plain(self) -> dict[str, Any]:
        """As JSON-plain values, cut down to `MAX_JSON_BYTES` from the least important text upwards."""
        plain = asdict(replace(self, script=None))
        del plain["script"]
        details = list(self.details)
        while details and _too_long(plain):
            details.pop()
            plain["details"] = [*details, "… more left out"]
        for name in ("why", "remedy", "replay", "summary"):
            if len(plain[name]) > LONGEST_CUT and _too_long(plain):
                plain[name] = plain[name][: LONGEST_CUT - 1] + "…"
        return plain

    def to_json(self) -> str:
        """One JSON string: it survives xdist's wire, a worker's crash and JUnit's properties."""
        return _dump(self.to_plain())

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Finding:
        """The reverse of `to_plain`."""
        values = dict(plain)
        measurement = values.get("measurement")
        if measurement is not None:
            interval = measurement.get("interval")
            values["measurement"] = Measurement(**{**measurement, "interval": tuple(interval) if interval else None})
        values["status"] = Status(values["status"])
        values["severity"] = Severity(values["severity"])
        values["details"] = tuple(values["details"])
        values["evidence"] = tuple(values["evidence"])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Finding:
        """The reverse of `to_json`."""
        return cls.from_plain(json.loads(text))


BLOCKING = frozenset({Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.NOT_RUN})


def passed(summary: str, measurement: Measurement | None = None, *, details: tuple[str, ...] = ()) -> Finding:
    """Evidence says so."""
    return Finding(Status.PASS, summary, measurement, details)


def failed(
    summary: str,
    measurement: Measurement | None = None,
    *,
    details: tuple[str, ...] = (),
    replay: str = "",
    script: Replay | None = None,
) -> Finding:
    """Evidence says not.

    `replay` is a command that shows it again, `script` a replay to be written as files; without either the item's own
    command is used.
    """
    return Finding(Status.FAIL, summary, measurement, details, replay=replay, script=script)


def inconclusive(summary: str, measurement: Measurement | None = None, *, details: tuple[str, ...] = ()) -> Finding:
    """Evidence cannot decide; `summary` says what would."""
    return Finding(Status.INCONCLUSIVE, summary, measurement, details)


def errored(summary: str, *, details: tuple[str, ...] = ()) -> Finding:
    """We, or the target, broke: nothing can be said."""
    return Finding(Status.ERROR, summary, details=details)


def finite(measurement: Measurement) -> Measurement:
    """The same measurement with plain numbers, and words for those that JSON cannot carry (NaN, infinities)."""
    interval = measurement.interval
    return replace(
        measurement,
        value=_plain(measurement.value),
        interval=None if interval is None else (_plain(interval[0]), _plain(interval[1])),
        limit=_plain(measurement.limit),
    )


def _plain(number: Any) -> Any:
    if isinstance(number, str):
        return number if len(number) <= LONGEST_CUT else number[: LONGEST_CUT - 1] + "…"
    if number is None or isinstance(number, int):
        return number
    real = float(number)  # of an array library's own kind, too
    return real if real - real == 0 else str(real)


def _too_long(plain: Mapping[str, Any]) -> bool:
    return len(_dump(plain).encode("utf-8", "replace")) > MAX_JSON_BYTES


def _dump(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=str)
