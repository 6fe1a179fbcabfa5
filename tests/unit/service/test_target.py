"""A target from a command or a URL: what is found out about it, and what may be done to it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlready.protocols.detect import DetectError
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.paths import BadPath
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.target import NotAllowed, NotOurs, StartError, Target, attach, launch
from tests.unit.service.raw_server import answer, serving
from tests.unit.service.routes import routed

# A service of the standard library: predicts, knows its environment, keeps a note in its state directory.
SERVICE = """
import http.server, json, os, sys
port, state = int(sys.argv[1]), sys.argv[2]
first = not os.path.exists(state + "/note")
open(state + "/note", "w").close()
API = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/predict": {"post": {
    "requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {
        "features": {"type": "array", "items": {"type": "number"}}}}}}},
    "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object",
        "properties": {"prediction": {"type": "number"}}}}}}}}}}}
class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, body, kind="application/json", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        answers = {"/health/ready": b"{}", "/health/live": b"", "/openapi.json": json.dumps(API).encode(),
                   "/model/info": json.dumps({"first": first, "mode": os.environ.get("MODE")}).encode(),
                   "/metrics": b"up 1"}
        if self.path in answers:
            self.reply(answers[self.path], "text/plain" if self.path == "/metrics" else "application/json")
        else:
            self.reply(b"{}", status=404)
    def do_POST(self):
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(json.dumps({"prediction": sum(row["features"])}).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
COMMAND = "{python} service.py {port} {state}"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("target")
    (directory / "service.py").write_text(SERVICE, encoding="utf-8")
    target = launch(
        command=COMMAND, cwd=directory, run_dir=directory / "run", headers={"X-Team": "a"}, allow=["fuzz", "kill"]
    )
    yield target
    target.stop()


def test_what_is_found_out(target: Target) -> None:
    assert target.mapping == JsonMapping("/predict")
    assert target.paths == {
        "ready": "/health/ready",
        "live": "/health/live",
        "health": "/health/ready",
        "info": "/model/info",
        "metrics": "/metrics",
        "openapi": "/openapi.json",
    }
    assert target.openapi is not None
    assert 0 < target.ready_after_s < 20
    assert target.alive_or_reason() is None


def test_a_row_is_predicted(target: Target) -> None:
    with target.transport(deadline_s=5.0) as transport:
        body = target.mapping.encode_row({"a": 1.0, "b": 2.0})
        exchange = transport.request("row", "POST", target.mapping.predict_path, body, target.mapping.request_headers)
    assert target.mapping.answer(exchange).prediction == 3.0
    assert ("X-Team", "a") in exchange.request_headers


def test_permissions(target: Target) -> None:
    target.require("kill")
    with pytest.raises(NotAllowed, match=r'add `allow = \["fuzz", "load", "kill"\]` to \[service\]'):
        target.require("load")


def test_a_fresh_instance_has_its_own_state_and_ends(target: Target) -> None:
    with target.fresh(env={"MODE": "drill"}) as fresh:
        assert fresh.url != target.url
        assert fresh.turns.directory != target.turns.directory
        info = fresh.transport().request("info", "GET", "/model/info").json
        assert info == {"first": True, "mode": "drill"}
        assert fresh.instance is not None
        fresh.instance.signal(signal.SIGKILL)
        time.sleep(0.05)
        reason = fresh.alive_or_reason()
        assert reason is not None
        assert "has ended with exit code -9" in reason
    assert fresh.instance.processes() == []
    assert target.alive_or_reason() is None


def ended(instance: Instance) -> bool:
    """It ends in the background."""
    until = time.monotonic() + 5
    while instance.alive() and time.monotonic() < until:
        time.sleep(0.01)
    return not instance.alive()


def test_a_fresh_instance_ends_although_its_user_breaks(target: Target) -> None:
    with pytest.raises(ZeroDivisionError), target.fresh(ready=False) as fresh:
        raise ZeroDivisionError
    assert fresh.instance is not None
    assert ended(fresh.instance)


def test_another_process_sees_the_same_target(target: Target) -> None:
    view = Target.from_description(json.loads(json.dumps(target.describe())))
    assert view.describe() == target.describe()
    assert view.alive_or_reason() is None
    assert view.instance is not None
    assert target.instance is not None
    assert view.instance.rss_bytes() > 1_000_000
    view.stop()  # not its own: nothing happens
    assert target.instance.alive()
    with view.fresh() as fresh:
        assert fresh.alive_or_reason() is None


def test_attach_is_allowed_nothing_by_default(target: Target) -> None:
    attached = attach(url=target.url + "/")
    assert (attached.url, attached.mapping, attached.paths) == (target.url, target.mapping, target.paths)
    with pytest.raises(NotAllowed, match=r'allow = \["fuzz"\]'):
        attached.require("fuzz")
    with pytest.raises(NotOurs, match="was not started by a command"), attached.fresh():
        pass
    assert attached.instance is None


def test_attach_to_nothing() -> None:
    with serving(routed({}, otherwise=b"nonsense\r\n\r\n")) as url:
        gone = url
        with pytest.raises(StartError, match="answers, but is not HTTP"):
            attach(url=url, start_timeout_s=5)
    with pytest.raises(StartError, match=r"never became ready within 0.2 s; last answer: .*refused"):
        attach(url=gone, start_timeout_s=0.2)


def test_a_catch_all_service_is_believed_only_where_it_is_declared() -> None:
    with serving(routed({}, otherwise=answer())) as url:
        target = attach(
            url=url, declared_json={"predict": "/p", "row": "x"}, declared_paths={"metrics": "/m"}, ready_path="/r"
        )
    assert target.paths == {
        "ready": "/r", "metrics": "/m", "live": None, "health": None, "info": None, "openapi": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path"), [(b"not json", None), (b"[]", None), (b'{"openapi":"3.1.0","paths":[]}', None)]
)
def test_an_unreadable_document_is_none(document: bytes, path: str | None) -> None:
    with serving(routed({"/health": answer(), "/openapi.json": answer(document)})) as url:
        target = attach(url=url, declared_json={"predict": "/p", "row": "x"})
        assert (target.openapi, target.paths["openapi"]) == (None, path)
        with pytest.raises(DetectError, match=r"\[service.json\]"):
            attach(url=url)


def test_a_wrong_role_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadPath, match="there are ready, live"):
        launch(command=COMMAND, cwd=tmp_path, run_dir=tmp_path / "run", declared_paths={"redy": "/x"})
    assert not (tmp_path / "run").exists()


def test_a_service_that_cannot_be_understood_is_not_left_running(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE.replace("/predict", "/{x}"), encoding="utf-8")
    with pytest.raises(DetectError):
        launch(command=COMMAND, cwd=tmp_path, run_dir=tmp_path / "run")
    status = json.loads((tmp_path / "run/instances/main/service.status.json").read_text(encoding="utf-8"))
    assert status["exit"] == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(status["keeper"], 0)
