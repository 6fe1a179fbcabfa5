"""Defects of what the service uses under load."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from tests.defects.planting import defect


@defect("lifecycle.memory_stable")
def every_prediction_is_remembered(components: Components) -> Components:
    """`predictions_log` grows with every prediction, and nothing ever leaves it. Python ML deployment guide."""
    predictions_log: list[dict[str, Any]] = []

    class Logging(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            answers = super().predict(snapshot, rows)
            for row, answer in zip(rows, answers, strict=True):
                inputs = self.matrix([row], float).tolist()
                predictions_log.append({"at": time.time(), "inputs": inputs, "answer": answer})
            return answers

    return replace(components, predictor=Logging())


@defect("latency.resource_budget")
def each_call_keeps_a_copy_of_a_table(components: Components) -> Components:
    """Twenty calls each keep a copy, of 20 MiB, of the table in which they looked one value up. MLOps handbook."""
    table = np.random.default_rng(7).random(20 * 1024 * 1024 // 8)
    copies: list[NDArray[np.float64]] = []

    class Copying(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            if len(copies) < 20:
                copies.append(table.copy())
            return super().predict(snapshot, rows)

    return replace(components, predictor=Copying())


@defect("latency.soak")
def one_row_in_five_leaves_a_file_open(components: Components) -> Components:
    """A file is opened now and then and never closed: after hours none can be opened any more. Deployment practice."""
    left: list[int] = []

    class Leaving(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            left.extend(os.open(os.devnull, os.O_RDONLY) for _ in rows if random.random() < 0.2)
            return super().predict(snapshot, rows)

    return replace(components, predictor=Leaving())
