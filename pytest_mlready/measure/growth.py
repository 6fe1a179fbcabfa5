"""How much a cumulative quantity (memory, CPU time) grows with every request, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

STRETCHES = 8
WARMUP = 1 / 3
"""Share of the samples that is left out: caches, pools and heaps find their size."""
ALPHA = 0.01


@dataclass(frozen=True)
class Growth:
    """Growth by `each` a request, `interval` one-sided bounds on it (each wrong at most 1%), and `total` in all.

    `requests` were answered meanwhile.
    """

    each: float
    interval: tuple[float, float]
    total: float
    requests: float


def growth(requests: ArrayLike, values: ArrayLike, warmup: float = WARMUP) -> Growth | None:
    """Growth of `values` between samples, at each of which so many `requests` had been answered; shapes (n,).

    What is left after the warm-up is cut into 8 stretches, and their mean growth a request is bounded by Student's t.
    Memory wanders: its changes are independent of each other where its levels are not, so that a line fitted to the
    levels finds a slope in anything (Granger and Newbold, J. Econometrics 1974). A single jump is one stretch of
    eight and no growth; what goes up in all of them is. Levels at the ends of stretches are medians of three samples.

    None where there are too few samples, or a stretch in which nothing was answered.

    Raises:
        ValueError: not as many values as requests.
    """
    at, levels = np.asarray(requests, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if at.shape != levels.shape or at.ndim != 1:
        raise ValueError(f"needs a value for each number of requests, not shapes {levels.shape} and {at.shape}")
    at, levels = at[int(at.size * warmup) :], levels[int(levels.size * warmup) :]
    if at.size <= STRETCHES:
        return None
    ends = np.linspace(0, at.size - 1, STRETCHES + 1).round().astype(int)
    grown, answered = np.diff(_smooth(levels)[ends]), np.diff(at[ends])
    if (answered <= 0).any():
        return None
    each = grown / answered
    error = float(each.std(ddof=1)) / math.sqrt(STRETCHES)
    width = float(scipy.special.stdtrit(STRETCHES - 1, 1 - ALPHA)) * error
    mean = float(each.mean())
    return Growth(mean, (mean - width, mean + width), float(grown.sum()), float(answered.sum()))


def _smooth(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each sample and its neighbours; the ends stay as they are."""
    middle = np.median(np.stack([levels[:-2], levels[1:-1], levels[2:]]), axis=0)
    return np.concatenate([levels[:1], middle, levels[-1:]])
