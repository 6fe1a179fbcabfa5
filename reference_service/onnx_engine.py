"""ONNX Runtime instead of scikit-learn: the same model, hundreds of times faster on one row.

A forest of a hundred trees takes scikit-learn three milliseconds a row and ONNX Runtime some ten microseconds. That is
less than handing the row to a thread and waking up for the answer, so what is over at once is computed on the event
loop; `OnnxModel.row_seconds`, measured when the model is loaded, decides what that is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from reference_service.columns import Row
from reference_service.predictor import Answer, Predictor, labelled, values

if TYPE_CHECKING:
    from reference_service.registry import Snapshot

# The slowest model that is asked on the event loop at all, and the longest that it may hold up everyone else.
LOOP_ROW_SECONDS = 0.0002
LOOP_SECONDS = 0.001
_TRIALS = 20


@dataclass(frozen=True)
class OnnxModel:
    """A loaded model.

    Attributes:
        taken, given: the names of the input and of the output: class probabilities, or the values of a regression.
        element: the type of the numbers that it takes.
        row_seconds: what one row takes, everything included.
    """

    session: onnxruntime.InferenceSession
    taken: str
    given: str
    element: type[np.floating[Any]]
    row_seconds: float = float("inf")

    def run(self, rows: Sequence[Row] | NDArray[np.float64]) -> NDArray[np.floating[Any]]:
        """The output, a line for each row; bit for bit the same whatever other rows come along (a test compares)."""
        found: list[NDArray[np.floating[Any]]]
        found = self.session.run([self.given], {self.taken: np.array(rows, dtype=self.element)})
        return found[0]


class OnnxPredictor(Predictor):
    """Asks an `OnnxModel`."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """One answer for each row, in order."""
        model: OnnxModel = snapshot.estimator
        output = model.run(rows).tolist()
        classes = snapshot.metadata["classes"]
        return labelled(classes, output) if classes else values(value for (value,) in output)

    def at_once(self, snapshot: Snapshot, rows: Sequence[Row]) -> bool:
        """Whether the answers are there before anyone on the event loop would notice that they were computed on it."""
        row_seconds: float = snapshot.estimator.row_seconds
        return row_seconds <= LOOP_ROW_SECONDS and len(rows) * row_seconds <= LOOP_SECONDS


def load(content: bytes) -> OnnxModel:
    """The model in a file's bytes: a graph of known operations, no code."""
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # threads would gain nothing on a row, and spin while they wait for the next
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    element = np.float64 if taken.type == "tensor(double)" else np.float32
    model = OnnxModel(session, taken.name, session.get_outputs()[-1].name, element)
    return replace(model, row_seconds=_seconds(model, taken.shape[1]))


def _seconds(model: OnnxModel, width: int) -> float:
    """What one row takes at best: what else runs on the machine just now is no property of the model."""
    row, found = [[0.0] * width], float("inf")
    for _ in range(_TRIALS):
        before = time.perf_counter()
        model.run(row).tolist()
        found = min(found, time.perf_counter() - before)
    return found
