"""Several replicas behind a small balancer and behind HAProxy: what the evidence shows, and what it needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from pytest_mlready.checks.latency_replicas import dead_replica_ejected, replicas_balanced
from pytest_mlready.evidence import replicas as evidence
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Replicas
from pytest_mlready.service import target
from pytest_mlready.settings import Settings, parse

ROOT = Path(__file__).parents[2]
STUB = ROOT / "tests" / "plugin" / "stub_service.py"
ROWS = tuple({f"x{at}": float(row + at) for at in range(4)} for row in range(20))
BALANCED = f"{{python}} -m tests.balancer --port {{port}} --replicas 3 -- {{python}} {STUB} --port @PORT"
HAPROXY = f"{{python}} -m tests.real.haproxy --port {{port}} -- {{python}} {STUB} --port @PORT"
ONE = "{python} " + f"{STUB} --port {{port}}"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "WATCHED_S", 1.5)


def declared(tmp_path: Path, told: dict[str, str], command: str, **service: object) -> Settings:
    replicas = {"count": 3, "ejected_s": 1.0, "command": command, **told}
    plain = {
        "service": {"command": ONE, "ready_timeout_s": 20, **service},
        "latency": {"rate": 100, "p99_ms": 250, "replicas": replicas},
    }
    return parse(plain, source="mlready.toml", directory=tmp_path)


def gathered(
    tmp_path: Path, command: str = BALANCED, told: dict[str, str] | None = None, **service: object
) -> tuple[Replicas, Finding, Finding]:
    settings = declared(tmp_path, told or {"header": "x-served-by"}, command, **service)
    started = target.launch(command=ONE, cwd=ROOT, run_dir=tmp_path / "run", feature_names=tuple(ROWS[0]))
    try:
        context = Context(started, settings, ROWS, seed=7, budget_s=15.0)
        msgspec.json.encode(evidence.made_with(context))
        made = evidence.gather(context)
    finally:
        started.stop()
    record = msgspec.json.decode(msgspec.json.encode(made), type=Replicas, strict=True)
    return record, replicas_balanced(record, settings), dead_replica_ejected(record, settings)


def test_turns_are_even_and_a_dead_replica_is_left_out(tmp_path: Path) -> None:
    record, balanced, ejected = gathered(tmp_path)
    assert balanced.status is Status.PASS, balanced
    assert ejected.status is Status.PASS, ejected
    assert len(record.names) == 3
    assert record.killed in record.names
    assert len(record.told) == 300
    assert record.back_s is None


@pytest.mark.parametrize("told", [{"header": "x-nobody"}, {"path": "/model/info", "field": "replica"}])
def test_answers_that_do_not_say_who_gave_them(tmp_path: Path, told: dict[str, str]) -> None:
    record, balanced, ejected = gathered(tmp_path, told=told, ready_timeout_s=1)
    assert balanced.status is Status.INCONCLUSIVE
    assert "do not say who gave them" in balanced.summary
    assert (record.killed, ejected.status) == (None, Status.INCONCLUSIVE)
    assert ejected.summary == "none was killed: no answer said who gave it"


def test_nothing_is_killed_without_permission(tmp_path: Path) -> None:
    record, balanced, ejected = gathered(tmp_path, allow=["load"])
    assert (record.killed, record.after) == (None, ())
    assert balanced.status is Status.PASS
    assert ejected.summary == "none was killed: it was not released for that, or not started by us"


def test_at_a_url_shares_are_counted_and_nothing_is_killed(tmp_path: Path) -> None:
    settings = declared(tmp_path, {"header": "x-served-by"}, BALANCED)
    names = tuple(ROWS[0])
    started = target.launch(command=BALANCED, cwd=ROOT, run_dir=tmp_path / "run", feature_names=names)
    try:
        found = target.attach(url=started.url, feature_names=names, allow=("load", "kill"))
        record = evidence.gather(Context(found, settings, ROWS, seed=7, budget_s=15.0))
    finally:
        started.stop()
    assert replicas_balanced(record, settings).status is Status.PASS
    assert (record.killed, record.problem) == (None, "it was not released for that, or not started by us")


def test_a_name_that_is_no_process_is_said(tmp_path: Path) -> None:
    record, _, ejected = gathered(tmp_path, told={"path": "/model/info", "field": "model_version"}, ready_timeout_s=1)
    assert record.killed is None
    assert "let it be a process id or host:port" in ejected.summary


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")
def test_haproxy_with_health_checks_passes(tmp_path: Path) -> None:
    _, balanced, ejected = gathered(tmp_path, HAPROXY)
    assert balanced.status is Status.PASS, balanced
    assert ejected.status is Status.PASS, ejected
