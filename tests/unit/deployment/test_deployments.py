"""Every implementation of `Deployment` against a server of two versions, and what each makes of a refusal."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_mlready.deployment import Deployment, Recipe, Refused, Unanswered, by_hand, holding, make, moved, remembers
from pytest_mlready.deployment.histories import every
from pytest_mlready.records import Change
from tests.unit.deployment.model_server import CONTRACT, Route, State, serving
from tests.unit.records_made import settings

TOKEN = "a-token-of-the-admin"


def made(address: str, token: str | None = TOKEN, **table: Any) -> Deployment:
    declared = settings(deployment=table).deployment
    assert declared is not None
    return make(Recipe(declared, address, token, (("Authorization", "Bearer predict"), ("X-Team", "7"))))


class TestContract:
    def test_orders_and_questions(self) -> None:
        with serving(CONTRACT) as (url, state):
            deployment = made(url)
            assert (list(deployment.versions()), deployment.current()) == (["1", "2"], "1")
            found = deployment.promote("2")
            assert (found.serves, found.changed, found.generation) == ("2", True, 1)
            assert deployment.rollback().serves == "1"
            assert deployment.rollback("2").serves == "2"
            assert deployment.promote("2").changed is False
            assert deployment.history() == [
                Change("1", "2", "12:00", "ana", None, 3),
                Change("2", "1", "12:00", "ana", None, 2),
                Change("1", "2", "12:00", "ana", None, 1),
            ]
        assert [body for method, path, body in state.asked if path.endswith("rollback")] == [
            {"reason": "readiness drill"},
            {"to": "2", "reason": "readiness drill"},
        ]
        assert set(state.rights) == {f"Bearer {TOKEN}"}  # and never the right to predict
        assert remembers(deployment)

    def test_a_refusal_and_no_answer_are_told_apart(self) -> None:
        with serving(CONTRACT) as (url, _):
            deployment = made(url)
            with pytest.raises(Refused, match=r"404: .*unknown version"):
                deployment.promote("9")
        with pytest.raises(Unanswered, match="POST /deployments: refused"):
            deployment.promote("2")

    def test_an_answer_that_says_nothing_of_it(self) -> None:
        with serving({"GET /deployments": lambda state, body: (200, ["odd"])}) as (url, _):
            with pytest.raises(Unanswered, match="nothing at 'serving'"):
                made(url).current()
            with pytest.raises(Unanswered, match="nothing at 'history'"):
                made(url).history()

    def test_other_rights_and_other_instances(self) -> None:
        with serving(CONTRACT) as (first, one), serving(CONTRACT) as (second, other):
            deployment = made(first)
            for token in (None, "wrong"):
                stranger = holding(deployment, token)
                assert stranger is not None
                stranger.current()
            there = moved(deployment, second)
            assert there is not None
            there.promote("2")
        assert one.rights == [None, "Bearer wrong"]
        assert (one.serving, other.serving, other.rights) == ("1", "2", [f"Bearer {TOKEN}"])


class TestDeclaredCalls:
    CALLS: ClassVar[Any] = {
        "current": {"path": "/v", "read": "active.0.name"},
        "promote": {"path": "/v/{version}", "method": "POST", "body": {"names": ["{version}"]}},
        "history": {"path": "/log", "read": "", "fields": {"from": "old", "to": "new.name", "at": "t"}},
    }
    ROUTES: ClassVar[Any] = {
        "GET /v": lambda state, body: (200, {"active": [{"name": state.serving}]}),
        "POST /v/2%2F3": lambda state, body: (state.change(body["names"][0])[0], None),
        "GET /log": lambda state, body: (200, [{"old": 1, "new": {"name": 2}, "t": 5.5}]),
    }

    def test_paths_bodies_and_fields(self) -> None:
        with serving(self.ROUTES) as (url, state):
            deployment = made(url, api="http", calls=self.CALLS)
            assert not remembers(deployment)
            state.versions = ("1", "2/3")
            deployment.rollback("2/3")  # there is no rollback call: it promotes
            assert deployment.current() == "2/3"
            assert deployment.history() == [Change("1", "2", "5.5")]
            with pytest.raises(Unanswered, match="it must be said where to"):
                deployment.rollback()

    def test_orders_to_an_address_of_their_own_follow_no_instance(self) -> None:
        with serving(self.ROUTES) as (url, _):
            deployment = made("http://127.0.0.1:9", api="http", calls=self.CALLS, url=url)
            assert deployment.current() == "1"
            assert moved(deployment, "http://127.0.0.1:10") is None

    def test_paths_into_answers(self) -> None:
        body = {"a": [{"b": 1}, {"c": 2}, {"b": 3}], "d": {"x": 4, "y": 5}}
        assert list(every(body, "a.*.b")) == [1, 3]
        assert list(every(body, "d.*")) == [4, 5]
        assert list(every(body, "a.2.b")) == [3]
        assert list(every(body, "a.7")) == list(every(body, "a.b")) == []
        assert list(every(body, None)) == [body]


class TestShell:
    @pytest.fixture
    def commands(self, tmp_path: Path) -> dict[str, str]:
        """A file that holds the version, and commands on it."""
        (tmp_path / "version").write_text("1\n")
        python = f"{shlex.quote(sys.executable)} -c"

        def on(code: str) -> str:
            preface = f"import sys, os, pathlib; f = pathlib.Path({str(tmp_path / 'version')!r}); "
            return f"{python} {shlex.quote(preface + code)}"

        return {
            "versions": on("print('1 2')"),
            "current": on("print(f.read_text())"),
            "promote": on("sys.exit('no such version') if sys.argv[1] == '9' else f.write_text(sys.argv[1])")
            + " {version}",
            "history": on("import json; print(json.dumps({'from': '1', 'to': '2', 'actor': os.environ['RIGHT']}))"),
        }

    def test_commands(self, commands: dict[str, str]) -> None:
        deployment = made("http://127.0.0.1:9", api="shell", commands=commands, token_env="RIGHT")
        assert (list(deployment.versions()), deployment.current()) == (["1", "2"], "1")
        deployment.promote("2")
        assert deployment.current() == "2"
        deployment.rollback("1")
        assert deployment.current() == "1"
        assert deployment.history() == [Change("1", "2", actor=TOKEN)]
        assert moved(deployment, "http://127.0.0.1:10") is None

    def test_an_exit_code_is_a_refusal(self, commands: dict[str, str]) -> None:
        deployment = made("http://127.0.0.1:9", api="shell", commands=commands)
        with pytest.raises(Refused, match="exit code 1: no such version"):
            deployment.promote("9")
        with pytest.raises(Unanswered, match="must be told a version"):
            deployment.rollback()
        missing = made("http://127.0.0.1:9", api="shell", commands={**commands, "current": "/no/such/program"})
        with pytest.raises(Unanswered, match="cannot be run"):
            missing.current()

    def test_a_place_for_the_url_makes_it_follow(self) -> None:
        commands = {"current": "echo {url}", "promote": "true", "rollback": "true"}
        deployment = made("http://one", api="shell", commands=commands)
        there = moved(deployment, "http://other")
        assert there is not None
        assert (deployment.current(), there.current()) == ("http://one", "http://other")
        assert remembers(deployment)


class TestRepository:
    """As Triton has it: a load names its versions by a configuration."""

    @staticmethod
    def routes() -> dict[str, Route]:
        def index(state: State, body: Any) -> tuple[int, Any]:
            listed = [
                {"name": "m", "version": one, "state": "READY" if one == state.serving else "UNAVAILABLE"}
                for one in state.versions
            ]
            return 200, [*listed, {"name": "another", "version": "7", "state": "READY"}]

        def load(state: State, body: Any) -> tuple[int, Any]:
            config = json.loads(body["parameters"]["config"])
            return state.change(str(config["version_policy"]["specific"]["versions"][0]))[0], None

        return {"POST /v2/repository/index": index, "POST /v2/repository/models/m/load": load}

    def test_load_names_the_version(self) -> None:
        with serving(self.routes()) as (url, state):
            deployment = made(url, api="repository", model="m")
            assert (list(deployment.versions()), deployment.current()) == (["1", "2"], "1")
            assert deployment.promote("2").changed is True
            assert (deployment.current(), state.serving) == ("2", "2")
            assert deployment.rollback("1").serves == "1"
            with pytest.raises(Refused, match="the repository has no 9 of m"):
                deployment.promote("9")
            assert (deployment.history(), remembers(deployment)) == (None, False)

    def test_a_refused_load_selects_the_version_before_again(self, tmp_path: Path) -> None:
        chosen = tmp_path / "chosen"
        write = f"import sys, pathlib; pathlib.Path({str(chosen)!r}).write_text(sys.argv[1])"
        select = f"{shlex.quote(sys.executable)} -c {shlex.quote(write)} {{version}}"
        routes: dict[str, Route] = {
            **self.routes(),
            "POST /v2/repository/models/m/load": lambda state, body: (400, None),
        }
        with serving(routes) as (url, _), pytest.raises(Refused, match="400"):
            made(url, api="repository", model="m", select=select).promote("2")
        assert chosen.read_text() == "1"


class TestMlflow:
    ROUTES: ClassVar[Any] = {
        "GET /api/2.0/mlflow/model-versions/search": lambda state, body: (
            200,
            {"model_versions": [{"version": one} for one in state.versions]},
        ),
        "GET /api/2.0/mlflow/registered-models/alias": lambda state, body: (
            200,
            {"model_version": {"version": state.serving}},
        ),
        "POST /api/2.0/mlflow/registered-models/alias": lambda state, body: state.change(body["version"]),
    }

    def test_an_alias_names_the_version(self) -> None:
        with serving(self.ROUTES) as (url, state):
            deployment = made("http://127.0.0.1:9", api="mlflow", model="it's", alias="live", url=url)
            assert (list(deployment.versions()), deployment.current()) == (["1", "2"], "1")
            assert deployment.rollback("2").serves == "2"
            assert (state.serving, deployment.history()) == ("2", None)
        assert state.asked[0][1].endswith("filter=name%3D%27it%27%27s%27&max_results=200")
        assert state.asked[-1][2] == {"name": "it's", "alias": "live", "version": "2"}


def test_a_command_by_hand_names_the_variable_and_not_the_token() -> None:
    declared = settings(deployment={"token_env": "ADMIN"}).deployment
    assert declared is not None
    command = by_hand(Recipe(declared, "http://h:1/", TOKEN), "1.0.0")
    assert command == (
        'curl -sS -X POST http://h:1/deployments -H "Authorization: Bearer $ADMIN" '
        """-H 'Content-Type: application/json' -d '{"version": "1.0.0", "reason": "readiness drill"}'"""
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"versions": ["1"]}, r"deployment\.versions: expected two different versions, got \['1'\]"),
        ({"api": "mlflow"}, r'deployment\.model: api = "mlflow" needs the name of the model'),
        ({"api": "http"}, r"deployment\.calls: api = \"http\" needs 'current'"),
        ({"api": "shell", "commands": {"current": "x", "promot": "y"}}, r"deployment\.commands: unknown 'promot'"),
        ({"registry": "models"}, r"deployment\.registry: a command must say where its copy goes, as \{registry\}"),
        ({"acknowledge_s": 0}, r"deployment\.acknowledge_s: expected a number above 0"),
        ({"api": "ftp"}, "expected one of mlready, http, shell, repository, mlflow"),
        ({"token": "secret"}, "unknown key 'deployment.token'; did you mean 'token_env'"),
    ],
)
def test_a_table_that_cannot_be(table: dict[str, Any], words: str) -> None:
    from pytest_mlready.settings import SettingsError

    with pytest.raises(SettingsError, match=words):
        settings(deployment=table)
