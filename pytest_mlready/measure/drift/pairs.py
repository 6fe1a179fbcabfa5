"""Sums over rows of the normal scores of pairs of columns: all that their correlations, and how these vary, need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift.cells import Ints

BLOCK = 2048
"""Rows that are summed in floating point, exactly: products of scores in 32 bits, of four scores in 64."""
ROWS, FOURTH_ROWS = 65_536, 10_000
"""Of about so many rows of a data set, or of all, sums of products are taken, and of products of four scores. With half
of the former a comparison takes a tenth less time, but z counts rows that come together as if all of them were taken:
of 100,000 in twenties a change of a correlation by .15 is found in 3% of the runs instead of in all."""


def steps(rows: int) -> dict[str, int]:
    """Every how many rows of a data set are taken, and of those, for products of four scores: odd, so that no even
    period of the data is met; by the names that `profiled` has for them."""
    every = max(1, rows // ROWS) | 1
    return {"every": every, "thin": max(1, rows // every // FOURTH_ROWS) | 1}


@dataclass(frozen=True)
class Pairs:
    """Sums of normal scores, in eighths: over `rows` rows of s and s t, over `fourths` of them of s**2 t**2 and s**3 t.

    s is the score of a matrix's row, t of its column; all matrices but `cubes` are symmetric. A missing value has the
    score 0.
    """

    rows: int
    fourths: int
    sums: Ints
    products: Ints
    squares: Ints
    cubes: Ints

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(
            self.rows + other.rows,
            self.fourths + other.fourths,
            self.sums + other.sums,
            self.products + other.products,
            self.squares + other.squares,
            self.cubes + other.cubes,
        )

    def only(self, at: Sequence[int]) -> Pairs:
        """The sums of some of the columns."""
        chosen = np.ix_(at, at)
        matrices = (one[chosen] for one in (self.products, self.squares, self.cubes))
        return Pairs(self.rows, self.fourths, self.sums[at], *matrices)


def summed(scores: NDArray[np.int8], fourths: slice = slice(None)) -> Pairs:
    """The sums of scores of shape (rows, columns), those of products of four of some of the rows."""
    rows, size = scores.shape
    sums = np.zeros(size, dtype=np.int64)
    products, squares, cubes = (np.zeros((size, size), dtype=np.int64) for _ in range(3))
    for begin in range(0, rows, BLOCK):
        block = scores[begin : begin + BLOCK].astype(np.float32)
        sums += block.sum(axis=0, dtype=np.float64).astype(np.int64)
        products += (block.T @ block).astype(np.int64)
    some = scores[fourths]
    for begin in range(0, len(some), BLOCK):
        score = some[begin : begin + BLOCK].astype(np.float64)
        power = score * score
        squares += (power.T @ power).astype(np.int64)
        power *= score
        cubes += (power.T @ score).astype(np.int64)
    return Pairs(rows, len(some), sums, products, squares, cubes)
