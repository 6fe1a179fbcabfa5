"""From rows to answers: the only place where the model is called. Runs off the event loop, in a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from reference_service.registry import Snapshot

# Optimised linear algebra adds up in another order for another number of rows, so the last bit of an answer would
# depend on who else is asking at the moment. Over whole blocks of rows it does not (a test compares all bits).
BLOCK_ROWS = 16


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model says of one row; probabilities are by class, absent for a regression."""

    prediction: str | float
    probabilities: dict[str, float] | None = None


class Predictor(Protocol):
    """Anything that can answer rows. Called from several threads, though never twice at once in good times."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Sequence[float]]) -> list[Answer]:
        """One answer for each row, in order."""


class SklearnPredictor:
    """Asks a scikit-learn pipeline."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Sequence[float]]) -> list[Answer]:
        """One answer for each row, in order; bit for bit the same whatever other rows come along."""
        matrix = self.matrix(rows)
        if snapshot.metadata["classes"] is None:
            return self.values(self.predicted(snapshot.estimator, matrix)[: len(rows)])
        probabilities = self.probabilities(snapshot.estimator, matrix)[: len(rows)]
        return self.labelled(snapshot.metadata["classes"], probabilities)

    def matrix(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """The rows as an array, padded to whole blocks by repeating the first."""
        padding = -len(rows) % BLOCK_ROWS
        return np.array([*rows, *([rows[0]] * padding)], dtype=np.float64)

    def probabilities(self, estimator: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Class probabilities, one row each."""
        found: NDArray[np.float64] = estimator.predict_proba(matrix)
        return found

    def predicted(self, estimator: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predicted values of a regression."""
        found: NDArray[np.float64] = estimator.predict(matrix)
        return found

    def labelled(self, classes: Sequence[str], probabilities: NDArray[np.float64]) -> list[Answer]:
        """The most probable class of each row; on a tie the first, as in scikit-learn."""
        labels = probabilities.argmax(axis=1).tolist()
        return [
            Answer(classes[label], dict(zip(classes, row, strict=True)))
            for label, row in zip(labels, probabilities.tolist(), strict=True)
        ]

    def values(self, predicted: NDArray[np.float64]) -> list[Answer]:
        """The answers of a regression."""
        return [Answer(value) for value in predicted.tolist()]
