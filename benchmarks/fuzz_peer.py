"""Schemathesis as a client that looks for a service's fault."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from fuzz_clients import Found, logged, serving

from pytest_mlready.evidence.schemathesis_run import failures_of

PEER_PATHS = "^/(predict|predict/batch|model/info|health)$"
"""What our fuzzing asks. The service has two dozen further operations, on which the peer would spend its time."""


def peer(service: str, directory: Path, executable: str, *, seed: int = 1) -> Found:
    """A run of Schemathesis at its defaults, with the events written to a file, which tells when it found what."""
    events = directory / "events.ndjson"
    with serving(service, directory) as instance:
        command = [executable, "run", f"{instance.url}/openapi.json", f"--seed={seed}", "--no-color"]
        command += ["--include-path-regex", PEER_PATHS, "--report=ndjson", f"--report-ndjson-path={events}"]
        began = time.time()
        with (directory / "printed.txt").open("wb") as printed:
            process = subprocess.Popen(command, cwd=directory, stdout=printed, stderr=printed)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s, cpu_s = time.time() - began, usage.ru_utime + usage.ru_stime
        red, moments = _failures(events, began)
        first_s = min(moments.values(), default=None)
        return Found(red, logged(instance.log_path), wall_s, cpu_s, None, first_s, moments)


def _failures(events: Path, began: float) -> tuple[dict[str, str], dict[str, float]]:
    """The titles of what the peer reports, by operation: its words, and after how many seconds it first happened."""
    red: dict[str, str] = {}
    moments: dict[str, float] = {}
    for line in events.read_bytes().splitlines() if events.exists() else []:
        event = json.loads(line)
        recorder = event.get("ScenarioFinished", {}).get("recorder", {})
        for case, failure in failures_of(recorder):
            cause = f"{failure['title']} ({recorder['label']})"
            after = recorder["interactions"][case]["timestamp"] - began
            red.setdefault(cause, failure["message"])
            moments[cause] = min(after, moments.get(cause, after))
    return red, moments
