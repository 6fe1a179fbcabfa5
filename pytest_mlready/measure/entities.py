"""Rows of the same entity resemble each other: how many rows count as one.

L. Kish, Survey Sampling (1965): the design effect. J. Rao and A. Scott, A simple method for the analysis of clustered
binary data, Biometrics 48 (1992) 577-585: counts divided by it may be judged as those of independent rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.scored import Array

Clusters = NDArray[np.intp] | None
"""The entity of each row, shape (n,); None where each row is of its own."""


def units(n: int, clusters: Clusters) -> int:
    """How many entities `n` rows are of."""
    return n if clusters is None else int(np.unique(clusters).size)


def design_effect(values: Array, clusters: Clusters) -> float:
    """How many rows count as one: the variance of the mean over entities, by that over rows, from 1.

    Where all rows are alike their entities' likeness is unknown, and an entity counts as one row.
    """
    if clusters is None:
        return 1.0
    _, held = np.unique(clusters, return_inverse=True)
    entities, n = int(held.max()) + 1, values.size
    spread = float(values.var())
    if spread == 0 or entities < 2:
        return n / entities
    sums = np.bincount(held, values - values.mean())
    return max(1.0, float(np.sum(sums**2)) * entities / (entities - 1) / (n * spread))
