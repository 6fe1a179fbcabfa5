"""Whether the very next prediction will succeed: found out by making one."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from reference_service.artifacts.registry import Snapshot
from reference_service.model.batcher import Batcher
from reference_service.model.predictor import Answer
from reference_service.model.serving import Serving
from reference_service.web.problems import Problem

PROBE_SECONDS = 1.0


class Readiness:
    """Answers readiness by predicting a golden row, whose answer was computed when the model was trained."""

    def __init__(self, serving: Serving, batcher: Batcher) -> None:
        self.serving = serving
        self.batcher = batcher
        self.draining = False

    async def failure(self) -> str | None:
        """Why the service is not ready, or None if it is."""
        if self.draining:
            return "draining"
        try:
            snapshot = await self.serving.answering(self.serving.state().serving)
        except Problem:
            return "no model is loaded"
        return await self.probe(snapshot)

    async def probe(self, snapshot: Snapshot) -> str | None:
        """Why a version does not answer as it did in training, or None if it does."""
        golden = snapshot.golden
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answers = await self.batcher.submit(snapshot, golden["rows"][:1], urgent=True)
        except TimeoutError:
            return "the model does not answer in time"
        except Exception:
            return "the model fails"
        return (
            None if matches(answers[0], golden["answers"][0], golden["tolerance"]) else "the model's answers are wrong"
        )

    def drain(self) -> None:
        """From now on not ready, whatever the model can do: the process is about to stop."""
        self.draining = True


def matches(answer: Answer, golden: dict[str, Any], tolerance: float) -> bool:
    """Whether an answer is the golden one, within a relative tolerance."""
    pairs: list[tuple[object, object]] = [(answer.prediction, golden["prediction"])]
    pairs += [
        ((answer.probabilities or {}).get(label), share) for label, share in golden.get("probabilities", {}).items()
    ]
    return all(
        math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance)
        if isinstance(got, float) and isinstance(expected, float)
        else got == expected
        for got, expected in pairs
    )
