"""Has a short trial seen enough of a queue's ups and downs to say that slow answers are rare?

Near its capacity a queue is long for a while and short for a while. Slow answers come in a few bursts then, and a trial
that met none, or one, cannot tell from those how large they are: by such bounds alone a trial of 2 s at exactly the
capacity of an M/D/8 queue passes in 83% of all cases, one of 7 s in 52%. What is nearly slow tells more, because it
comes in the same ups and downs, and more often.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlready.measure.clustering import Clustering, clustering, share_bounds

Array = NDArray[np.float64]

_NEARLY = 0.75
"""Part of the limit from which on an answer is nearly slow."""
_NOTICED = 0.25
"""Part of the limit below which ups and downs do not matter."""
_FEWEST = 40
"""Independent spells that a trial needs; of fewer, a lucky half may lie on one side."""
_FEWEST_BLOCKS = 8


def enough_seen(response_s: ArrayLike, limit_s: float, *, budget: float = 0.01, alpha: float = 0.05) -> bool:
    """Whether at most `budget` of the requests are over the limit also if these are as clustered as nearly slow ones.

    `response_s` are in order of time, unanswered requests `inf`.
    """
    values = np.asarray(response_s, dtype=np.float64).ravel()
    if spells(np.clip(values, _NOTICED * limit_s, limit_s)) < _FEWEST:
        return False
    over = values > limit_s
    seen, nearly = clustering(over), clustering(values > _NEARLY * limit_s)
    if nearly.design_effect > seen.design_effect:
        largest = max(seen.largest, round(nearly.design_effect))
        seen = Clustering(nearly.design_effect, nearly.block, largest)
    return share_bounds(float(over.sum()), values.size, seen, alpha)[1] <= budget


def spells(values: Array) -> float:
    """How many independent values have a mean that varies as much as that of these, which come in order of time.

    By the variance of the means of blocks of 2, 4, 8 … values, at least 8 blocks; at the length where it is largest
    relative to that of independent values.
    """
    variance, effect, block = float(values.var()), 1.0, 2
    if not variance:
        return float(values.size)
    cumulated = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    while values.size // block >= _FEWEST_BLOCKS:
        means = np.diff(cumulated[::block]) / block
        effect = max(effect, block * float(means.var(ddof=1)) / variance)
        block *= 2
    return values.size / effect
