"""Replays that are written and played: each relation shows its fault and passes without it; no secret is written."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.finding import failed
from pytest_mlready.player import asking
from pytest_mlready.player.playing import main
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import exchange
from pytest_mlready.replay import Expect, Holds, Replay, Request
from pytest_mlready.report import replay_files

MAPPING = JsonMapping(batch_path="/batch", probabilities_key="probabilities", request_id_key="request_id").describe()
JSON = (("Content-Type", "application/json"),)
SCHEMA = {
    "properties": {"prediction": {"type": "integer"}, "extra": {"$ref": "#/$defs/E"}},
    "required": ["prediction"],
    "$defs": {"E": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "number", "minimum": 0}}]}},
}
Answer = Callable[[int, Any, Mapping[str, str]], tuple[int, Any]]


@contextmanager
def service(answer: Answer) -> Iterator[str]:
    """Answers the nth request, by its parsed body and headers, with a status and a body."""
    lock, count = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with lock:
                count[0] += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, plain = answer(count[0], json.loads(body), dict(self.headers))
            raw = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def written(directory: Path, replay: Replay, **given: Any) -> Path:
    finding = failed("coercion: x was answered 200", script=replay)
    return replay_files.write(directory / "replay", finding, url=None, mapping=MAPPING, **given)


def one(*values: float, case: str = "a row", path: str = "/predict") -> Request:
    return Request(case, "POST", path, JSON, json.dumps({"features": list(values)}).encode())


def predicted(body: Any, **more: Any) -> tuple[int, Any]:
    return 200, {"prediction": body["features"][0], **more}


TWO = Request("a batch", "POST", "/batch", JSON, json.dumps({"instances": [[7], [3]]}).encode())


@pytest.mark.parametrize(
    ("requests", "expect", "sick", "healthy"),
    [
        ((one(1),), ("refused", (0,), {}), lambda n, b, h: (200, {}), lambda n, b, h: (422, {})),
        ((one(1),), ("refused", (0,), {}), lambda n, b, h: (500, {}), lambda n, b, h: (501, {})),
        ((one(1),), ("survived", (0,), {}), lambda n, b, h: (500, {}), lambda n, b, h: (422, {})),
        ((one(1),), ("survived", (0,), {}), lambda n, b, h: (200, b"NaN"), lambda n, b, h: predicted(b)),
        ((one(1),), ("well_formed", (0,), {"rows": 1}), lambda n, b, h: (200, {"p": 1}), lambda n, b, h: predicted(b)),
        (
            (one(1),),
            ("well_formed", (0,), {"rows": 1, "schema": SCHEMA}),
            lambda n, b, h: predicted(b, extra=[0.5, -1]),
            lambda n, b, h: predicted(b, extra=None),
        ),
        (
            (one(7), TWO),
            ("same", (0, 1), {"rows": (0, 0)}),
            lambda n, b, h: predicted(b) if "features" in b else (200, {"predictions": [3, 7]}),
            lambda n, b, h: predicted(b) if "features" in b else (200, {"predictions": [7, 3]}),
        ),
        (
            (one(1), one(2)),
            ("apart", (0, 1), {}),
            lambda n, b, h: predicted(b, request_id="the last one's"),
            lambda n, b, h: predicted(b, request_id=f"{n}"),
        ),
        (
            (one(1), one(2)),
            ("vary", (0, 1), {}),
            lambda n, b, h: (200, {"prediction": 0}),
            lambda n, b, h: predicted(b),
        ),
        (
            (one(5), one(2)),
            ("ordered", (0, 1), {}),
            lambda n, b, h: (200, {"prediction": -b["features"][0]}),
            lambda n, b, h: predicted(b),
        ),
        (
            (one(5),),
            ("within", (0,), {"high": 6}),
            lambda n, b, h: (200, {"prediction": 9}),
            lambda n, b, h: predicted(b),
        ),
        (
            (one(5),),
            ("equals", (0,), {"expected": {"prediction": 5, "probabilities": None}}),
            lambda n, b, h: (200, {"prediction": 5.1}),
            lambda n, b, h: predicted(b),
        ),
        ((one(5),), ("faster", (0,), {"limit": 1e-9}), lambda n, b, h: predicted(b), None),
    ],
)
def test_a_relation_shows_its_fault(
    requests: tuple[Request, ...],
    expect: tuple[Holds, tuple[int, ...], dict[str, Any]],
    sick: Answer,
    healthy: Answer | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = written(tmp_path, Replay(requests, (Expect(*expect),)))
    with service(sick) as url:
        assert main(script.parent, [url]) == 1
    assert "FAULT  1." in capsys.readouterr().out
    if healthy is not None:
        with service(healthy) as url:
            assert main(script.parent, [url]) == 0


def stale(number: int, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    return 200, {"prediction": -1 if number % 16 == 0 else body["features"][0]}


@pytest.mark.parametrize("together", [False, True])
def test_answers_that_change_are_counted(together: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alike = tuple(Expect("alike", (at,)) for at in range(3))
    replay = Replay((one(1), one(2), one(3)), alike, rounds=20, together=together)
    script = written(tmp_path, replay)
    with service(stale) as url:
        assert main(script.parent, [url]) == 1
    assert "differ: prediction" in capsys.readouterr().out
    with service(lambda number, body, headers: predicted(body)) as url:
        assert main(script.parent, [url]) == 0


def test_nothing_can_be_said_where_the_plain_request_is_not_answered(tmp_path: Path) -> None:
    script = written(tmp_path, Replay((one(1), one(2)), (Expect("vary", (0, 1)),)))
    with service(lambda number, body, headers: (503, {})) as url:
        assert main(script.parent, [url]) == 2
    assert main(script.parent, ["http://127.0.0.1:9"]) == 2


def once_limited(number: int, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
    return (429, {}) if number == 2 else predicted(body)


def test_a_limit_of_our_rate_is_waited_for_and_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exchange, "LATER_S", 0.01)
    alike = written(tmp_path / "alike", Replay((one(1),), (Expect("alike", (0,)),), rounds=3))
    with service(once_limited) as url:
        assert main(alike.parent, [url]) == 0
    assert "asked 3 times" in capsys.readouterr().out
    monkeypatch.setattr(asking, "PATIENCE_S", 0.0)
    with service(once_limited) as url:
        assert main(alike.parent, [url]) == 0
    assert "asked 2 times" in capsys.readouterr().out
    for status in (429, 401):
        refused = written(tmp_path / str(status), Replay((one(1),), (Expect("refused", (0,)),)))
        with service(lambda number, body, headers, status=status: (status, {})) as url:  # type: ignore[misc]
            assert main(refused.parent, [url]) == 2


def test_it_runs_with_the_standard_library_alone_and_takes_secrets_from_the_environment(tmp_path: Path) -> None:
    request = Request("a row", "POST", "/predict", (*JSON, ("X-Api-Key", "[redacted]")), b'{"features": [1]}')
    replay = Replay((request,), (Expect("refused", (0,)),))
    script = written(tmp_path, replay, secret_headers=("x-api-key",))
    assert "[redacted]" not in (script.parent / "replay.json").read_text()

    def run(url: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-E", "-S", str(script), url]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=30)

    def guarded(number: int, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        return (200 if headers.get("x-api-key") == "k3y" else 401), {"prediction": 1}

    with service(guarded) as url:
        unset = run(url, {})
        assert unset.returncode == 2
        assert "as MLREADY_HEADER_X_API_KEY" in unset.stdout
        shown = run(url, {"MLREADY_HEADER_X_API_KEY": "k3y"})
    assert shown.returncode == 1, shown.stderr
    assert "the fault shows: 1 of 1" in shown.stdout


def test_a_curl_takes_secrets_from_the_environment() -> None:
    command = "curl -sS -H 'X-Api-Key: [redacted]' -H 'Accept: */*' http://127.0.0.1:1/predict"
    safe = replay_files.from_environment(command, ("x-api-key",))
    assert safe == "curl -sS -H \"x-api-key: $MLREADY_HEADER_X_API_KEY\" -H 'Accept: */*' http://127.0.0.1:1/predict"
