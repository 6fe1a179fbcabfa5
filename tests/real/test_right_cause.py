"""A small strict service with one fault at a time: the fault reddens its own check and no other of the two families."""

from __future__ import annotations

import importlib
import json
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Status
from pytest_mlready.inputs import read_rows
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service import target
from pytest_mlready.settings import parse

NAMES = ("identity", "golden", "interface_document", "live_routes", "bad_requests", "limits", "answers")
NAMED = [f"x{at}" for at in range(8)]
VERSION = "1.0.0"
ANSWER = {
    "type": "object",
    "required": ["prediction", "probabilities", "model_version", "request_id"],
    "properties": {"prediction": {"type": "integer"}, "probabilities": {"type": "array", "items": {"type": "number"}}},
}
REQUEST = {
    "type": "object", "required": ["features"], "additionalProperties": False,
    "properties": {"features": {"type": "array", "items": {"type": "number"}}, "model_version": {"type": "string"}},
}  # fmt: skip


class Refused(Exception):
    """A request that is the client's fault."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Service:
    """Predicts the sign of a weighted sum; each method is one promise that a fault may break."""

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "model_version": VERSION}

    def info(self) -> dict[str, Any]:
        return {"model_version": VERSION}

    def document(self) -> dict[str, Any]:
        def body(schema: dict[str, Any]) -> dict[str, Any]:
            return {"application/json": {"schema": schema}}

        ok = {"200": {"description": "ok", "content": body(ANSWER)}, "422": {"description": "refused"}}
        plain = {"get": {"responses": {"200": {"description": "ok", "content": body({"type": "object"})}}}}
        media = {"application/json": {"schema": REQUEST, "example": {"features": [0.5] * len(NAMED)}}}
        paths = {"/predict": {"post": {"requestBody": {"content": media}, "responses": ok}}, "/health": plain}
        about = {"title": "stub", "version": "1"}
        return {"openapi": "3.1.0", "info": about, "paths": {**paths, "/model/info": plain, "/openapi.json": plain}}

    def routes(self) -> set[str]:
        return {"/health", "/model/info", "/openapi.json", "/predict"}

    def largest(self) -> int:
        return 100_000

    def media(self, kind: str | None) -> None:
        if kind != "application/json":
            raise Refused(415, "send application/json")

    def parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Refused(400, "the body is not JSON") from None

    def shaped(self, asked: Any) -> list[Any]:
        if not isinstance(asked, dict) or not isinstance(asked.get("features"), list) or not asked["features"]:
            raise Refused(422, "features must be a list")
        features: list[Any] = asked["features"]
        return features

    def fields(self, asked: dict[str, Any]) -> None:
        if set(asked) - {"features", "model_version"}:
            raise Refused(422, "unknown field")

    def length(self, features: list[Any]) -> list[Any]:
        if len(features) != len(NAMED):
            raise Refused(422, "wrong number of features")
        return features

    def number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(422, "not a number")
        return float(value)

    def finite(self, value: float) -> float:
        if value - value != 0:
            raise Refused(422, "not finite")
        return value

    def version(self, asked: dict[str, Any]) -> str:
        if asked.get("model_version", VERSION) != VERSION:
            raise Refused(404, "no such version")
        return VERSION

    def score(self, features: list[float]) -> tuple[float, float]:
        total = sum(at * value for at, value in enumerate(features, 1))
        share = 0.5 + total / (1 + abs(total)) / 2 if total == total else 0.5
        return 1 - share, share

    def request_id(self) -> str:
        return uuid.uuid4().hex

    def answer(self, body: bytes, kind: str | None) -> dict[str, Any]:
        self.media(kind)
        asked = self.parsed(body)
        features = self.length(self.shaped(asked))
        self.fields(asked)
        probabilities = self.score([self.finite(self.number(one)) for one in features])
        about = {"model_version": self.version(asked), "request_id": self.request_id()}
        return {"prediction": int(probabilities[1] > 0.5), "probabilities": list(probabilities), **about}

    def refusal(self, error: Exception) -> tuple[int, dict[str, Any]]:
        if isinstance(error, Refused):
            return error.status, {"detail": error.detail}
        return 500, {"detail": "the service failed"}


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def out(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            if "X-Request-ID" in self.headers:
                self.send_header("X-Request-ID", self.headers["X-Request-ID"])
            self.end_headers()
            self.wfile.write(raw)

        def anything(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            if self.path not in service.routes():
                return self.out(404, {"detail": "nothing here"})
            if (self.command == "POST") != (self.path == "/predict") or self.command not in {"GET", "POST"}:
                return self.out(405, {"detail": "wrong method"})
            if self.path == "/openapi.json":
                return self.out(200, service.document())
            if self.path != "/predict":
                return self.out(200, service.info() if self.path == "/model/info" else service.health())
            if size > service.largest():
                return self.out(413, {"detail": "too large"})
            try:
                return self.out(200, service.answer(body, self.headers.get("Content-Type")))
            except Exception as error:
                return self.out(*service.refusal(error))

        do_GET = do_POST = do_DELETE = do_OPTIONS = anything

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler


def dropped(self: Service, body: bytes, kind: str | None) -> dict[str, Any]:
    return {key: value for key, value in Service.answer(self, body, kind).items() if key != "probabilities"}


def unknown(self: Service) -> dict[str, Any]:
    return {"status": "ok", "model_version": "unknown"}


def nameless(self: Service, body: bytes, kind: str | None) -> dict[str, Any]:
    return {**Service.answer(self, body, kind), "model_version": None}


def crashed(self: Service, asked: Any) -> list[Any]:
    return list(asked["features"] or asked["rows"])


FAULTS: list[tuple[str, dict[str, Callable[..., Any]], set[str]]] = [
    ("none", {}, set()),
    ("identity.version_reported", {"answer": nameless}, set()),
    ("identity.version_agrees", {"health": unknown}, set()),
    ("identity.version_not_echoed", {"version": lambda self, asked: asked.get("model_version", VERSION)}, set()),
    ("contract.golden", {"score": lambda self, f: Service.score(self, [f[1], f[0], *f[2:]])}, set()),
    ("contract.reject_missing", {"shaped": crashed}, set()),
    ("contract.reject_arity", {"length": lambda self, features: features}, set()),
    ("contract.reject_nonfinite", {"finite": lambda self, value: value}, set()),
    ("contract.reject_malformed", {"media": lambda self, kind: None}, set()),
    ("contract.reject_coercion", {"fields": lambda self, asked: None}, set()),
    ("contract.no_leak", {"refusal": lambda self, error: (422, {"detail": f"ValueError: {error}"})}, set()),
    ("contract.size_limit", {"largest": lambda self: 10**9}, set()),
    ("contract.numeric_sane", {"score": lambda self, f: (Service.score(self, f)[0], 1.0)}, {"contract.golden"}),
    ("contract.documented", {"routes": lambda self: {*Service.routes(self), "/debug"}}, set()),
    ("contract.openapi", {"answer": dropped}, set()),
    ("contract.request_id", {"request_id": lambda self: "batch_0"}, set()),
]


@pytest.mark.parametrize(("wanted", "fault", "also"), FAULTS, ids=[one[0] for one in FAULTS])
def test_a_fault_reddens_its_check_alone(
    wanted: str, fault: dict[str, Callable[..., Any]], also: set[str], tmp_path: Path
) -> None:
    service = type("Faulty", (Service,), fault)()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(service))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        red = judged(f"http://127.0.0.1:{server.server_address[1]}", tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    assert set(red) - also == ({wanted} - {"none"}), red


def judged(url: str, directory: Path) -> dict[str, str]:
    """The checks of the two families that fail, with their summaries."""
    rows = [[round((at * 7 + feature * 3) % 11 / 2 - 2.3, 2) for feature in range(len(NAMED))] for at in range(20)]
    (directory / "rows.csv").write_text("\n".join([",".join(NAMED), *(",".join(map(str, row)) for row in rows)]))
    golden = [list(Service().score(row)) for row in rows]
    answers = [{"prediction": int(pair[1] > 0.5), "probabilities": pair} for pair in golden]
    (directory / "golden.json").write_text(json.dumps({"rows": rows, "answers": answers, "model_version": VERSION}))
    plain = {"service": {"url": url}, "inputs": {"rows": "rows.csv", "golden": "golden.json"}}
    settings = parse(plain, source="mlready.toml", directory=directory)
    context = Context(
        target.attach(url=url, allow=("fuzz",), feature_names=NAMED),
        settings,
        read_rows(settings),
        seed=7,
        budget_s=5.0,
    )
    evidence: dict[str, Any] = {"settings": settings}
    for name in NAMES:
        record = importlib.import_module(f"pytest_mlready.evidence.{name}").gather(context)
        evidence[name] = msgspec.json.decode(msgspec.json.encode(record), type=SCHEDULE.evidence[name].record)
    wanted = [one for one in checks().values() if one.family in {"identity", "contract"}]
    found = [
        one.judge({n: evidence[n] for n in one.arguments}) for one in wanted if set(one.arguments) <= set(evidence)
    ]
    assert len(found) == 15
    return {one.check: one.summary for one in found if one.status is Status.FAIL}
