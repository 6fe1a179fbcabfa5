"""What the training data looked like: enough of every feature to test traffic against it without the data itself.

Published with the model, inside its signed manifest, so that a version is always compared with what it learnt from.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from reference_service.model.columns import Cell, Row

FILE_NAME = "profile.json"
MOST_POINTS = 448
"""Values kept of a numeric feature: under 10 KiB as JSON. The distribution function is off by less than 1/800."""
MOST_LEVEL_BYTES = 9_000
BUCKETS = 256
LEAST_ATOM = 3
ATOM_SHARE = 0.005
RANGE_TRIM = 0.001
"""Share of the training rows that lies beyond either end of the range; at least one row."""


class NumericProfile(msgspec.Struct, frozen=True, tag="number"):
    """One numeric feature.

    Attributes:
        rows, missing: training rows, and how many of them had no value.
        atoms: values that many rows share, each with its number of rows.
        quantiles: the other values in order, or as many quantiles of them as are kept.
        unlisted: the most rows that share a value which is no atom.
        low, high, trim: the `trim`-th smallest and largest value.
    """

    name: str
    rows: int
    missing: int
    atoms: list[tuple[float, int]]
    quantiles: list[float]
    unlisted: int
    low: float
    high: float
    trim: int

    @classmethod
    def of(cls, name: str, column: Sequence[Cell]) -> NumericProfile:
        """Describe a column."""
        numbers = np.array(column, dtype=np.float64)
        values = np.sort(numbers[~np.isnan(numbers)])
        if not len(values):
            return cls(name, len(column), len(column), [], [], 0, 0.0, 0.0, 0)
        atoms, unlisted = _atoms(values)
        others = values[~np.isin(values, [value for value, _ in atoms])]
        trim = max(1, int(RANGE_TRIM * len(values)))
        return cls(
            name,
            len(column),
            len(column) - len(values),
            atoms,
            _quantiles(others, MOST_POINTS - len(atoms)).tolist(),
            unlisted,
            float(values[trim - 1]),
            float(values[-trim]),
            trim,
        )

    @property
    def exact(self) -> bool:
        """Whether every value was kept."""
        return len(self.quantiles) + sum(count for _, count in self.atoms) == self.rows - self.missing

    def sample(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The distribution as values in order and how many rows each stands for; exact if all values were kept."""
        values = np.array([value for value, _ in self.atoms] + self.quantiles, dtype=np.float64)
        counts = np.array([count for _, count in self.atoms], dtype=np.float64)
        each = (self.rows - self.missing - counts.sum()) / max(1, len(self.quantiles))
        weights = np.concatenate([counts, np.full(len(self.quantiles), each)])
        order = np.argsort(values)
        return values[order], weights[order]


class CategoricalProfile(msgspec.Struct, frozen=True, tag="category"):
    """One categorical feature.

    Attributes:
        rows, missing: training rows, and how many of them had no value.
        levels: rows of each level.
        singletons: levels that one row had; new data brings unseen ones about as often.
        buckets: if there are too many levels, this many buckets take their place; 0 if each stands for itself. To keep
            the most frequent instead would mislead: chosen for their luck in training, they are rarer ever after.
    """

    name: str
    rows: int
    missing: int
    levels: dict[str, int]
    singletons: int
    buckets: int

    @classmethod
    def of(cls, name: str, column: Sequence[Cell]) -> CategoricalProfile:
        """Describe a column."""
        counts = Counter(str(cell) for cell in column if cell is not None)
        singletons = sum(count == 1 for count in counts.values())
        profile = cls(name, len(column), len(column) - counts.total(), dict(counts), singletons, 0)
        if len(msgspec.json.encode(profile)) <= MOST_LEVEL_BYTES:
            return profile
        bucketed = msgspec.structs.replace(profile, buckets=BUCKETS)
        counts = Counter(bucketed.level(cell) for cell in column if cell is not None)
        return msgspec.structs.replace(bucketed, levels=dict(counts))

    def level(self, cell: Cell) -> str:
        """What a value is counted as."""
        return str(zlib.crc32(str(cell).encode()) % self.buckets) if self.buckets else str(cell)


class Profile(msgspec.Struct, frozen=True):
    """The training data of one version.

    Attributes:
        rows: how many there were.
        twins: the chance that two of them are the same in every feature.
        features: in the model's order.
    """

    rows: int
    twins: float
    features: list[NumericProfile | CategoricalProfile]

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Row]) -> Profile:
        """Describe rows. A feature is categorical if any of its values is text."""
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
        features = [
            CategoricalProfile.of(name, column)
            if any(isinstance(cell, str) for cell in column)
            else NumericProfile.of(name, column)
            for name, column in zip(names, columns, strict=True)
        ]
        alike = sum(count * (count - 1) for count in Counter(map(tuple, rows)).values())
        return cls(len(rows), alike / max(1, len(rows) * (len(rows) - 1)), features)

    @classmethod
    def read(cls, content: bytes) -> Profile:
        """The profile in a version's file."""
        return msgspec.json.decode(content, type=cls)

    def to_json(self) -> bytes:
        """The content of the file."""
        return msgspec.json.encode(self)


def _atoms(values: NDArray[np.float64]) -> tuple[list[tuple[float, int]], int]:
    distinct, counts = np.unique(values, return_counts=True)
    least = max(LEAST_ATOM, ATOM_SHARE * len(values))
    is_atom = counts >= least
    atoms = list(zip(distinct[is_atom].tolist(), counts[is_atom].tolist(), strict=True))
    return atoms, int(counts[~is_atom].max(initial=0))


def _quantiles(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    if len(values) <= most:
        return values
    ranks = (np.arange(most) + 0.5) / most * len(values)
    return values[ranks.astype(np.int64)]
