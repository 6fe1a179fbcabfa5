"""/predict and /predict/batch."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.experiments.routing import Choice
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked
from reference_service.model.predictor import Answer
from reference_service.web.deadline import within
from reference_service.web.problems import Problem


class PredictRoutes:
    """Answers questions to the model."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.limits = components.settings.limits

    async def single(self, request: Request) -> Response:
        """POST /predict."""
        parts = self.components
        parts.access.check_predicting(request)
        asked = parts.rows.single(await parts.bodies.read(request, self.limits.single_body_bytes))
        snapshot, choice = await self.chosen(request, asked)
        headers = {}
        if parts.cache.enabled:
            key = parts.cache.key(snapshot.version, asked.rows[0])
            answer = parts.cache.get(key)
            headers["X-Cache"] = "miss" if answer is None else "hit"
            if answer is None:
                (answer,) = await self.answers(snapshot, asked.rows)
                parts.cache.put(key, answer)
        else:
            (answer,) = await self.answers(snapshot, asked.rows)
        self.remember(request, choice, asked, [answer])
        members = parts.presenter.single(answer, choice.version, request.scope["request_id"], choice.variant)
        return parts.presenter.response(members, 200, headers)

    async def batch(self, request: Request) -> Response:
        """POST /predict/batch."""
        parts = self.components
        parts.access.check_predicting(request)
        asked = parts.rows.batch(await parts.bodies.read(request, self.limits.batch_body_bytes))
        snapshot, choice = await self.chosen(request, asked)
        answers = await self.answers(snapshot, asked.rows)
        self.remember(request, choice, asked, answers)
        return parts.presenter.response(parts.presenter.batch(answers, choice.version, request.scope["request_id"]))

    async def chosen(self, request: Request, asked: Asked) -> tuple[Snapshot, Choice]:
        """The version that answers, what it is to be called, and the variant that chose it.

        Raises:
            Problem: 404 unknown version, 503 it cannot be loaded.
        """
        parts = self.components
        chosen = parts.routing.choose(request.scope["in_force"], asked)
        snapshot = await parts.serving.answering(chosen.version)
        answered = Choice(parts.identity.answer_version(snapshot, asked.model_version), chosen.variant)
        request.scope["answered"] = answered
        return snapshot, answered

    def remember(self, request: Request, choice: Choice, asked: Asked, answers: Sequence[Answer]) -> None:
        """What there is to know of an answer later. A label can come for one row only: it names no row of many."""
        parts = self.components
        parts.telemetry.predicted(choice.version, answers, choice.variant)
        parts.drift.observe(asked.rows)
        if len(answers) == 1:
            parts.outcomes.predicted(request.scope["request_id"], choice.version, answers[0])

    async def answers(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
        """The model's answers, within the deadline.

        Raises:
            Problem: 503 shed, 504 out of time.
        """
        try:
            return await within(self.limits.deadline_seconds, self.components.batcher.submit(snapshot, rows))
        except TimeoutError:
            raise Problem(504, "deadline-exceeded", "The model did not answer in time.") from None
