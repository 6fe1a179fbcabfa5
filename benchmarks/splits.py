"""A data set in the order of time, cut in two by time, by chance, or by chance in blocks of neighbours; all seeded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from drift_tables import Array, Table
from real_tables import NO_TIME
from scipy import stats

SEED = 20261122
BLOCKS = 40
"""In which a series is cut, at least two rows each."""
NOT_TAKEN = 1_000_000
"""The run of no other random split."""


@dataclass(frozen=True)
class Real:
    """A data set in the order of time, and how many rows come first."""

    name: str
    columns: Table
    first: int
    parts: str

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values())))

    @property
    def has_time(self) -> bool:
        """Whether its rows are in the order of time."""
        return self.parts != NO_TIME

    def split(self, order: Array) -> tuple[Table, Table]:
        """The rows in another order, cut where time cuts them."""
        both = {name: column[order] for name, column in self.columns.items()}
        before = {name: column[: self.first] for name, column in both.items()}
        return before, {name: column[self.first :] for name, column in both.items()}

    def at_random(self, run: int) -> tuple[Table, Table]:
        """The same rows, split as chance will have it."""
        return self.split(np.random.default_rng([SEED, run]).permutation(self.rows))

    def in_time(self) -> tuple[Table, Table]:
        """The split in time, or where there is none one at random that no other part takes."""
        return self.split(np.arange(self.rows)) if self.has_time else self.at_random(NOT_TAKEN)

    @property
    def block(self) -> int:
        """Rows of a block."""
        return max(2, self.rows // BLOCKS)

    def in_blocks(self, run: int) -> tuple[Table, Table]:
        """Blocks of neighbours, in an order that chance has chosen."""
        starts = np.random.default_rng([SEED, run]).permutation(np.arange(0, self.rows, self.block))
        return self.split(np.concatenate([np.arange(at, min(at + self.block, self.rows)) for at in starts]))

    def design_effect(self) -> float:
        """How many rows of a block count as one: the most of any column, its spread and gaps, and any pair."""
        scores = {name: _ranks(column) for name, column in self.columns.items() if column.dtype.kind != "U"}
        traits = [np.abs(one) for one in scores.values()] + list(scores.values())
        traits += [~np.isfinite(self.columns[name]) for name in scores]
        traits += [one * other for one, other in combinations(scores.values(), 2)]
        levels = [column for column in self.columns.values() if column.dtype.kind == "U"]
        effects = [_design_effect(one[None, :].astype(float), self.block) for one in traits]
        effects += [_design_effect(np.stack([one == level for level in np.unique(one)]), self.block) for one in levels]
        return max(1.0, *effects)


def _ranks(column: Array) -> Array:
    """From -1 to 1; missing values have none and count as 0."""
    there = np.isfinite(column)
    ranks = np.zeros(column.size)
    ranks[there] = 2 * stats.rankdata(column[there]) / (there.sum() + 1) - 1
    return ranks


def _design_effect(traits: Array, block: int) -> float:
    """The variance of blocks' means over that of means of as many independent rows, of all traits together."""
    whole = traits.shape[1] // block * block
    means = traits[:, :whole].reshape(len(traits), -1, block).mean(axis=2)
    return float(means.var(axis=1, ddof=1).sum() * block / max(1e-12, traits.var(axis=1).sum()))


def loaded(path: Path) -> Table:
    """Columns by name."""
    with np.load(path) as arrays:
        return dict(arrays)
