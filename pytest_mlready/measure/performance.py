"""How good a model is, with bounds that its metric allows.

Shares of rows get exact bounds (accuracy; F1, which is a function of one share; each recall of the balanced accuracy),
areas under the ROC curve the bounds of `ranks`, all else the bootstrap; where few rows may carry a metric, also what
their tail may hold. Rows of the same entity count for fewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from pytest_mlready.measure import ranks, resampling, tails
from pytest_mlready.measure.entities import Clusters, design_effect, units
from pytest_mlready.measure.estimates import Estimate, share
from pytest_mlready.measure.scored import METRICS, Array, Metric, Scored

AREA = "roc_auc"
NAMES = (*METRICS, AREA)
UNBOUNDED: Mapping[str, Mapping[int, int]] = {
    "mae": {0: 1},
    "rmse": {0: 1},
    "log_loss": {0: 1},
    "r2": {0: -1, 2: 1},
}
"""By metric, the columns of its terms that a few rows may carry, and whether the metric falls (-1) or grows in them."""
FEWEST = 20
"""Fewer rows, or entities, say nothing of a metric that has to be resampled."""


def needs(metric: str) -> str:
    """What a metric is computed from: "classes", "probabilities" or "numbers"."""
    return "probabilities" if metric == AREA else METRICS[metric].needs


def greater_is_better(metric: str) -> bool:
    """Whether a larger value is a better one."""
    return metric == AREA or METRICS[metric].greater_is_better


def value(metric: str, scored: Scored) -> float:
    """The metric as it is on these rows; NaN where they do not define it."""
    if metric != AREA:
        return METRICS[metric].value(scored)
    try:
        return ranks.area(scored.found, scored.is_positive)
    except ValueError:
        return math.nan


def estimate(
    metric: str, scored: Scored, clusters: Clusters = None, alpha: float = 0.05, alpha_upper: float | None = None
) -> Estimate:
    """The metric with one-sided bounds.

    Args:
        metric: one of `NAMES`.
        clusters: the entity of each row, shape (n,), where rows of one entity resemble each other.
        alpha: how often the lower bound may be wrong, and the upper one unless `alpha_upper` is given.

    Raises:
        ValueError: the rows do not define it: none of a kind, or no probabilities.
    """
    upper = alpha if alpha_upper is None else alpha_upper
    if metric == AREA:
        low = ranks.area_bounds(scored.found, scored.is_positive, alpha, clusters)
        high = ranks.area_bounds(scored.found, scored.is_positive, upper, clusters)
        return Estimate(low.value, low.lower, high.upper, scored.n)
    made = METRICS[metric]
    terms = made.terms(scored)
    if metric in {"accuracy", "f1"}:
        weight = 1 / design_effect(scored.right.astype(float), clusters)
        return _shared(made, terms.sum(axis=0) * weight, scored.n, alpha, upper)
    if metric == "balanced_accuracy":
        weight = 1 / design_effect(scored.right.astype(float), clusters)
        return _balanced(terms.sum(axis=0) * weight, scored.n, alpha, upper)
    if units(scored.n, clusters) < FEWEST:
        return Estimate(made.value(scored), -math.inf, math.inf, scored.n)
    seen = resampling.bounds(terms, made.of, alpha, clusters, alpha_upper=upper)
    for column, worse in UNBOUNDED.get(metric, {}).items():
        level = alpha if worse < 0 else 1 - upper
        heaviest = tails.HEAVIEST_SQUARES if metric in {"rmse", "r2"} else tails.HEAVIEST
        if (bound := tails.tail_bound(terms, column, made.of, level, clusters, heaviest=heaviest)) is not None:
            lower, upper_seen = min(seen.lower, bound), max(seen.upper, bound)
            seen = replace(seen, lower=lower) if worse < 0 else replace(seen, upper=upper_seen)
    return seen


def _shared(metric: Metric, sums: Array, n: int, alpha: float, upper: float) -> Estimate:
    """Accuracy is a share of rows. So is tp / (tp + fp + fn), of the rows that are positive or called so: F1 of J is
    2 J / (1 + J), so that its bounds are those of J."""
    counted, rest = float(sums[0]), float(sums[1])
    if metric.name == "accuracy":
        return share(counted, rest, alpha, upper)
    if counted + rest <= 0:
        raise ValueError("no row is of the positive class, nor called so")
    jaccard = share(counted, counted + rest, alpha, upper)
    value, lower, upper = (2 * one / (1 + one) for one in (jaccard.value, jaccard.lower, jaccard.upper))
    return Estimate(value, lower, upper, n)


def _balanced(sums: Array, n: int, alpha: float, upper: float) -> Estimate:
    """A mean of independent shares: squared distances to their own bounds add up (G. Zou and A. Donner, Statistics in
    Medicine 27 (2008) 1693-1702)."""
    half = sums.size // 2
    pairs = zip(sums[:half].tolist(), sums[half:].tolist(), strict=True)
    recalls = [share(k, there, alpha, upper) for k, there in pairs if there > 0]
    mean = sum(one.value for one in recalls) / len(recalls)
    down = math.sqrt(sum((one.value - one.lower) ** 2 for one in recalls)) / len(recalls)
    up = math.sqrt(sum((one.upper - one.value) ** 2 for one in recalls)) / len(recalls)
    return Estimate(mean, max(0.0, mean - down), min(1.0, mean + up), n)
