"""Schemathesis run as a command: what it is told, what its events say, and how it may end."""

from __future__ import annotations

import base64
import json
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.checks.peers import schemathesis
from pytest_mlready.evidence import schemathesis_run
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.finding import Status
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import SchemathesisRun
from pytest_mlready.schedule import Program
from pytest_mlready.service.target import Target
from tests.unit.records_made import settings

DOCUMENT = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}
BODY = b'{"features":[NaN]}'
FAILURE = {"title": "Server error", "message": "500\nInternal"}


def events(*failures: dict[str, str]) -> list[dict[str, Any]]:
    request = {"method": "POST", "uri": "http://127.0.0.1:1/predict", "headers": {"Content-Type": ["application/json"]}}
    request["body"] = {"$base64": base64.b64encode(BODY).decode()}
    checks = [{"name": "n", "status": "failure", "failure_info": {"failure": one}} for one in failures]
    recorder = {
        "label": "POST /predict",
        "cases": {"a": {}, "b": {}},
        "checks": {"a": [{"name": "n", "status": "success"}], "b": checks},
        "interactions": {"b": {"request": request, "response": {"status_code": 500, "content": None}}},
    }
    skipped = {"ScenarioFinished": {"recorder": {"label": "POST /other"}}}
    return [{"Initialize": {"schemathesis_version": "4.0"}}, {"ScenarioFinished": {"recorder": recorder}}, skipped]


class Fake:
    """A command in the place of Schemathesis, which keeps its arguments, and a target for it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, budget_s: float = 1.0) -> None:
        self.directory = directory
        self.command = directory / "schemathesis"
        monkeypatch.setattr(schemathesis_run, "SCHEMATHESIS", Program(str(self.command), "pip install it"))
        mapping = JsonMapping(batch_path="/predict/batch", batch_key="rows")
        made = Target("http://127.0.0.1:1", mapping, {"openapi": "/openapi.json"}, OpenAPI.parse(DOCUMENT), frozenset())
        self.context = Context(replace(made, headers=(("X-Api-Key", "secret"),)), settings(), (), 7, budget_s)

    def does(self, *lines: str, exit_code: int = 0) -> SchemathesisRun:
        """Gather, with a command that does this."""
        head = [f"#!{sys.executable}", "import json, pathlib, sys, time", "told = sys.argv[1:]"]
        head += ['given = dict(one.split("=", 1) for one in told if one.startswith("--") and "=" in one)']
        head += ['out = pathlib.Path(given["--report-ndjson-path"])']
        self.command.write_text("\n".join([*head, *lines, f"sys.exit({exit_code})"]))
        self.command.chmod(stat.S_IRWXU)
        return schemathesis_run.gather(self.context)

    def writes(self, *documents: dict[str, Any], torn: str = "", exit_code: int = 0) -> SchemathesisRun:
        """Gather, with a command that leaves these events."""
        text = "".join(json.dumps(one) + "\n" for one in documents) + torn
        return self.does(f"out.write_text({text!r})", exit_code=exit_code)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(tmp_path, monkeypatch)


def test_a_failure_is_kept_once_with_the_request_that_showed_it(fake: Fake) -> None:
    run = fake.writes(*events(FAILURE, FAILURE), exit_code=1)
    assert (run.version, run.cases, run.problem) == ("4.0", 2, None)
    [failure] = run.failures
    assert (failure.exchange.path, failure.exchange.status, failure.exchange.request_body) == ("/predict", 500, BODY)
    found = schemathesis(run)
    assert found.status is Status.FAIL
    assert found.summary == "Server error (POST /predict): 500 Internal"
    assert "NaN" in str(found.replay)


def test_it_is_told_the_predict_routes_only_and_no_secret(fake: Fake) -> None:
    told = fake.directory / "told.json"
    config = f'config = pathlib.Path(told[told.index("--config-file") + 1]); {str(told)!r}'
    write = f"pathlib.Path({str(told)!r}).write_text(json.dumps([told, config.read_text(), config.stat().st_mode]))"
    fake.does(config, write, f"out.write_text({json.dumps(events()[0])!r})")
    arguments, text, mode = json.loads(told.read_text())
    assert "--include-path-regex" in arguments
    assert arguments[arguments.index("--include-path-regex") + 1] == "^(/predict|/predict/batch)$"
    assert "--seed=7" in arguments
    assert "secret" not in " ".join(arguments)
    assert 'X-Api-Key" = "secret' in text
    assert stat.S_IMODE(mode) == 0o600


def test_a_run_without_failures_passes_and_a_broken_one_does_not(fake: Fake) -> None:
    assert schemathesis(fake.writes(*events())).status is Status.PASS
    broken = schemathesis(fake.writes(*events(), torn='{"Scenario', exit_code=2))
    assert (broken.status, "exit code 2" in broken.summary) == (Status.INCONCLUSIVE, True)
    assert schemathesis(fake.writes(events()[0])).status is Status.INCONCLUSIVE


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemathesis_run, "MARGIN_S", 0.5)
    fake = Fake(tmp_path, monkeypatch, budget_s=1.0)
    text = "".join(json.dumps(one) + "\n" for one in events())
    run = fake.does(f"out.write_text({text!r})", "time.sleep(60)")
    assert run.problem == "it was ended after 2 s"
    assert run.cases == 2


def test_what_it_cannot_do_is_said(fake: Fake) -> None:
    with pytest.raises(GatherError, match="wrote no events: no such option"):
        fake.does("print('no such option', file=sys.stderr)", exit_code=2)
    nowhere = replace(fake.context, target=replace(fake.context.target, paths={}))
    with pytest.raises(GatherError, match="no OpenAPI document"):
        schemathesis_run.gather(nowhere)
    fake.command.unlink()
    with pytest.raises(GatherError, match="pip install it"):
        schemathesis_run.gather(fake.context)


def test_a_pass_says_how_much_was_sent() -> None:
    run = SchemathesisRun("4.0", 10, ())
    assert schemathesis(run).summary == "Schemathesis 4.0 sent 10 cases and found nothing"
