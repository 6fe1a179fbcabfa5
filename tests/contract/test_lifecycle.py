"""Starting, failing, overload and stopping."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from reference_service.__main__ import prepare_models, settings_of
from reference_service.artifacts.manifest import Untrusted
from reference_service.asgi import STARTUP_FAILURE
from reference_service.components import build_components
from reference_service.server import CannotServe, require_writable
from reference_service.settings import Settings
from tests.contract.conftest import Server, Start, client_of, free_port


def test_probes_of_a_good_server(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    assert client.get("/health").json() == {"status": "ok", "model_loaded": True, "model_version": "1.0.0"}


def test_a_broken_model_is_the_servers_fault_and_not_ready(
    models: Path, row: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        settings = settings_of(["--drill", "broken-model", "--models", str(models)])
        async with client_of(build_components(settings)) as client:
            for path, fields in (("/predict", {"features": row}), ("/predict/batch", {"instances": [row] * 200})):
                answer = await client.post(path, json=fields)
                assert answer.status_code == 500
                assert answer.headers["content-type"] == "application/problem+json"
                assert "drill" not in answer.text
                assert (await client.post(path, json={})).status_code == 422
            for path, status in (("/health/ready", 503), ("/health", 503), ("/health/live", 200)):
                assert (await client.get(path)).status_code == status
            assert (await client.get("/health")).json()["status"] == "unavailable"
            assert 'status="500"' in (await client.get("/metrics")).text

    asyncio.run(scenario())
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    failures = [line for line in lines if line.get("event") == "failure"]
    assert len(failures) == 2
    assert all(line["error"] == "RuntimeError" and "on purpose" not in json.dumps(line) for line in failures)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_service", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def one_line_error(found: subprocess.CompletedProcess[str]) -> str:
    assert found.returncode in {1, STARTUP_FAILURE}
    assert found.stderr.startswith("reference_service: error: ")
    assert found.stderr.count("\n") == 1
    return found.stderr


def test_a_taken_port_is_one_clear_line(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    assert "in use" in one_line_error(run("--port", port, "--models", str(server.models)))


@pytest.mark.parametrize("file", ["model.skops", "metadata.json", "golden.json", "manifest.json"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_flipped_bit_is_never_served(models: Path, tmp_path: Path, file: str, workers: str) -> None:
    shutil.copytree(models, tmp_path / "models")
    path = tmp_path / "models" / "breast-cancer" / "1.0.0" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    error = one_line_error(run("--port", port, "--workers", workers, "--models", str(tmp_path / "models")))
    assert file in error or "manifest" in error


def test_an_unknown_version_or_model_is_one_clear_line(models: Path) -> None:
    assert "'9.9.9'" in one_line_error(run("--port", "1", "--version", "9.9.9", "--models", str(models)))
    assert "'nope'" in one_line_error(run("--port", "1", "--model", "nope", "--models", str(models)))


def test_a_misspelt_model_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    error = one_line_error(run("--model", "breast_cancer", "--models", str(tmp_path / "models")))
    assert "'breast_cancer'" in error
    assert "breast-cancer, diabetes, credit" in error
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("flag", "bad", "good"),
    [
        ("--workers", ["0", "-1"], ["1", "8"]),
        ("--port", ["0", "65536"], ["1", "65535"]),
        ("--rate-limit", ["nan", "inf", "-1", "1e-320"], ["0", "0.001", "1e6"]),
        ("--rate-burst", ["0", "-5", "1" + "0" * 400], ["1", "1000000"]),
        ("--drift-window", ["-1"], ["0", "5000"]),
        ("--rollback-error-rate", ["nan", "inf", "-0.1", "1.1"], ["0", "0.05", "1"]),
        ("--rollback-quality", ["nan", "inf", "-inf", "-1"], ["0", "0.9", "25"]),
        ("--rollback-window-seconds", ["nan", "inf", "0", "-1"], ["1", "3600"]),
        ("--cache-seconds", ["nan", "inf", "-1"], ["0", "60"]),
        ("--drain-seconds", ["nan", "inf", "-1"], ["0", "0.1"]),
    ],
)
def test_numbers_out_of_range_are_refused_by_their_flag(
    flag: str, bad: list[str], good: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in bad:
        with pytest.raises(SystemExit):
            settings_of([f"{flag}={text}"])
        assert f"error: {flag} must be " in capsys.readouterr().err
    for text in good:
        assert getattr(settings_of([f"{flag}={text}"]), flag[2:].replace("-", "_")) == float(text)


def test_a_bound_of_accuracy_beyond_one_is_refused(models: Path) -> None:
    arguments = ["--models", str(models), "--rollback-quality", "90"]
    with pytest.raises(CannotServe, match=r"--rollback-quality .* accuracy, at most 1"):
        prepare_models(settings_of(arguments))
    prepare_models(settings_of([*arguments, "--model", "diabetes"]))  # there it is a mean error


@pytest.mark.parametrize("flag", ["--state", "--models"])
def test_a_directory_that_cannot_be_written_to_is_one_clear_line(models: Path, tmp_path: Path, flag: str) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, reason in ((file, "it is not a directory"), (file / "below", "Not a directory")):
        error = one_line_error(run("--port", str(free_port()), "--models", str(models), flag, str(path)))
        assert error == f"reference_service: error: cannot write to {flag} {path}: {reason}\n"


def test_the_probe_of_a_directory_leaves_nothing(tmp_path: Path) -> None:
    require_writable("--state", tmp_path / "a" / "b")
    assert list((tmp_path / "a").rglob("*")) == [tmp_path / "a" / "b"]


@pytest.mark.parametrize(("name", "reason"), [("changes.db", "not a database"), ("generation", "directory")])
def test_a_spoilt_state_directory_is_one_clear_line(models: Path, tmp_path: Path, name: str, reason: str) -> None:
    if name == "generation":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("nothing that any database ever wrote " * 100)
    error = one_line_error(run("--port", str(free_port()), "--models", str(models), "--state", str(tmp_path)))
    assert str(tmp_path) in error
    assert reason in error


@pytest.mark.parametrize(("model", "engine"), [("diabetes", "sklearn"), ("breast-cancer", "onnx")])
def test_the_state_of_another_model_or_engine_is_refused_with_a_hint(
    models: Path, tmp_path: Path, model: str, engine: str
) -> None:
    first = build_components(Settings(models=models, state=tmp_path))
    first.serving.start()
    first.changes.close()
    with pytest.raises(Untrusted, match="another model or engine needs another --state"):
        build_components(Settings(model, models=models, state=tmp_path, engine=engine)).serving.start()


def stop_under_load(one: Server, row: list[float]) -> None:
    """Stop a server with SIGTERM while clients ask it without a pause; not one of their requests may fail.

    The clients honour readiness: they stop once the server asks them to connect elsewhere.
    """
    outcomes: list[str] = []

    def ask() -> None:
        with one.client() as client:
            while "close" not in (answer := client.post("/predict", json={"features": row})).headers.get(
                "connection", ""
            ):
                outcomes.append(str(answer.status_code))
            outcomes.append(f"{answer.status_code} and told")

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        time.sleep(0.5)
        one.process.send_signal(signal.SIGTERM)
        ready = 200
        with one.client() as probe:
            give_up = time.monotonic() + 5
            while ready == 200 and time.monotonic() < give_up:
                ready = probe.get("/health/ready").status_code
        for each in asking:
            each.result()
    assert ready == 503
    assert one.process.wait(20) == 0
    assert outcomes.count("200 and told") == 8
    assert set(outcomes) == {"200", "200 and told"}
    assert len(outcomes) > 50


def test_sigterm_fails_no_request_and_cuts_off_no_half_sent_one(start: Start, row: list[float]) -> None:
    one = start()
    content = json.dumps({"features": row}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    with socket.create_connection(("127.0.0.1", int(one.url.rpartition(":")[2])), timeout=20) as raw:
        raw.sendall(head.encode() + b"\r\n\r\n" + content[:50])

        def finish() -> bytes:
            time.sleep(2.0)  # longer than the server takes to stop when nothing is in flight
            raw.sendall(content[50:])
            return b"".join(iter(lambda: raw.recv(65536), b""))

        with ThreadPoolExecutor(1) as pool:
            finishing = pool.submit(finish)
            stop_under_load(one, row)
            assert finishing.result().startswith(b"HTTP/1.1 200 ")


def test_clients_that_leave_do_no_harm(server: Server, row: list[float]) -> None:
    port = int(server.url.rpartition(":")[2])
    content = json.dumps({"features": row}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        content
    )
    for sent in (head, head + content[:99], head + content, head[:20]):
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
                raw.sendall(sent)
    with server.client() as client:
        assert client.post("/predict", json={"features": row}).status_code == 200
        give_up = time.monotonic() + 5
        while "http_requests_in_flight 1.0" not in (text := client.get("/metrics").text):
            assert time.monotonic() < give_up, text


def test_probes_stay_quick_while_predictions_saturate(server: Server, row: list[float]) -> None:
    stop = threading.Event()
    statuses: set[int] = set()

    def hammer(rows: int) -> None:
        with server.client() as client:
            while not stop.is_set():
                statuses.add(client.post("/predict/batch", json={"instances": [row] * rows}).status_code)

    with ThreadPoolExecutor(4) as pool:
        hammering = [pool.submit(hammer, rows) for rows in (1000, 1000, 20, 1)]
        time.sleep(0.3)
        with server.client() as client:
            times = []
            for path in ("/health/live", "/health/ready") * 15:
                answer = client.get(path)
                assert answer.status_code == 200
                times.append(answer.elapsed.total_seconds())
        stop.set()
        for each in hammering:
            each.result()
    assert sorted(times)[len(times) // 2] < 0.1
    assert statuses <= {200, 503}
