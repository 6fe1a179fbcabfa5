"""Do assignments keep their declared shares, overall and within any grouping of users? Valid however often one looks.

The evidence against the declared shares is a likelihood ratio: the Dirichlet-multinomial law around them, against the
multinomial law of exactly them (Lindon and Malek, NeurIPS 2022). Under the declared shares it is a martingale that
starts at 1, so it exceeds 1/α at any time with probability at most α (Ville 1939). Ratios of disjoint groups of users
multiply; a mean of such ratios is again one (Vovk and Wang, Annals of Statistics 2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

_CONCENTRATIONS = (10.0, 100.0, 1000.0, 10_000.0)
"""How near to the declared shares the others lie that are considered: from wild departures to the finest."""
_POWER = 0.95


def log_evidence(counts: ArrayLike, shares: Sequence[float]) -> float:
    """Log of the evidence that some group of users departs from the declared shares; infinite if a share of 0 is hit.

    Args:
        counts: users by (group, variant), or by variant; the groups are disjoint.
        shares: of the variants, which add up to 1.

    Raises:
        ValueError: the shapes do not fit, or the shares do not add up to 1.
    """
    table = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    declared = np.asarray(shares, dtype=np.float64)
    if table.shape[1] != declared.size or not math.isclose(float(declared.sum()), 1.0, abs_tol=1e-6):
        raise ValueError(f"expected counts of {declared.size} variants and shares that add up to 1, got {shares!r}")
    if (table[:, declared <= 0] > 0).any():
        return math.inf
    table, declared = table[:, declared > 0], declared[declared > 0]
    null = float((table * np.log(declared)).sum())
    each = np.array([_log_mixture(table, declared * one) - null for one in _CONCENTRATIONS])
    return float(scipy.special.logsumexp(each)) - math.log(len(_CONCENTRATIONS))


def smallest_shift(n: int, share: float, threshold: float) -> float | None:
    """By how much a share must at least differ so that `n` users show it with 95% probability; None if none would.

    Args:
        share: the declared one, in (0, 1).
        threshold: the log evidence that counts as shown.
    """
    shares = (share, 1 - share)

    def shown(shift: float) -> bool:
        seen = math.ceil(scipy.special.bdtrik(1 - _POWER, n, share + shift))
        return seen > n * share and log_evidence((seen, n - seen), shares) >= threshold

    if n == 0 or not shown((1 - share) * 0.999):
        return None
    low, high = 0.0, (1 - share) * 0.999
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _log_mixture(table: NDArray[np.float64], prior: NDArray[np.float64]) -> float:
    """Log probability of the sequences behind the counts, each group under a share drawn from Dirichlet(prior)."""
    whole = float(prior.sum())
    groups = scipy.special.gammaln(whole) - scipy.special.gammaln(whole + table.sum(axis=1))
    return float(groups.sum() + (scipy.special.gammaln(prior + table) - scipy.special.gammaln(prior)).sum())
