"""Answers beside the truth as arrays, and metrics of them as functions of sums over rows.

A metric that is a function of sums is resampled by adding up rows (or the rows of an entity) again, whatever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEAST_PROBABILITY = 1e-15
"""What a probability of zero counts as in the log loss; the same as in scikit-learn of old."""


@dataclass(frozen=True)
class Scored:
    """What was answered to rows whose truth is known.

    For a classifier `truth` and `predicted` are codes, positions in `classes` (-1: an answer that is none of them), and
    `probabilities` has a column for each class, or is None. For a regression both are numbers and `classes` is ().
    `positive` is the code of the class that counts as found.
    """

    truth: Array
    predicted: Array
    classes: tuple[str, ...] = ()
    probabilities: Array | None = None
    positive: int = -1

    @property
    def n(self) -> int:
        """The number of rows."""
        return int(self.truth.size)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row got its own class."""
        return np.asarray(self.truth == self.predicted)

    @property
    def found(self) -> Array:
        """The probability of the positive class in each row. Raises ValueError where there are no probabilities."""
        if self.probabilities is None:
            raise ValueError("the answers hold no probabilities")
        return np.asarray(self.probabilities[:, self.positive], float)

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """Whether each row truly is of the positive class."""
        return np.asarray(self.truth == self.positive % max(1, len(self.classes)))

    def of(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Scored:
        """Some of the rows."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return replace(self, truth=self.truth[rows], predicted=self.predicted[rows], probabilities=probabilities)


@dataclass(frozen=True)
class Metric:
    """A metric as `of` the sums of `terms` over rows; terms have shape (n, k), `of` takes (..., k) and gives (...).

    `needs` says what it is computed from: "classes", "probabilities" or "numbers".
    """

    name: str
    needs: str
    terms: Callable[[Scored], Array]
    of: Callable[[Array], Array]
    greater_is_better: bool = True

    def value(self, scored: Scored) -> float:
        """The metric over all rows."""
        return float(self.of(self.terms(scored).sum(axis=0)))


def _accuracy(scored: Scored) -> Array:
    return np.column_stack([scored.right, np.ones(scored.n)]).astype(float)


def _recalls(scored: Scored) -> Array:
    """Of each class that a row is of: whether the row was right, and that it is there."""
    member = scored.truth[:, None] == np.arange(len(scored.classes))
    return np.concatenate([member & scored.right[:, None], member], axis=1).astype(float)


def _found_and_missed(scored: Scored) -> Array:
    positive = scored.positive % max(1, len(scored.classes))
    said, truly = scored.predicted == positive, scored.truth == positive
    return np.column_stack([said & truly, said != truly]).astype(float)


def _log_loss(scored: Scored) -> Array:
    probabilities = np.asarray(scored.probabilities, float)
    own = probabilities[np.arange(scored.n), scored.truth.astype(int)]
    return np.column_stack([-np.log(np.maximum(own, LEAST_PROBABILITY)), np.ones(scored.n)])


def _brier(scored: Scored) -> Array:
    """For two classes of the positive one, as Brier scores are told; else summed over classes (G. Brier 1950)."""
    member = scored.truth[:, None] == np.arange(len(scored.classes))
    squares = ((np.asarray(scored.probabilities, float) - member) ** 2).sum(axis=1)
    return np.column_stack([squares / 2 if len(scored.classes) == 2 else squares, np.ones(scored.n)])


def _errors(power: int) -> Callable[[Scored], Array]:
    def terms(scored: Scored) -> Array:
        return np.column_stack([np.abs(scored.truth - scored.predicted) ** power, np.ones(scored.n)])

    return terms


def _squares(scored: Scored) -> Array:
    centred = scored.truth - scored.truth.mean()  # sums of squares of large numbers would lose their digits
    return np.column_stack([(scored.truth - scored.predicted) ** 2, centred, centred**2, np.ones(scored.n)])


def _ratio(sums: Array) -> Array:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _mean_recall(sums: Array) -> Array:
    """Over the classes that rows are of."""
    half = sums.shape[-1] // 2
    right, there = sums[..., :half], sums[..., half:]
    recalls = np.divide(right, there, out=np.zeros_like(right), where=there > 0)
    return np.asarray(recalls.sum(axis=-1) / (there > 0).sum(axis=-1))


def _f1(sums: Array) -> Array:
    found, wrong = sums[..., 0], sums[..., 1]
    return np.asarray(np.divide(2 * found, 2 * found + wrong, out=np.zeros_like(found), where=found + wrong > 0))


def _r2(sums: Array) -> Array:
    residual, total, squares, n = (sums[..., at] for at in range(4))
    spread = squares - total**2 / n
    return np.asarray(1 - np.divide(residual, spread, out=np.full_like(residual, np.inf), where=spread > 0))


METRICS: Mapping[str, Metric] = {
    one.name: one
    for one in (
        Metric("accuracy", "classes", _accuracy, _ratio),
        Metric("balanced_accuracy", "classes", _recalls, _mean_recall),
        Metric("f1", "classes", _found_and_missed, _f1),
        Metric("log_loss", "probabilities", _log_loss, _ratio, greater_is_better=False),
        Metric("brier", "probabilities", _brier, _ratio, greater_is_better=False),
        Metric("mae", "numbers", _errors(1), _ratio, greater_is_better=False),
        Metric("rmse", "numbers", _errors(2), lambda sums: np.sqrt(_ratio(sums)), greater_is_better=False),
        Metric("r2", "numbers", _squares, _r2),
    )
}
"""By name; the area under the ROC curve, which is no function of sums, is in `ranks`."""
