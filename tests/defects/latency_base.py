"""Defects of speed that only a comparison with the version before shows."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, SklearnPredictor
from tests.defects.planting import defect

MODELS = Path(__file__).parents[2] / "models"
HEALTHY_BASE = f"""[base]
command = "{{python}} -m reference_service --models '{MODELS}' --port {{port}} --state {{state}}"
"""


@defect("latency.no_regression", declares=HEALTHY_BASE)
def one_call_in_ten_has_become_slower(components: Components) -> Components:
    """10% of the calls take 40 ms longer than in the version before, well within the limit. SRE practice."""

    class Slower(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            if random.random() < 0.1:
                time.sleep(0.04)
            return super().predict(snapshot, rows)

    return replace(components, predictor=Slower())
