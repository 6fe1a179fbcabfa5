"""Sums over rows of the normal scores of pairs of columns: all that their correlations, and how these vary, need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift.cells import Ints

BLOCK = 2048
"""Rows that are summed in floating point, exactly: products of scores in 32 bits, of four scores in 64."""


@dataclass(frozen=True)
class Pairs:
    """Sums over `rows` rows of normal scores, in eighths: of s, s t, s**2 t**2 and s**3 t.

    s is the score of a matrix's row, t of its column; all matrices but `cubes` are symmetric. A missing value has the
    score 0.
    """

    rows: int
    sums: Ints
    products: Ints
    squares: Ints
    cubes: Ints

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            self.rows + other.rows,
            self.sums + other.sums,
            self.products + other.products,
            self.squares + other.squares,
            self.cubes + other.cubes,
        )

    def only(self, at: Sequence[int]) -> Pairs:
        """The sums of some of the columns."""
        chosen = np.ix_(at, at)
        return Pairs(self.rows, self.sums[at], self.products[chosen], self.squares[chosen], self.cubes[chosen])


def summed(scores: NDArray[np.int8]) -> Pairs:
    """The sums of scores of shape (rows, columns)."""
    rows, size = scores.shape
    sums = np.zeros(size, dtype=np.int64)
    products, squares, cubes = (np.zeros((size, size), dtype=np.int64) for _ in range(3))
    for begin in range(0, rows, BLOCK):
        block = scores[begin : begin + BLOCK].astype(np.float32)
        sums += block.sum(axis=0, dtype=np.float64).astype(np.int64)
        products += (block.T @ block).astype(np.int64)
        score = block.astype(np.float64)
        power = score * score
        squares += (power.T @ power).astype(np.int64)
        power *= score
        cubes += (power.T @ score).astype(np.int64)
    return Pairs(rows, sums, products, squares, cubes)
