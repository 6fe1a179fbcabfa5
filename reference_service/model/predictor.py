"""From rows to answers: the only place where the model is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from reference_service.model.columns import NUMBER, Row

if TYPE_CHECKING:
    from reference_service.artifacts.registry import Snapshot

# Optimised linear algebra adds up in another order for another number of rows, so the last bit of an answer would
# depend on who else is asking at the moment. Over whole blocks of rows it does not (a test compares all bits).
BLOCK_ROWS = 16


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model says of one row; probabilities are by class, absent for a regression."""

    prediction: str | float
    probabilities: dict[str, float] | None = None


class Predictor(Protocol):
    """Anything that can answer rows. Called from several threads, though never twice at once in good times."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """One answer for each row, in order."""

    def at_once(self, snapshot: Snapshot, rows: Sequence[Row]) -> bool:
        """Whether these rows are answered so fast that it may happen on the event loop; if not, in a thread."""
        return False

    def prepare_thread(self) -> None:
        """Called in each thread that will call the model."""
        return


class SklearnPredictor(Predictor):
    """Asks a scikit-learn pipeline, in worker threads only."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """One answer for each row, in order; bit for bit the same whatever other rows come along."""
        matrix = self.matrix(rows, element_of(snapshot.metadata))
        if snapshot.metadata["classes"] is None:
            return values(self.predicted(snapshot.estimator, matrix)[: len(rows)].tolist())
        probabilities = self.probabilities(snapshot.estimator, matrix)[: len(rows)]
        return labelled(snapshot.metadata["classes"], probabilities.tolist())

    def matrix(self, rows: Sequence[Row], element: type[Any]) -> NDArray[Any]:
        """The rows as an array, padded to whole blocks by repeating the first."""
        padding = -len(rows) % BLOCK_ROWS
        return np.array([*rows, *([rows[0]] * padding)], dtype=element)

    def probabilities(self, estimator: Any, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Class probabilities, one row each."""
        found: NDArray[np.float64] = estimator.predict_proba(matrix)
        return found

    def predicted(self, estimator: Any, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Predicted values of a regression."""
        found: NDArray[np.float64] = estimator.predict(matrix)
        return found

    def prepare_thread(self) -> None:
        """Input is validated before it comes here; scikit-learn need not look at it again on every call."""
        import sklearn

        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)


def element_of(metadata: Mapping[str, Any]) -> type[Any]:
    """What an array of rows holds: doubles, a missing one being NaN, or whatever it is where there are categories."""
    numeric = all(feature["type"] == NUMBER for feature in metadata["features"])
    return np.float64 if numeric else np.object_


def labelled(classes: Sequence[str], probabilities: Iterable[list[float]]) -> list[Answer]:
    """The most probable class of each row; on a tie the first, as in scikit-learn."""
    return [Answer(classes[row.index(max(row))], dict(zip(classes, row, strict=True))) for row in probabilities]


def values(predicted: Iterable[float]) -> list[Answer]:
    """The answers of a regression."""
    return [Answer(value) for value in predicted]
