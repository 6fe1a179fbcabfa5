"""How much better one model is than another on the same rows, with bounds that also hold for what was not seen.

A sample may hold the few rows that a new version gained and none of those that it lost. Resampling it never shows a
loss, so bounds take in what so many rows can have missed: shares by Tango's score test, areas and losses by the share
of rows that none of so many shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure import paired, performance, ranks, resampling, tails
from pytest_mlready.measure.entities import Clusters, design_effect, units
from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.performance import AREA, FEWEST
from pytest_mlready.measure.proportions import upper_bound
from pytest_mlready.measure.scored import METRICS, Array, Metric, Scored


def gain(metric: str, new: Scored, old: Scored, clusters: Clusters = None) -> Estimate:
    """How much better the new answers are than the old ones, to the same rows; positive is better, for losses, too.

    The lower bound is wrong at most `paired.ALPHA_PASS`, the upper one at most `paired.ALPHA_FAIL`.

    Args:
        metric: one of `performance.NAMES`.
        clusters: the entity of each row, shape (n,), where rows of one entity resemble each other.

    Raises:
        ValueError: the rows do not define the metric: none of a kind, or no probabilities.
    """
    if metric == "accuracy" and clusters is None:
        gained, lost = (int(np.count_nonzero(one)) for one in (new.right & ~old.right, old.right & ~new.right))
        return paired.difference(gained, lost, new.n)
    if units(new.n, clusters) < FEWEST:
        sign = 1 if performance.greater_is_better(metric) else -1
        value = sign * (performance.value(metric, new) - performance.value(metric, old))
        return Estimate(value, -math.inf, math.inf, new.n)
    if metric == AREA:
        args = (new.found, old.found, new.is_positive)
        low = ranks.area_difference(*args, paired.ALPHA_PASS, clusters)
        high = ranks.area_difference(*args, paired.ALPHA_FAIL, clusters)
        return Estimate(low.value, low.lower, high.upper, new.n)
    made = METRICS[metric]
    if made.needs == "classes":
        return _of_classes(made, new, old, clusters)
    seen = _resampled(made, new, old, clusters)
    least, most = (
        _least(made, new, old, paired.ALPHA_PASS, clusters),
        -_least(made, old, new, paired.ALPHA_FAIL, clusters),
    )
    return replace(seen, lower=min(seen.lower, least), upper=max(seen.upper, most))


def _of_classes(made: Metric, new: Scored, old: Scored, clusters: Clusters) -> Estimate:
    """A weighted sum of differences of shares: squared distances to their own bounds add up (G. Zou and A. Donner,
    Statistics in Medicine 27 (2008) 1693-1702). What that leaves out, resampling shows: F1's weights are of the sample,
    and rows of one entity may be of several classes."""
    value, down, up = 0.0, 0.0, 0.0
    for part in _parts(made.name, new, old):
        found = part.apart(clusters)
        value += part.weight * found.value
        down += (part.weight * (found.value - found.lower)) ** 2
        up += (part.weight * (found.upper - found.value)) ** 2
    lower, upper = value - math.sqrt(down), value + math.sqrt(up)
    if made.name == "accuracy" or (made.name == "balanced_accuracy" and clusters is None):
        return Estimate(value, lower, upper, new.n)
    seen = _resampled(made, new, old, clusters)
    return replace(seen, lower=min(seen.lower, lower), upper=max(seen.upper, upper))


@dataclass(frozen=True)
class _Part:
    """Rows of one kind, and whether each is answered rightly by either model."""

    weight: float
    of: NDArray[np.bool_]
    new: NDArray[np.bool_]
    old: NDArray[np.bool_]

    def apart(self, clusters: Clusters) -> Estimate:
        """How much more often the new model is right; of entities, counts are divided by the larger design effect."""
        at = np.flatnonzero(self.of)
        gained, lost = (self.new & ~self.old)[at].astype(float), (self.old & ~self.new)[at].astype(float)
        held = None if clusters is None else clusters[at]
        weight = 1 / max(design_effect(gained, held), design_effect(lost, held))
        counts = (float(gained.sum()) * weight, float(lost.sum()) * weight, at.size * weight)
        lower, upper = paired.score_bounds(*counts, paired.ALPHA_PASS, paired.ALPHA_FAIL)
        return Estimate(float(gained.mean() - lost.mean()), lower, upper, at.size)


def _parts(metric: str, new: Scored, old: Scored) -> Iterator[_Part]:
    """The kinds of rows whose differences, weighted, add up to that of the metric.

    That of F1 is ((2 - F) (tp' - tp) - F (fp' - fp)) / (tp' + fp' + P), where F, tp and fp are the old model's, tp' and
    fp' the new one's, and P rows are positive.
    """
    if metric == "accuracy":
        yield _Part(1.0, np.ones(new.n, bool), new.right, old.right)
    elif metric == "balanced_accuracy":
        kinds = np.unique(new.truth)
        for kind in kinds:
            yield _Part(1 / kinds.size, new.truth == kind, new.right, old.right)
    else:
        positive = new.positive % max(1, len(new.classes))
        truly = new.is_positive
        if not truly.any():
            raise ValueError("no row is of the positive class")
        called, was_called = new.predicted == positive, old.predicted == positive
        f1 = METRICS["f1"].value(old)
        rows = np.count_nonzero(called) + np.count_nonzero(truly)
        yield _Part((2 - f1) * np.count_nonzero(truly) / rows, truly, called, was_called)
        if not truly.all():
            yield _Part(f1 * np.count_nonzero(~truly) / rows, ~truly, ~called, ~was_called)


def _resampled(made: Metric, new: Scored, old: Scored, clusters: Clusters) -> Estimate:
    both = np.concatenate([made.terms(new), made.terms(old)], axis=1)
    sign = 1 if made.greater_is_better else -1

    def apart(sums: Array) -> Array:
        half = sums.shape[-1] // 2
        return sign * (made.of(sums[..., :half]) - made.of(sums[..., half:]))

    return resampling.bounds(both, apart, paired.ALPHA_PASS, clusters, alpha_upper=paired.ALPHA_FAIL)


def _least(made: Metric, new: Scored, old: Scored, alpha: float, clusters: Clusters) -> float:
    """A lower bound on the gain, where rows are worse than any that was seen, or more of them are.

    The first of a metric's terms is the loss of a row. Rows that are wrong as if nothing was known of them may be more
    than were drawn, by an exact bound on their share; and what squares of errors add up to may be in a tail.
    """
    sign = 1 if made.greater_is_better else -1
    terms = made.terms(old)
    worse = made.terms(new)[:, 0] - terms[:, 0]
    lost = terms.shape[1]
    terms = np.column_stack([terms, np.maximum(worse, 0), np.maximum(-worse, 0)])

    def apart(sums: Array) -> Array:
        before = sums[..., :lost]
        after = before.copy()
        after[..., 0] += sums[..., lost] - sums[..., lost + 1]
        return sign * (made.of(after) - made.of(before))

    losses = made.terms(_ignorant(new))[:, 0]
    large = losses.mean() / 2
    failed, cost = (worse > large).astype(float), float(losses[losses >= large].mean())
    rows = new.n / design_effect(failed, clusters)
    unseen = terms.sum(axis=0)
    unseen[lost] += (upper_bound(failed.mean() * rows, rows, alpha) - failed.mean()) * new.n * cost
    least = float(apart(unseen))
    if made.name in {"rmse", "r2"}:
        of_tail = tails.tail_bound(terms, lost, apart, alpha, clusters, heaviest=tails.HEAVIEST_SQUARES)
        least = least if of_tail is None else min(least, of_tail)
    return least


def _ignorant(scored: Scored) -> Scored:
    """The answers of a model that is wrong in every row: the mean as a number, the least likely class as the truth."""
    if scored.probabilities is None:
        return replace(scored, predicted=np.full(scored.n, scored.truth.mean()))
    return replace(scored, truth=scored.probabilities.argmin(axis=1).astype(float))
