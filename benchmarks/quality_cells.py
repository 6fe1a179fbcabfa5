"""Cells of the table of quality_errors.py: a rule's words counted over seeded runs, and samples to judge."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pytest_mlready.measure import performance
from pytest_mlready.measure.proportions import lower_bound, upper_bound
from pytest_mlready.measure.scored import Scored

Array = NDArray[np.float64]
Rng = np.random.Generator
Said = dict[str, bool]
Targets = dict[str, tuple[str, float]]
SEED, FULL, QUICK = 20261121, 3000, 100
MEAN = 20.0
"""Of numbers to be predicted."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    rule: str
    cell: str
    runs: int
    count: int
    rate: float
    interval: tuple[float, float]
    target: str
    missed: bool


def rates(rule: str, cell: str, runs: int, run: Callable[[Rng], Said], targets: Targets) -> Iterator[Row]:
    rng, counts = np.random.default_rng(SEED), Counter[str]()
    for _ in range(runs):
        counts.update({name: int(said) for name, said in run(rng).items()})
    for name, count in counts.items():
        yield row(f"{rule}: {name}", cell, runs, count, targets.get(name), enough=runs > QUICK * 4)


def row(rule: str, cell: str, runs: int, count: int, target: tuple[str, float] | None, *, enough: bool) -> Row:
    low, high = lower_bound(count, runs, 0.025), upper_bound(count, runs, 0.025)
    missed = False
    if target is not None:
        sign, limit = target
        seen = count / runs if enough else (low if sign == "<=" else high)
        missed = seen > limit if sign == "<=" else seen < limit
    shown = "" if target is None else f"{target[0]} {target[1]:.1%}"
    return Row(rule, cell, runs, count, count / runs, (low, high), shown, missed)


def line(row: Row) -> str:
    interval = f"[{row.interval[0]:.2%}, {row.interval[1]:.2%}]"
    mark = "  MISSED" if row.missed else ""
    return f"{row.rule:<52} {row.cell:<40} {row.runs:>6} {row.rate:>8.2%} {interval:>19} {row.target:>9}{mark}"


def sample(metric: str, n: int, rng: Rng) -> Scored:
    if performance.needs(metric) == "numbers":
        truth = rng.gamma(2.0, MEAN / 2, n)
        return Scored(truth, 0.8 * truth + 4 + rng.standard_t(5, n) * 4)
    truth = (rng.random(n) < 0.3).astype(float)
    score = rng.normal(3 * truth - 2, 1.2)
    share = expit(1.5 * score)
    return Scored(truth, (share > 0.5).astype(float), ("no", "yes"), np.column_stack([1 - share, share]), 1)
