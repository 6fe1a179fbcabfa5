"""Bounds of what is a function of sums over rows, by the bootstrap: rows, or entities with all of theirs.

B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 14: bias-corrected and accelerated. Rows
of one customer, patient or machine resemble each other; drawing rows one by one would count them as so many.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.scored import Array

RESAMPLES = 2000
MOST_UNITS = 1500
"""More rows than these are put together at random, to so many sums of rows: as good for a bound, and fast."""
_AT_ONCE = 1_000_000


def entity_sums(terms: Array, clusters: NDArray[np.intp] | None, seed: int = 0) -> Array:
    """Terms of rows, shape (n, k), added up by entity, and at random where there are very many; shape (units, k)."""
    if clusters is not None:
        _, held = np.unique(clusters, return_inverse=True)
        terms = np.column_stack([np.bincount(held, column) for column in terms.T])
    if len(terms) <= MOST_UNITS:
        return terms
    order = np.random.default_rng(seed).permutation(len(terms))
    return np.stack([terms[part].sum(axis=0) for part in np.array_split(order, MOST_UNITS)])


def bounds(
    terms: Array,
    of: Callable[[Array], Array],
    alpha: float,
    clusters: NDArray[np.intp] | None = None,
    *,
    alpha_upper: float | None = None,
    seed: int = 0,
) -> Estimate:
    """The value of `of` the sums of terms, shape (n, k), with one-sided bounds.

    Where all resamples agree there is nothing to draw a bound from: it is then the value, for the caller to doubt.
    """
    from scipy.stats import DegenerateDataWarning, bootstrap  # half a second to import, for those who need it

    units = entity_sums(terms, clusters, seed)
    value = float(of(units.sum(axis=0)))
    if len(units) < 2 or not np.ptp(units, axis=0).any():
        return Estimate(value, value, value, len(terms))

    def statistic(drawn: NDArray[np.intp], axis: int = -1) -> Array:
        return of(units[np.moveaxis(drawn, axis, -1)].sum(axis=-2))

    levels = (alpha, alpha if alpha_upper is None else alpha_upper)
    found = None
    ends = []
    for level in levels:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateDataWarning)  # then there is no interval, but a NaN
            found = bootstrap(
                (np.arange(len(units)),),
                statistic,
                vectorized=True,
                n_resamples=RESAMPLES if found is None else 0,
                batch=max(1, _AT_ONCE // len(units)),
                confidence_level=1 - 2 * level,
                method="BCa",
                rng=np.random.default_rng(seed),
                bootstrap_result=found,
            )
        ends.append(found.confidence_interval)
    lower, upper = (value if np.isnan(one) else float(one) for one in (ends[0].low, ends[1].high))
    return Estimate(value, min(lower, value), max(upper, value), len(terms))
