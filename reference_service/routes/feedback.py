"""/feedback: what turned out to be true of a prediction, whenever that becomes known."""

from __future__ import annotations

import asyncio
import math

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reference_service.components import Components
from reference_service.deployments.outcomes import FLUSH_SECONDS, WINDOW_LABELS, Label, Labelled
from reference_service.web import strict_json
from reference_service.web.problems import Fault, Problem, invalid

FIELDS = ("request_id", "label")


class Feedback(msgspec.Struct, forbid_unknown_fields=True):
    """The body of /feedback."""

    request_id: str
    label: str | float


class FeedbackRoutes:
    """Takes labels, and tells what they say. The file of outcomes is read and written off the event loop."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.limits = components.settings.limits
        self.decoder = msgspec.json.Decoder(Feedback)

    async def label(self, request: Request) -> Response:
        """POST /feedback. Labels can roll a version back, so they need what predicting needs."""
        parts = self.components
        parts.access.check_predicting(request)
        asked = self.asked(await parts.bodies.read(request, self.limits.single_body_bytes))
        labelled = await self.labelled(asked.request_id, asked.label)
        return parts.presenter.response(labelled, 202)

    async def quality(self, request: Request) -> Response:
        """GET /feedback."""
        parts = self.components
        scores = await asyncio.to_thread(parts.outcomes.scores)
        versions = []
        for score in scores:
            metric, value = score.quality(parts.contract.task)
            versions.append({"model_version": score.version, "labels": score.labels, "metric": metric, "value": value})
        return parts.presenter.response({"window_labels": WINDOW_LABELS, "versions": versions})

    async def labelled(self, request_id: str, label: Label) -> Labelled:
        """The prediction and its label.

        Raises:
            Problem: 404, no prediction is remembered by this id.
        """
        outcomes = self.components.outcomes
        found = await asyncio.to_thread(outcomes.label, request_id, label)
        if found is None:  # another worker may have answered it a moment ago, and will have written it by then
            await asyncio.sleep(2 * FLUSH_SECONDS)
            found = await asyncio.to_thread(outcomes.label, request_id, label)
        if found is None:
            detail = (
                "No prediction is remembered by this request id: unknown, too long ago, or a batch (only single rows)."
            )
            raise Problem(404, "unknown-prediction", detail)
        return found

    def asked(self, body: bytes) -> Feedback:
        """Read the body.

        Raises:
            Problem: 400 or 422, naming every fault.
        """
        found = strict_json.decode(body, self.decoder, _colons, self.limits.nesting)
        faults = _faults(strict_json.examine(body, self.limits.nesting)) if found is None else []
        if found is not None:
            faults.extend(self.label_faults(found.label))
        if faults or found is None:
            raise invalid(*faults)
        return found

    def label_faults(self, label: Label) -> list[Fault]:
        """What is wrong with a label of the right JSON type, if anything."""
        classes, bound = self.components.contract.classes, self.limits.magnitude
        if classes:
            named = isinstance(label, str) and label in classes
            return [] if named else [Fault("$.label", f"must be one of {', '.join(classes)}")]
        fits = not isinstance(label, str) and math.fabs(label) <= bound
        return [] if fits else [Fault("$.label", f"must be a number between -{bound:g} and {bound:g}")]


def _colons(feedback: Feedback) -> int:
    texts = (feedback.request_id, feedback.label)
    return len(FIELDS) + sum(text.count(":") for text in texts if isinstance(text, str))


def _faults(value: object) -> list[Fault]:
    if not isinstance(value, dict):
        return [Fault("$", f"must be an object, is {strict_json.kind(value)}")]
    unknown = [key for key in value if key not in FIELDS][:10]
    faults = [Fault(f"$.{strict_json.printable(key)}", "there is no such field") for key in unknown]
    faults.extend(Fault(f"$.{field}", "the field is missing") for field in FIELDS if field not in value)
    for field, types, wanted in (("request_id", str, "a string"), ("label", str | int | float, "a class or a number")):
        given = value.get(field, "")
        if isinstance(given, bool) or not isinstance(given, types):
            faults.append(Fault(f"$.{field}", f"must be {wanted}, is {strict_json.kind(given)}"))
    return faults or [Fault("$", "does not fit the request's schema")]
