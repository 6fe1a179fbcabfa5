"""Game-day drills: faults that can be switched on to see that people, probes and alerts notice.

`--drill broken-model` keeps everything in order but the model itself: predictions answer 500 problems, readiness 503,
while bad input still answers 4xx and liveness 200.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference_service.artifacts.registry import Snapshot
from reference_service.model.columns import Row
from reference_service.model.predictor import Answer, Predictor

DRILLS = ("broken-model",)


class BrokenPredictor(Predictor):
    """A model that fails on every row."""

    def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """Always raises."""
        raise RuntimeError(f"drill: {snapshot.name} {snapshot.version} is broken on purpose")


def drilled(predictor: Predictor, drill: str | None) -> Predictor:
    """The predictor as the drill wants it."""
    return BrokenPredictor() if drill == "broken-model" else predictor
