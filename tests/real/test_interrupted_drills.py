"""A drill on a running service that is not ours: however the run ends, the version that served serves again.

Where the service itself is gone nobody can put anything back: then the run says so, and what to do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pytest_mlready.service import target
from pytest_mlready.service.target import Target
from reference_service.train import train_missing

ROOT = Path(__file__).parents[2]
TOKEN_ENV, TOKEN = "MLREADY_ADMIN_TOKEN", "only-for-the-tests-of-drills"
SERVE = "{python} -m reference_service --port {port} --state {state} --admin-token-env " + TOKEN_ENV
FOUND, OTHER = "1.0.0", "2.0.0"
CHECK = "mlready.toml::deployment.rollback_under_load"
PATIENCE_S = 30.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Target]:
    """The reference service, which the run does not start."""
    train_missing(tmp_path / "models")
    started = target.launch(
        command=f"{SERVE} --models {tmp_path / 'models'}",
        cwd=ROOT,
        run_dir=tmp_path / "service",
        start_timeout_s=60,
        env={TOKEN_ENV: TOKEN},
    )
    yield started
    started.stop()


@pytest.fixture
def run(served: Target, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of the drill on it, at a moment when the other version serves."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "mlready.toml").write_text(
        f'[service]\nurl = "{served.url}"\nallow = ["deploy"]\n'
        f'[inputs]\nrows = "models/breast-cancer/sample.csv"\nlabel = "diagnosis"\n'
        f'[deployment]\ntoken_env = "{TOKEN_ENV}"\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "pytest_mlready.plugin", "-p", "no:cacheprovider", "--mlready", CHECK],
        cwd=tmp_path,
        env={**os.environ, TOKEN_ENV: TOKEN, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until(lambda: process.poll() is not None or serving(served) == OTHER)
    assert process.poll() is None, process.communicate()[0]
    yield process
    process.kill()
    process.communicate()


def serving(served: Target) -> str:
    return str(httpx.get(f"{served.url}/model/info", trust_env=False, timeout=5).json()["version"])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_puts_the_version_back_before_it_ends(
    served: Target, run: subprocess.Popen[str], number: signal.Signals, tmp_path: Path
) -> None:
    run.send_signal(number)
    output, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2, output
    assert "Traceback" not in output
    assert serving(served) == FOUND
    assert (tmp_path / "mlready-report" / "report.json").exists()


def test_a_killed_run_is_outlived_by_who_puts_the_version_back(served: Target, run: subprocess.Popen[str]) -> None:
    run.kill()
    run.wait()
    until(lambda: serving(served) == FOUND)
    time.sleep(1.0)
    assert serving(served) == FOUND


def test_where_the_service_is_gone_the_run_says_what_to_do(served: Target, run: subprocess.Popen[str]) -> None:
    served.stop()
    output, _ = run.communicate(timeout=2 * PATIENCE_S)
    assert run.returncode == 1, output
    assert "Traceback" not in output
    flat = " ".join(output.split())
    assert f"{FOUND} served before a drill on the target" in flat, output
    assert f"curl -sS -X POST {served.url}/deployments" in flat, output
