"""How often canaries are judged wrongly: `python benchmarks/canary_errors.py [--quick] [--json FILE]`.

Candidate and control are ten metrics each: series with a known lag-1 correlation and a coefficient of variation of 10%.
A healthy canary is as its control; a slow one has +25% on one metric. Beside our rule stands the best-known judge's
(Kayenta): outliers removed, then Mann-Whitney at 98%; a metric fails if the interval of the Hodges-Lehmann shift lies
beyond a quarter of its estimate.

Must hold: our false alarms per canary at most 1% (upper Clopper-Pearson bound at most 1.5%) at every correlation and
length, and a power of 80% or more at the window that the first, undecided canaries named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal, stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pytest_mlready.measure.canary import FEWEST_POINTS, judge_canary
from pytest_mlready.measure.proportions import upper_bound

METRICS = 10
MEMORIES = (0.0, 0.5, 0.8)
LENGTHS = (30, 60, 120, 240)
SLOWER = 1.25
VARIATION = 0.1
CONFIDENCE = 0.98
TOLERANCE = 0.25
Series = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def main() -> int:
    """Simulate, print the tables, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="canaries a cell (3000)")
    parser.add_argument("--quick", action="store_true", help="100 canaries a cell")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    runs = options.runs or (100 if options.quick else 3000)
    rng = np.random.default_rng(1)
    rows = [cell(rng, memory, length, runs) for memory in MEMORIES for length in LENGTHS]
    windows = [window(rng, memory, runs) for memory in MEMORIES]
    if options.json:
        options.json.write_text(json.dumps({"cells": rows, "windows": windows}, indent=1))
    most = 0.015 if runs >= 3000 else 0.05
    missed = [row for row in rows if row["false bound"] > most] + [row for row in windows if row["power"] < 0.8]
    print(f"{len(rows) + len(windows) - len(missed)} of {len(rows) + len(windows)} lines as they must be")
    return int(bool(missed))


def cell(rng: np.random.Generator, memory: float, length: int, runs: int) -> dict[str, Any]:
    """One correlation and length."""
    count = dict.fromkeys(("false", "power", "undecided", "false peer", "power peer"), 0)
    for _ in range(runs):
        control = series(rng, memory, length)
        healthy = judged(series(rng, memory, length), control)
        count["false"] += healthy == "fail"
        count["undecided"] += healthy == "inconclusive"
        count["false peer"] += peer(series(rng, memory, length), control)
        slow = series(rng, memory, length)
        slow[0] *= SLOWER
        count["power"] += judged(slow, control) == "fail"
        count["power peer"] += peer(slow, control)
    row: dict[str, Any] = {"lag-1": memory, "points": length} | {name: found / runs for name, found in count.items()}
    row["false bound"] = upper_bound(count["false"], runs)
    print(
        f"lag-1 {memory:.1f} {length:>4} points: false alarms {row['false']:.4f} (<= {row['false bound']:.4f}), "
        f"Mann-Whitney {row['false peer']:.3f}; +25% found {row['power']:.2f}, Mann-Whitney {row['power peer']:.2f}; "
        f"healthy undecided {row['undecided']:.2f}",
        flush=True,
    )
    return row


def window(rng: np.random.Generator, memory: float, runs: int) -> dict[str, Any]:
    """The power at the window that undecided canaries of the shortest length ask for."""
    few = max(20, runs // 30)
    wanted = []
    for _ in range(few):
        found = judge_canary(by_name(series(rng, memory, FEWEST_POINTS)), by_name(series(rng, memory, FEWEST_POINTS)))
        wanted.append(found.points_needed or FEWEST_POINTS)
    points = int(np.median(wanted))
    slow = 0
    for _ in range(few * 2):
        candidate = series(rng, memory, points)
        candidate[0] *= SLOWER
        slow += judged(candidate, series(rng, memory, points)) == "fail"
    row = {"lag-1": memory, "window": points, "power": slow / (few * 2)}
    print(
        f"lag-1 {memory:.1f}: undecided canaries ask for {points} points; +25% is then found {row['power']:.2f}",
        flush=True,
    )
    return row


def judged(candidate: Series, control: Series) -> str:
    """Our verdict."""
    return judge_canary(by_name(candidate), by_name(control)).verdict


def peer(candidate: Series, control: Series) -> bool:
    """Whether Mann-Whitney, as the best-known judge has it, fails any metric."""
    return any(mann_whitney(one, other) for one, other in zip(candidate, control, strict=True))


def mann_whitney(candidate: np.ndarray[Any, Any], control: np.ndarray[Any, Any]) -> bool:
    """Whether the interval of the Hodges-Lehmann shift lies beyond a quarter of its estimate, up or down."""
    ours, theirs = without_outliers(candidate), without_outliers(control)
    shifts = np.sort((ours[:, None] - theirs[None, :]).ravel())
    m, n = ours.size, theirs.size
    at = int(stats.norm.ppf((1 - CONFIDENCE) / 2) * np.sqrt(m * n * (m + n + 1) / 12) + m * n / 2)
    low, high = shifts[max(at, 0)], shifts[min(m * n - at - 1, m * n - 1)]
    band = TOLERANCE * abs(float(np.median(shifts)))
    return bool(low > band or high < -band)


def without_outliers(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Points within three interquartile ranges of the quartiles."""
    low, high = np.quantile(points, [0.25, 0.75])
    kept: np.ndarray[Any, Any] = points[(points >= low - 3 * (high - low)) & (points <= high + 3 * (high - low))]
    return kept


def series(rng: np.random.Generator, memory: float, length: int) -> Series:
    """Ten metrics around 100, each a stationary first-order series."""
    shocks = rng.standard_normal((METRICS, length + 60)) * np.sqrt(1 - memory**2)
    found: Series = 100 * (1 + VARIATION * signal.lfilter([1.0], [1.0, -memory], shocks, axis=1)[:, 60:])
    return found


def by_name(metrics: Series) -> Mapping[str, Any]:
    """As the rule takes it."""
    return {str(at): one for at, one in enumerate(metrics)}


if __name__ == "__main__":
    sys.exit(main())
