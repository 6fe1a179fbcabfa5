"""Tokens and roles: who may not is refused in the same words, leaves a record, and learns nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.requests import HTTPConnection

from reference_service.components import Components, build_components
from reference_service.settings import Settings
from reference_service.web.access import Access, Actor, BadTokens, Role, Token, known_tokens, read_tokens
from reference_service.web.problems import Problem
from reference_service.web.request_log import RequestLog
from tests.contract.conftest import Server, client_of
from tests.contract.deployments import ADMIN, VIEWER, token_file

SECRET = "correct-horse-battery-staple"


class Recorded(RequestLog):
    """Keeps its lines."""

    def line(self, content: object) -> None:
        self.lines.append(msgspec.json.encode(content))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def access(*roles: Role, keyed: bool = False, log: RequestLog | None = None) -> Access:
    others = [Token.of(f"other-{number}", ["admin", "predict"], f"other token {number}") for number in range(3)]
    return Access([others[0], Token.of("ana", roles, SECRET), *others[1:]], keyed, log or Recorded())


def asked(*authorization: str, client: Any = ("192.0.2.7", 4711)) -> HTTPConnection:
    headers = [(b"authorization", value.encode()) for value in authorization]
    scope = {"type": "http", "method": "POST", "headers": headers, "client": client, "request_id": "r-1"}
    return HTTPConnection(scope)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_a_known_token_is_its_holder(scheme: str) -> None:
    actor = access("admin").require(asked(f"{scheme} {SECRET}"), "admin")
    assert actor == Actor("ana", frozenset({"admin"}))


REFUSED: dict[str, Sequence[str]] = {
    "none": (),
    "empty": ("",),
    "scheme only": ("Bearer",),
    "scheme and a blank": ("Bearer ",),
    "unknown": ("Bearer wrong",),
    "cut short": (f"Bearer {SECRET[:-1]}",),
    "with more": (f"Bearer {SECRET}x",),
    "other case": (f"Bearer {SECRET.upper()}",),
    "its digest": (f"Bearer {hashlib.sha256(SECRET.encode()).hexdigest()}",),
    "its name": ("Bearer ana",),
    "other scheme": (f"Basic {SECRET}",),
    "no scheme": (SECRET,),
    "two": (f"Bearer {SECRET}", f"Bearer {SECRET}"),
    "endless": ("Bearer " + "a" * 60_000,),
}


@pytest.mark.parametrize("authorization", REFUSED.values(), ids=REFUSED.keys())
def test_whoever_is_not_known_is_told_the_same(authorization: Sequence[str]) -> None:
    log = Recorded()
    with pytest.raises(Problem) as refused:
        access("admin", log=log).require(asked(*authorization), "admin")
    problem = refused.value
    assert (problem.status, problem.kind) == (401, "unauthorized")
    assert problem.detail == "Send a bearer token that this service knows."
    assert problem.headers["WWW-Authenticate"].startswith("Bearer ")
    (event,) = log.events()
    assert {**event, "time": ""} == {
        "time": "",
        "level": "info",
        "event": "denied",
        "request_id": "r-1",
        "status": 401,
        "role": "admin",
        "actor": None,
        "client": "192.0.2.7",
        "method": "POST",
        "route": None,
    }


def test_the_wrong_role_is_another_refusal() -> None:
    log = Recorded()
    with pytest.raises(Problem) as refused:
        access("predict", log=log).require(asked(f"Bearer {SECRET}"), "admin")
    assert (refused.value.status, refused.value.kind) == (403, "forbidden")
    (event,) = log.events()
    assert (event["status"], event["actor"], event["role"]) == (403, "ana", "admin")
    assert SECRET not in json.dumps(event)


def test_without_tokens_all_is_closed() -> None:
    with pytest.raises(Problem) as refused:
        Access([], False, Recorded()).require(asked(f"Bearer {SECRET}"), "admin")
    assert refused.value.status == 401


def test_predicting_needs_a_token_only_if_keyed() -> None:
    access(keyed=False).check_predicting(asked())
    access("predict", keyed=True).check_predicting(asked(f"Bearer {SECRET}"))
    for authorization, status in (((), 401), ((f"Bearer {SECRET}",), 403)):
        with pytest.raises(Problem) as refused:
            access("admin", keyed=True).check_predicting(asked(*authorization))
        assert refused.value.status == status


CLIENTS: dict[str, tuple[str | None, str]] = {
    "IPv4": ("192.0.2.7", "192.0.2.7"),
    "a Unix socket": (None, ""),
    "IPv6": ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    "another of its network": ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
    "another network": ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    "with a zone": ("fe80::1%eth0", "fe80::/64"),
    "IPv4 in IPv6": ("::ffff:192.0.2.7", "192.0.2.7"),
}


@pytest.mark.parametrize(("address", "client"), CLIENTS.values(), ids=CLIENTS.keys())
def test_a_client_is_its_token_else_its_address(address: str | None, client: str) -> None:
    peer = None if address is None else (address, 4711)
    assert access().client(asked(client=peer).scope) == client
    assert access().client(asked("Bearer wrong", client=peer).scope) == client
    assert access().client(asked(f"Bearer {SECRET}", client=peer).scope) == "ana"


DIGEST = "a" * 64
GOOD = {"name": "ana", "sha256": DIGEST, "roles": ["admin"]}
BAD_FILES: dict[str, tuple[str, str]] = {
    "not JSON": ("tokens:\n", "malformed"),
    "empty": ("", "truncated"),
    "an array": (json.dumps([GOOD]), "object"),
    "no tokens": ("{}", "tokens"),
    "another key": (json.dumps({"tokens": [], "token": 1}), "token"),
    "no digest": (json.dumps({"tokens": [{"name": "ana", "roles": []}]}), "$.tokens[0]"),
    "the token itself": (json.dumps({"tokens": [{**GOOD, "sha256": SECRET}]}), "$.tokens[0].sha256"),
    "digest and a line end": (json.dumps({"tokens": [{**GOOD, "sha256": f"{DIGEST}\n"}]}), "$.tokens[0].sha256"),
    "an unknown role": (json.dumps({"tokens": [GOOD, {**GOOD, "roles": ["root"]}]}), "$.tokens[1].roles[0]"),
    "a name like an address": (json.dumps({"tokens": [{**GOOD, "name": "192.0.2.7"}]}), "$.tokens[0].name"),
    "a name with a colon": (json.dumps({"tokens": [{**GOOD, "name": "a::1"}]}), "$.tokens[0].name"),
    "a name twice": (json.dumps({"tokens": [GOOD, {**GOOD, "sha256": "b" * 64}]}), "$.tokens[1].name"),
    "a digest twice": (json.dumps({"tokens": [GOOD, {**GOOD, "name": "bo"}]}), "$.tokens[1].sha256"),
}


@pytest.mark.parametrize(("content", "named"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_named_with_its_place(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    with pytest.raises(BadTokens) as found:
        read_tokens(path)
    assert str(path) in str(found.value)
    assert named in str(found.value)
    assert SECRET not in str(found.value)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_file_is_one_clear_line_at_the_start(models: Path, tmp_path: Path, workers: str) -> None:
    arguments = ["--models", str(models), "--state", str(tmp_path), "--workers", workers]
    for given, named in (
        (["--tokens", str(tmp_path / "none.json")], "none.json"),
        (["--tokens", str(tmp_path)], str(tmp_path)),
        (["--keyed"], "--keyed needs --tokens"),
    ):
        command = [sys.executable, "-m", "reference_service", *arguments, "--port", "1", *given]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert found.returncode in {1, 2}
        assert named in found.stderr.splitlines()[-1]
        assert "Traceback" not in found.stderr


def test_the_command_makes_tokens_that_are_accepted(tmp_path: Path) -> None:
    def made(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reference_service.web.access", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    first, second = (made("ana", "admin", "predict").stdout for _ in range(2))
    assert first != second
    token, entry = (line.partition(": ")[2].strip() for line in first.splitlines())
    path = tmp_path / "tokens.json"
    path.write_text(f'{{"tokens": [{entry}]}}')
    actor = Access(read_tokens(path), False, Recorded()).require(asked(f"Bearer {token}"), "predict")
    assert actor == Actor("ana", frozenset({"admin", "predict"}))
    assert token not in entry
    for wrong in (("ana", "root"), ("9", "admin"), ("ana",)):
        assert made(*wrong).returncode == 2


def keyed(models: Path, directory: Path) -> Components:
    return build_components(
        Settings(models=models, state=directory / "state", tokens=token_file(directory), keyed=True)
    )


def test_every_route_that_predicts_or_changes_is_closed(models: Path, tmp_path: Path, row: list[float]) -> None:
    tensor = {"inputs": [{"name": "features", "shape": [1, 30], "datatype": "FP64", "data": row}]}
    routes: dict[tuple[str, str], Any] = {
        ("POST", "/predict"): {"features": row},
        ("POST", "/predict/batch"): {"instances": [row]},
        ("POST", "/v2/models/breast-cancer/infer"): tensor,
        ("POST", "/v2/models/breast-cancer/versions/1.0.0/infer"): tensor,
        ("POST", "/feedback"): {"request_id": "r", "label": "benign"},
        ("POST", "/deployments"): {"version": "1.0.0"},
        ("POST", "/deployments/rollback"): {},
        ("PUT", "/experiments/trial"): {},
    }

    async def scenario() -> None:
        async with client_of(keyed(models, tmp_path)) as client:
            document = (await client.get("/openapi.json")).json()["paths"]
            changing = {
                (method.upper(), path)
                for path, operations in document.items()
                for method, operation in operations.items()
                if method != "get"
            }
            known = {(method, re.sub(r"\{\w+\}", "", path)) for method, path in changing}
            given = {
                (method, path.replace("breast-cancer", "").replace("1.0.0", "").replace("trial", ""))
                for method, path in routes
            }
            assert given == known  # no route is forgotten
            for (method, path), fields in routes.items():
                for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401)):
                    answer = await client.request(method, path, json=fields, headers=headers)
                    check_refusal(answer, status)
                predicts = path.startswith(("/predict", "/v2", "/feedback"))
                lacking = ADMIN if predicts else VIEWER
                check_refusal(await client.request(method, path, json=fields, headers=lacking), 403)
                answer = await client.request(method, path, json=fields, headers=VIEWER if predicts else ADMIN)
                assert answer.status_code not in {401, 403}
            for path in ("/health/live", "/health/ready", "/metrics", "/model/info", "/openapi.json"):
                assert (await client.get(path)).status_code == 200

    asyncio.run(scenario())


def check_refusal(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_refusals_are_in_the_log_and_tokens_are_not(
    models: Path, tmp_path: Path, row: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with client_of(keyed(models, tmp_path)) as client:
            await client.post("/predict", json={"features": row}, headers={"Authorization": f"Bearer {SECRET}"})
            await client.post("/deployments", json={"version": "2.0.0"}, headers=VIEWER)
            await client.post("/predict", json={"features": row}, headers=VIEWER)

    asyncio.run(scenario())
    text = capfd.readouterr().out
    lines = [json.loads(line) for line in text.splitlines()]
    denied = [(line["status"], line["route"], line["actor"]) for line in lines if line.get("event") == "denied"]
    assert denied == [(401, "/predict", None), (403, "/deployments", "bob")]
    assert [line["status"] for line in lines if "event" not in line] == [401, 403, 200]
    for token in (SECRET, ADMIN["Authorization"].split()[1], VIEWER["Authorization"].split()[1]):
        assert token not in text


def test_admin_routes_of_a_server_without_tokens_are_closed(client: httpx.Client, server: Server) -> None:
    for headers in ({}, ADMIN):
        check_refusal(client.post("/deployments", json={"version": "2.0.0"}, headers=headers), 401)
    assert client.get("/deployments").json()["serving"] == "1.0.0"


def test_an_admin_token_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A_TOKEN", SECRET)
    found = known_tokens(Settings(tokens=token_file(tmp_path), admin_token_env="A_TOKEN"))
    assert [token.name for token in found] == ["alice", "bob", "admin"]
    assert Access(found, False, Recorded()).require(asked(f"Bearer {SECRET}"), "admin") == Actor(
        "admin", frozenset({"admin"})
    )
    assert known_tokens(Settings()) == ()


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "A_TOKEN is not set; expected 16 to 512"), ("short", "A_TOKEN holds 5 bytes"), ("x" * 513, "513 bytes")],
)
def test_an_admin_token_that_could_be_guessed(monkeypatch: pytest.MonkeyPatch, token: str | None, words: str) -> None:
    monkeypatch.delenv("A_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("A_TOKEN", token)
    with pytest.raises(BadTokens, match=words):
        known_tokens(Settings(admin_token_env="A_TOKEN"))
