"""ONNX Runtime instead of scikit-learn: the same model, hundreds of times faster on one row.

A forest of a hundred trees takes scikit-learn three milliseconds a row and ONNX Runtime some ten microseconds. That is
less than handing the row to a thread and waking up for the answer, so what is over at once is computed on the event
loop; `OnnxModel.row_seconds`, measured when the model is loaded, decides what that is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, Predictor, labelled, values

if TYPE_CHECKING:
    from reference_service.artifacts.registry import Snapshot

# The slowest model that is asked on the event loop at all, and the longest that it may hold up everyone else.
LOOP_ROW_SECONDS = 0.0002
LOOP_SECONDS = 0.001
_TRIALS = 20


class OneRow:
    """Memory for one row and its output, tied to the model once: a call neither makes nor converts anything."""

    def __init__(self, session: onnxruntime.InferenceSession, element: type[np.floating[Any]]) -> None:
        (taken,), given = session.get_inputs(), session.get_outputs()[-1]
        self.session = session
        self.row = np.zeros((1, taken.shape[1]), element)
        (self.output,) = session.run([given.name], {taken.name: self.row})
        self.binding = session.io_binding()
        self.binding.bind_input(taken.name, "cpu", 0, element, self.row.shape, self.row.ctypes.data)
        self.binding.bind_output(
            given.name, "cpu", 0, self.output.dtype.type, self.output.shape, self.output.ctypes.data
        )

    def run(self, row: Row) -> list[list[float]]:
        """The output, in one line. Not for two threads at once."""
        self.row[0] = row
        self.session.run_with_iobinding(self.binding)
        found: list[list[float]] = self.output.tolist()
        return found


@dataclass(frozen=True)
class OnnxModel:
    """A loaded model.

    Attributes:
        element: the type of the numbers that it takes.
        row_seconds: what one row takes.
    """

    session: onnxruntime.InferenceSession
    element: type[np.floating[Any]]
    one_row: OneRow
    row_seconds: float = float("inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, rows: Sequence[Row]) -> list[list[float]]:
        """A line for each row: class probabilities, or one value; no bit depends on the rows beside (a test compares).

        Never waits for another thread.
        """
        if len(rows) == 1 and self.lock.acquire(blocking=False):
            try:
                return self.one_row.run(rows[0])
            finally:
                self.lock.release()
        taken, given = self.session.get_inputs()[0].name, self.session.get_outputs()[-1].name
        found: list[list[float]] = self.session.run([given], {taken: np.array(rows, self.element)})[0].tolist()
        return found


class OnnxPredictor(Predictor):
    """Asks an `OnnxModel`."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """One answer for each row, in order."""
        output = snapshot.estimator.run(rows)
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
    element = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
    model = OnnxModel(session, element, OneRow(session, element))
    return replace(model, row_seconds=_seconds(model))


def _seconds(model: OnnxModel) -> float:
    """What one row takes at best: what else runs on the machine just now is no property of the model."""
    row, found = model.one_row.row.tolist(), float("inf")
    for _ in range(_TRIALS):
        before = time.perf_counter()
        model.run(row)
        found = min(found, time.perf_counter() - before)
    return found
