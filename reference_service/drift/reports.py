"""What the workers of one instance last saw. Each looks at its own share of the traffic; any of them tells the union.

A worker leaves its last look as a file named after its process. Looks of workers that are gone, or of another version,
do not count. Nothing here survives the instance, so nothing waits for the disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from reference_service.drift.panel import DRIFT, QUIET, TOO_FEW, Finding

_WEIGHT = {TOO_FEW: 0, QUIET: 1, DRIFT: 2}


class Report(msgspec.Struct, frozen=True):
    """A look at a window of rows.

    Attributes:
        window: how many rows it held.
        verdict: "drift" if any feature drifts, else "too few" if any cannot be told, else "quiet".
        smallest_shift: the shift, in standard deviations, that the look would have seen with 99% probability.
    """

    model_version: str
    window: int = 0
    verdict: str = TOO_FEW
    smallest_shift: float | None = None
    features: list[Finding] = []


class Reports:
    """The last looks of all workers.

    Args:
        directory: where they are, for this instance alone.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def publish(self, report: Report) -> None:
        """Replace this worker's look; blocks."""
        self.directory.mkdir(parents=True, exist_ok=True)
        written = self.directory / f".{os.getpid()}"
        written.write_bytes(msgspec.json.encode(report))
        written.replace(self.file(os.getpid()))

    def others(self) -> list[Report]:
        """The looks of the other living workers; blocks."""
        found = []
        for path in self.directory.glob("*.json"):
            if path.stem == str(os.getpid()):
                continue
            if not Path("/proc", path.stem).exists():
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(FileNotFoundError):  # another worker just removed it
                found.append(msgspec.json.decode(path.read_bytes(), type=Report))
        return found

    def file(self, process: int) -> Path:
        """Where a worker's look is."""
        return self.directory / f"{process}.json"


def union(own: Report, others: Iterable[Report]) -> Report:
    """The looks of several workers as one: for each feature that which says most, drift before quiet before too few."""
    looks = [own, *(each for each in others if each.model_version == own.model_version)]
    worst: dict[str, Finding] = {}
    for finding in (finding for look in looks for finding in look.features):
        known = worst.setdefault(finding.name, finding)
        if (_WEIGHT[finding.verdict], finding.n) > (_WEIGHT[known.verdict], known.n):
            worst[finding.name] = finding
    shifts = [look.smallest_shift for look in looks if look.smallest_shift is not None]
    return Report(
        own.model_version,
        sum(look.window for look in looks),
        verdict(list(worst.values())),
        min(shifts, default=None),
        list(worst.values()),
    )


def verdict(findings: list[Finding]) -> str:
    """The verdict on all features together."""
    said = {finding.verdict for finding in findings}
    return DRIFT if DRIFT in said else TOO_FEW if TOO_FEW in said or not said else QUIET
