"""Two conditions measured in blocks that alternate, AB BA AB …: whatever drifts meanwhile falls on both alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.regression import FEWEST_PAIRS

Block = TypeVar("Block")


def pairs_in(duration_s: float, shortest_block_s: float) -> int:
    """How many pairs of blocks fit; never fewer than a comparison needs, with shorter blocks instead."""
    return max(FEWEST_PAIRS, int(duration_s / (2 * shortest_block_s)))


def sequence(a: Block, b: Block, pairs: int) -> list[Block]:
    """The blocks in their order."""
    return [b if _is_b(at) else a for at in range(2 * pairs)]


def blocks(at: NDArray[Any], values: NDArray[np.float64]) -> tuple[Sequence[NDArray[np.float64]], ...]:
    """`values`, whose block's number `at` says, as the blocks of A and those of B, pair by pair.

    Pairs of which a block is empty are left out.
    """
    pairs = [(values[at == one], values[at == one + 1]) for one in range(0, int(at.max(initial=0)) + 1, 2)]
    whole = [(second, first) if _is_b(2 * number) else (first, second) for number, (first, second) in enumerate(pairs)]
    kept = [pair for pair in whole if pair[0].size and pair[1].size]
    return [one for one, _ in kept], [other for _, other in kept]


def _is_b(at: int) -> bool:
    return (at + 1) // 2 % 2 == 1
