"""Pairs of columns whose dependence changed while each alone did not: Fisher's z of normal-score correlations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.drift.alarm import Alarm, Level
from pytest_mlready.measure.drift.profile import Numbers, Pairs

Floats = NDArray[np.float64]
FLOOR = 0.1
SQUARES = 16
FEWEST = 20


def correlation_alarms(
    names: Sequence[str], sides: tuple[Pairs, Pairs], columns: tuple[Sequence[Numbers], Sequence[Numbers]], level: Level
) -> Iterator[Alarm]:
    """Every pair, at the panel's share for pairs divided by their number; the largest change first.

    Args:
        names: the columns, in the order of the sums.
        sides: of the reference and of the current data.
        columns: the same columns' counts: rows with a missing value say nothing of its pairs.
        level: alpha of all pairs together.
    """
    upper = np.triu_indices(len(names), 1)
    found = [_correlations(pairs, own) for pairs, own in zip(sides, columns, strict=True)]
    (r, rows, kurtosis), (new_r, new_rows, new_kurtosis) = (tuple(one[upper] for one in side) for side in found)
    enough = (rows > FEWEST) & (new_rows > FEWEST)
    if not enough.any():
        return
    inflated = np.maximum(kurtosis, new_kurtosis) * level.together
    with np.errstate(all="ignore"):
        variance = inflated * (1 / (rows - 3) + 1 / (new_rows - 3))
        z = np.abs(_fisher(r) - _fisher(new_r)) / np.sqrt(variance)
    p = np.where(enough, 2 * scipy.special.ndtr(-np.nan_to_num(z)), 1.0) * enough.sum()
    change = np.abs(r - new_r)
    hits = np.flatnonzero((p < level.alpha) & (change >= FLOOR))
    for at in hits[np.argsort(-change[hits])]:
        first, second = names[upper[0][at]], names[upper[1][at]]
        text = f"correlation was {r[at]:.2f}, is {new_r[at]:.2f}"
        yield Alarm(f"{first} and {second}", "correlation", text, float(change[at]), FLOOR, float(p[at]))


def _fisher(r: Floats) -> Floats:
    z: Floats = np.arctanh(np.clip(r, -0.999, 0.999))
    return z


def _correlations(pairs: Pairs, columns: Sequence[Numbers]) -> tuple[Floats, Floats, Floats]:
    """Of each pair: the correlation, the fewest rows it can rest on, and how much more its z varies than a normal one.

    That factor is the mean of s**2 t**2, of standardised scores, divided by 1 + 2 r**2: for elliptical distributions
    exactly (Muirhead 1982, 5.1), 1 for normal ones.
    """
    n = max(1, pairs.rows)
    mean = pairs.sums / n
    covariance = pairs.products / n - np.outer(mean, mean)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(sd, sd)
    with np.errstate(all="ignore"):
        r = np.where(scale > 0, covariance / scale, 0.0)
        fourth = np.where(scale > 0, SQUARES**2 * pairs.squares / n / scale**2, 1.0)
    absent = np.array([1 - one.finite / max(1, one.finite + one.missing + one.infinite) for one in columns])
    rows = pairs.rows * np.maximum(0.0, 1 - absent[:, None] - absent[None, :])
    return r, np.where(scale > 0, rows, 0.0), np.maximum(1.0, fourth / (1 + 2 * r**2))
