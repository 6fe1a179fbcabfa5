"""The tables `[gate]`, `[waive]` and `[attest]`: what must be claimed, and what persons answer for."""

from __future__ import annotations

import datetime
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """What must be claimed: a family ("latency") or a check ("latency.p99")."""

    require: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiver:
    """A known failure that somebody accepts until a date."""

    reason: str
    expires: datetime.date
    owner: str | None = None


@dataclass(frozen=True)
class Attestation:
    """A person's word for what cannot be measured here."""

    owner: str
    evidence: str
    made: datetime.date
    expires: datetime.date
