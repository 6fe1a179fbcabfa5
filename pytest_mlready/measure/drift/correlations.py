"""Pairs of columns whose dependence changed while each alone did not: Fisher's z of normal-score correlations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from pytest_mlready.measure.drift.alarm import Alarm, Level
from pytest_mlready.measure.drift.pairs import Pairs
from pytest_mlready.measure.drift.profile import Numbers

Floats = NDArray[np.float64]
FLOOR = 0.1
HIGHEST = 0.999
"""Correlations beyond have the z of this one."""
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
    (r, rows, inflation), (new_r, new_rows, new_inflation) = (tuple(one[upper] for one in side) for side in found)
    enough = (rows > FEWEST) & (new_rows > FEWEST)
    if not enough.any():
        return
    inflated = np.maximum(inflation, new_inflation) * level.together
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
    z: Floats = np.arctanh(np.clip(r, -HIGHEST, HIGHEST))
    return z


def _correlations(pairs: Pairs, columns: Sequence[Numbers]) -> tuple[Floats, Floats, Floats]:
    """Of each pair: the correlation, the fewest rows it can rest on, and its z's variance beside a normal pair's."""
    n = max(1, pairs.rows)
    mean = pairs.sums / n
    covariance = pairs.products / n - np.outer(mean, mean)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(sd, sd)
    with np.errstate(all="ignore"):
        r = np.where(scale > 0, covariance / scale, 0.0)
        squares, cubes = (one / max(1, pairs.fourths) for one in (pairs.squares, pairs.cubes))
        squares, cubes = squares / scale**2, cubes / np.outer(sd**3, sd)
        inflation = np.where(scale > 0, _inflation(r, squares, cubes), 1.0)
    absent = np.array([1 - one.finite / max(1, one.finite + one.missing + one.infinite) for one in columns])
    rows = pairs.rows * np.maximum(0.0, 1 - absent[:, None] - absent[None, :])
    return r, np.where(scale > 0, rows, 0.0), np.maximum(1.0, inflation)


def _inflation(r: Floats, squares: Floats, cubes: Floats) -> Floats:
    """The asymptotic variance of z for any distribution: n var z = E(s t - r (s**2 + t**2) / 2)**2 / (1 - r**2)**2.

    It is 1 for a normal pair. Means of scores are taken to be 0: a reference's nearly are, and where a column's moved
    it alarms by itself. E s**2 t**2 / (1 + 2 r**2) is the same for elliptical pairs (Muirhead 1982, 5.1) and for others
    can be several times too small. Steiger & Hakstian (1982), The asymptotic distribution of elements of a correlation
    matrix: theory and application, British Journal of Mathematical and Statistical Psychology 35, 208-215.

    Args:
        r: correlations.
        squares: means of s**2 t**2 of standardised scores; those of s**4 are its diagonal.
        cubes: means of s**3 t.
    """
    fourth = np.diag(squares)
    spread = squares - r * (cubes + cubes.T) + r**2 / 4 * (fourth[:, None] + fourth[None, :] + 2 * squares)
    inflation: Floats = spread / (1 - np.minimum(np.abs(r), HIGHEST) ** 2) ** 2
    return inflation
