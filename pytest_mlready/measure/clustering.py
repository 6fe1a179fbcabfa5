"""How strongly events in a series come in bursts, and what that does to a count of them.

A server that freezes delays every request that arrives meanwhile, so slow requests come in clusters and a thousand of
them may be three events. Bounds that assume independence are then far too narrow (measured: intervals said to cover
95% covered 46-48%).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

_FEWEST_BLOCKS = 16
_SUSPICION = 0.01
"""At a block length whose dispersion has a smaller tail probability than this, events are taken as clustered."""


@dataclass(frozen=True)
class Clustering:
    """What a series says about its bursts.

    `design_effect` is the variance of the count relative to independent events (Kish 1965), at least the longest run of
    events one after the other; `block` the block length in requests that showed it (1: no sign of clustering),
    `largest` the most events seen in one block.
    """

    design_effect: float = 1.0
    block: int = 1
    largest: int = 1


def clustering(events: NDArray[np.bool_]) -> Clustering:
    """Find the scale at which `events` (in order of time) are most clustered.

    For each block length 2, 4, 8 … the index of dispersion of block counts is compared with its law under
    independence, chi-squared / degrees of freedom (Fisher's dispersion test). Of the lengths that stand out, the one
    with the largest index is taken: shorter blocks cut clusters apart. At least 16 blocks must remain, so bursts
    longer than 1/16 of the series are seen only in part; a run has to be long against the stalls it is to judge.
    """
    n, k = events.size, int(events.sum())
    found = Clustering()
    if k < 2 or k == n:
        return found
    cumulated = np.concatenate([[0], np.cumsum(events, dtype=np.int64)])
    block = 2
    while n // block >= _FEWEST_BLOCKS:
        for offset in (0, block // 2):
            counts = np.diff(cumulated[offset::block])
            index = float(counts.var(ddof=1)) / (block * (k / n) * (1 - k / n))
            freedom = counts.size - 1
            if index > found.design_effect and float(scipy.special.chdtrc(freedom, index * freedom)) < _SUSPICION:
                found = Clustering(index, block, int(counts.max()))
        block *= 2
    if found.block == 1:
        return found
    # A burst that is longer than the block that showed it is still one event.
    return replace(found, design_effect=max(found.design_effect, float(_longest_run(events))))


def _longest_run(events: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], events, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())


def share_bounds(k: float, n: float, seen: Clustering, alpha: float) -> tuple[float, float]:
    """One-sided lower and upper bounds on the share of events, each wrong at most about `alpha`.

    Clopper and Pearson on effective counts (k and n divided by the design effect). The upper bound adds one more
    cluster of the largest size seen, as Fay and Feuer (Statistics in Medicine 1997) do for weighted Poisson counts;
    without clustering both are exactly Clopper and Pearson's.
    """
    if n <= 0:
        return 0.0, 1.0
    effect = seen.design_effect
    lower = float(scipy.special.betaincinv(k / effect, (n - k) / effect + 1, alpha)) if k else 0.0
    if k >= n:
        return lower, 1.0
    more = k + seen.largest
    widened = (k * effect + seen.largest**2) / more
    upper = float(scipy.special.betaincinv(more / widened, (n - k) / widened, 1 - alpha))
    return lower, math.nextafter(upper, 1.0)
