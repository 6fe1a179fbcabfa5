"""What two clients made of many services, and the targets that this is held against."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fuzz_clients import Found

from tests.defects.judging import HEALTHY
from tests.zoo.judging import searching

LEAST_SHARE = 0.95
MOST_REQUESTS = 1000
MOST_WALL_S = 2.0
MOST_CPU_S = 0.9
CHEAPER = 9.8
"""So many times cheaper than the peer a found defect was where those seconds were measured (0.9 beside 8.8): on another
machine, and with the peer beside, this is the target."""


@dataclass(frozen=True)
class Row:
    """One service, and what each client made of it."""

    name: str
    defect: str
    group: str
    check: str
    causes: frozenset[str]
    ours: Found
    peer: Found | None

    @property
    def found(self) -> bool:
        """Whether the check that the defect was planted for failed, or one of a sealed one's other `causes`."""
        return not self.causes.isdisjoint(self.ours.causes)

    @property
    def found_by_peer(self) -> bool:
        """Whether the peer reports what it does not report of the healthy service."""
        return self.peer is not None and bool(self.peer.causes)

    @property
    def verdict(self) -> str:
        """The check that found it, or which should have."""
        by = [one for one in self.ours.causes if one in self.causes]
        return by[0] if by else f"NOT by {min(self.causes)}" if self.causes else ""

    @property
    def others(self) -> list[str]:
        """Further checks that failed; of the healthy service, all."""
        return [one for one in self.ours.causes if one != self.verdict]


def totals_of(rows: Sequence[Row]) -> dict[str, Any]:
    """What the targets are about, for us and for the peer; costs are of all runs, the healthy one included."""
    sick = [row for row in rows if row.group != HEALTHY]
    own = [row.ours for row in rows]
    found = sum(row.found for row in sick)
    totals: dict[str, Any] = {
        "defects": len(sick),
        "checks": [one.id for one in searching()],
        "ours": _costs(own, found),
        "found": {
            group: f"{sum(row.found for row in sick if row.group == group)} of {count}"
            for group in dict.fromkeys(row.group for row in sick)
            if (count := sum(row.group == group for row in sick))
        },
        "found by the very check": sum(row.check in row.ours.causes for row in sick),
        "not found": [f"{row.name} ({row.defect})" for row in sick if not row.found],
        "client s a run": round(statistics.mean(one.search_cpu_s or 0 for one in own), 2),
    }
    peers = [row.peer for row in rows if row.peer is not None]
    if peers:
        totals["peer"] = _costs(peers, sum(row.found_by_peer for row in sick))
        totals["the peer's alarms on the healthy service"] = [
            cause for row in rows if row.group == HEALTHY and row.peer is not None for cause in row.peer.causes
        ]
        dearer = totals["peer"]["CPU s a detected defect"] / max(0.01, totals["ours"]["CPU s a detected defect"])
        totals["the peer's CPU s a detected defect by ours"] = round(dearer, 1)
        totals["found by the peer only"] = [row.name for row in sick if row.found_by_peer and not row.found]
    return totals


def _costs(found: Sequence[Found], detected: int) -> dict[str, Any]:
    first = [one.first_s for one in found if one.first_s is not None]
    return {
        "found": detected,
        "requests a run": round(statistics.mean(one.requests for one in found)),
        "most requests": max(one.requests for one in found),
        "wall s a run": round(statistics.mean(one.wall_s for one in found), 2),
        "median wall s": round(statistics.median(one.wall_s for one in found), 2),
        "CPU s a detected defect": round(sum(one.cpu_s for one in found) / max(1, detected), 2),
        "median s to the first finding": round(statistics.median(first), 2) if first else None,
    }


def missed_of(rows: Sequence[Row], totals: dict[str, Any]) -> list[str]:
    """The targets that are missed, one sentence each."""
    own, count = totals["ours"], totals["defects"]
    missed = [f"{row.name}: {', '.join(row.others)} fails" for row in rows if row.group == HEALTHY and row.others]
    if own["found"] < LEAST_SHARE * count:
        missed.append(f"{own['found']} of {count} defects found by the right cause, at least {LEAST_SHARE:.0%} wanted")
    for what, limit in (("requests a run", MOST_REQUESTS), ("wall s a run", MOST_WALL_S)):
        if own[what] > limit:
            missed.append(f"{own[what]} {what}, at most {limit} wanted")
    cheaper = totals.get("the peer's CPU s a detected defect by ours")
    if count and cheaper is None and own["CPU s a detected defect"] > MOST_CPU_S:
        missed.append(f"{own['CPU s a detected defect']} CPU s a detected defect, at most {MOST_CPU_S} wanted")
    if count and cheaper is not None and cheaper < CHEAPER:
        missed.append(f"a detected defect is {cheaper} times cheaper than the peer's, at least {CHEAPER} wanted")
    if only := totals.get("found by the peer only"):
        missed.append(f"found by the peer only: {', '.join(only)}")
    return missed


def plain(row: Row) -> dict[str, Any]:
    """For JSON."""
    other = None if row.peer is None else row.peer.plain()
    about = {
        "name": row.name,
        "defect": row.defect,
        "group": row.group,
        "check": row.check,
        "causes": sorted(row.causes),
        "found": row.found,
    }
    return {**about, "ours": row.ours.plain(), "peer": other}
