"""Literal records for tests of checks, with what does not matter to the test filled in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_mlready.finding import Finding
from pytest_mlready.measure.proportions import Word
from pytest_mlready.records import Answered, Exchange, Label, Overload, Percentile, Prediction, Trial
from pytest_mlready.settings import Settings, parse

JSON = (("Content-Type", "application/json"),)
Headers = tuple[tuple[str, str], ...]


def exchange(
    status: int | None = 200,
    body: object = None,
    *,
    case: str = "a case",
    failure: str | None = None,
    method: str = "POST",
    path: str = "/predict",
    headers: Headers = JSON,
    sent: bytes = b'{"features": [1.0, 2.0]}',
    elapsed_s: float = 0.002,
) -> Exchange:
    """One request and its answer; `body` is JSON, or bytes as they are. A failure has no status, and no status one."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    if failure is not None or status is None:
        return Exchange(case, method, path, None, failure=failure or "deadline", elapsed_s=elapsed_s, request_body=sent)
    return Exchange(case, method, path, status, headers, content, elapsed_s, request_body=sent)


def answered(
    row: int = 0,
    label: Label = 1,
    probabilities: tuple[float, ...] | None = (0.25, 0.75),
    *,
    version: str | None = "1.0.0",
    request_id: str | None = None,
    classes: tuple[str, ...] | None = None,
    status: int | None = 200,
    case: str | None = None,
    **given: Any,
) -> Answered:
    """One sample row's answer, decoded where its status is 2xx. `given` goes to `exchange`."""
    body = {"prediction": label, "probabilities": probabilities, "model_version": version}
    made = exchange(status, body, case=f"sample row {row}" if case is None else case, **given)
    if not made.ok:
        return Answered(made, (row,))
    return Answered(made, (row,), (Prediction(label, probabilities, version, request_id, classes),))


def batch(rows: Mapping[int, Label] | Iterable[tuple[int, Label]], **given: Any) -> Answered:
    """A batch of sample rows, each with its label, in this order."""
    pairs = list(rows.items()) if isinstance(rows, Mapping) else list(rows)
    predictions = tuple(one for row, label in pairs for one in answered(row, label).predictions)
    made = exchange(200, {"predictions": [label for _, label in pairs]}, **{"case": "batch", **given})
    return Answered(made, tuple(row for row, _ in pairs), predictions)


def replayed(found: Finding) -> list[tuple[str, list[str]]]:
    """What a finding's replay holds against the service: the words, and the cases of the requests concerned."""
    script = found.script
    assert script is not None
    return [(one.holds, [script.requests[at].case for at in one.of]) for one in script.expects]


def trial(rate: float = 200.0, verdict: Word = "pass", *, p99_s: float | None = 0.02, **given: Any) -> Trial:
    """A trial in which all was answered well, but for what is given."""
    p99 = Percentile(p99_s, p99_s, p99_s)
    percentiles = {"p50": Percentile(0.01, 0.01, 0.01), "p95": Percentile(0.015, 0.015, 0.015), "p99": p99}
    usual: dict[str, Any] = {
        "seconds": 2.0,
        "length": 1,
        "offered": rate,
        "achieved": rate,
        "good": rate,
        "in_flight": rate * 0.01,
        "response": percentiles,
        "service": percentiles,
        "statuses": {"200": round(2 * rate)},
        "failures": {},
        "lateness_p99_s": 0.001,
    }
    return Trial(rate=rate, verdict=verdict, **{**usual, **given})


def overload(**given: Any) -> Overload:
    """Too much load on a service with a capacity of 200 requests/s, which sheds the rest and recovers at once."""
    usual: dict[str, Any] = {
        "rate": 400.0,
        "block_s": 0.5,
        "good": (100,) * 16,
        "refused": (95,) * 16,
        "others": (5,) * 16,
        "statuses": {"200": 1600, "503": 1600},
        "failures": {},
        "connections": 40,
        "lateness_p99_s": 0.002,
        "trouble": None,
        "after_rate": 120.0,
        "gap_s": 0.0,
        "after": ((60, 60),) * 12,
        "control": trial(200.0),
    }
    return Overload(**{**usual, **given})


def settings(**tables: Mapping[str, Any]) -> Settings:
    """The settings of a file with these tables, at a URL."""
    plain = {"service": {"url": "http://127.0.0.1:1"}, **tables}
    return parse(plain, source="mlready.toml", directory=Path())
