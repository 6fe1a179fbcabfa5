"""Evidence `canary_run`: a candidate and its control asked for the same rows in turns, point after point."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_mlready.deployment import Refused, Unanswered
from pytest_mlready.evidence.asking import asked_of, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Answered, Canary, Label
from pytest_mlready.service.transport import Transport

POINTS = 60
ROWS_A_POINT = 8
DEADLINE_S = 5.0
MOST_WAITED = 4.0
"""So many times its budget a canary may take; what was asked by then is judged."""


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, and the candidate."""
    table = context.settings.deployment
    return {**asked_of(context), "canary": table and table.canary}


def gather(context: Context) -> Canary:
    """Compare the declared candidate with the version that serves. Raises GatherError."""
    table, deployment = context.settings.deployment, context.given.get("mlready_deployment")
    if table is None or deployment is None or table.canary is None:
        raise GatherError("no [deployment] canary names a candidate")
    try:
        control = deployment.current()
    except (Refused, Unanswered) as problem:
        raise GatherError(f"which version serves could not be found out: {problem}") from None
    if control == table.canary:
        raise GatherError(f"{control} serves already: there is no control to compare it with")
    return compare(context, table.canary, control)


def compare(
    context: Context, candidate: str, control: str, labels: Sequence[Label] = (), points: int = POINTS
) -> Canary:
    """Ask both for the same rows; each is a version, asked for by name, or the URL of another instance.

    Raises:
        GatherError: the body has no place for a version.
    """
    names = (candidate, control)
    began = time.monotonic()
    found: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    with _Side(context, candidate) as one, _Side(context, control) as other:
        for point in range(points):
            if time.monotonic() - began > MOST_WAITED * context.budget_s and point >= points // 2:
                break
            asked: tuple[list[tuple[int, Answered]], ...] = ([], [])
            for turn in range(ROWS_A_POINT):
                row = (point * ROWS_A_POINT + turn) % len(context.rows)
                for side in (0, 1) if turn % 2 else (1, 0):
                    asked[side].append((row, (one, other)[side].ask(row)))
            for side in (0, 1):
                found[side].append(_measured(asked[side], labels, found[side][-1] if found[side] else {}))
    series = [{name: tuple(point[name] for point in one) for name in one[0]} for one in found]
    return Canary(names, ROWS_A_POINT, time.monotonic() - began, series[0], series[1])


class _Side:
    """One of the two: who is asked, and how."""

    def __init__(self, context: Context, name: str) -> None:
        table = context.settings.deployment
        elsewhere = name.startswith(("http://", "https://"))
        self._target = replace(context.target, url=name.rstrip("/"), instance=None) if elsewhere else context.target
        field = table.version_field if table is not None else "model_version"
        self._extra = None if elsewhere else {field: name}
        self._rows = context.rows
        self._transport: Transport = self._target.transport(deadline_s=DEADLINE_S)
        try:
            self._target.mapping.encode_row(self._rows[0], self._extra)
        except ValueError as error:
            raise GatherError(f"{name} cannot be asked for by name: {error}; give the URL of an instance") from None

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *of: object) -> None:
        self._transport.close()

    def ask(self, row: int) -> Answered:
        """The answer for one row."""
        mapping = self._target.mapping
        body = mapping.encode_row(self._rows[row], self._extra)
        exchange = predict(self._target, f"sample row {row}", body, transport=self._transport, keep_alive=True)
        return decoded_one(mapping, exchange, row)


def _measured(
    asked: Sequence[tuple[int, Answered]], labels: Sequence[Label], before: Mapping[str, float]
) -> dict[str, float]:
    """The metrics of one point."""
    times = [one.exchange.elapsed_s for _, one in asked]
    answered = [(row, one.only) for row, one in asked if one.only is not None]
    scores = [score for _, one in answered if (score := _score(one.prediction, one.probabilities)) is not None]
    found = {
        "latency_s": statistics.fmean(times),
        "slowest_s": max(times),
        "errors": 1 - len(answered) / len(asked),
        "score": statistics.fmean(scores) if scores else before.get("score", 0.0),
    }
    if labels:
        wrong = [labels[row] != one.prediction for row, one in answered]
        found["wrong"] = statistics.fmean(wrong) if wrong else before.get("wrong", 1.0)
    return found


def _score(prediction: Label, probabilities: tuple[float, ...] | None) -> float | None:
    if probabilities:
        return float(probabilities[-1])
    return float(prediction) if isinstance(prediction, int | float) else None
