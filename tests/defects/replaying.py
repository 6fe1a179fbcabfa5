"""Runs the replays that a run has left, against the sick service and the healthy one."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pytest_mlready.service.launch import free_port
from tests.defects.judging import ROOT, environment
from tests.defects.planting import Defect

READY_S = 30.0
LONGEST_S = 90.0
_FAULT = re.compile(r"^  FAULT  (\d+)\. ", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """What a replay printed, its exit code, and the positions of what did not hold."""

    exit_code: int
    output: str

    @property
    def faults(self) -> list[int]:
        """Positions in the replay's `expects`."""
        return [int(number) - 1 for number in _FAULT.findall(self.output)]


def play(script: Path, url: str) -> Played:
    """Run a replay as a user does: with Python alone, in whatever directory."""
    done = subprocess.run(
        [sys.executable, "-E", "-S", str(script), url], capture_output=True, text=True, timeout=LONGEST_S, cwd="/"
    )
    return Played(done.returncode, done.stdout + done.stderr)


@contextlib.contextmanager
def served(defect: Defect | None, directory: Path) -> Iterator[str]:
    """The URL of a fresh service, with the defect or without one."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    module = ["reference_service"] if defect is None else ["tests.defects", "serve", defect.name]
    command = [sys.executable, "-m", *module, "--models", str(ROOT / "models"), "--port", str(port)]
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--state", str(directory), "--drain-seconds", "0.1"],
            cwd=ROOT, env=environment(), stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _ready(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(url: str) -> str:
    until = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health/ready", timeout=2):
            return url
        if time.monotonic() > until:
            raise TimeoutError(f"{url} was not ready after {READY_S:.0f} s")
        time.sleep(0.05)


def script_of(directory: Path, check: str) -> Path | None:
    """The replay that a run in a directory left for a check, if it left one."""
    script = directory / "mlready-report" / "replays" / check / "replay.py"
    return script if script.exists() else None


def edits_shown(script: Path, faults: Sequence[int]) -> int | None:
    """By how many values the rows that show the fault differ from sample rows, where that is fewest; None: no fault.

    Of a relation with several requests the largest counts. A batch is as its rows are, of which it has one for each
    single row that it is compared with.
    """
    plan = json.loads((script.parent / "replay.json").read_text())
    shown = [max(_edits(script.parent, plan["requests"][at]) for at in plan["expects"][one]["of"]) for one in faults]
    return min(shown, default=None)


def _edits(directory: Path, request: Mapping[str, Any]) -> int:
    body = (directory / request["body"]).read_bytes() if request["body"] else b""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        row: list[float] = json.loads(_unframed(request, body))["features"]
        return min(len([a for a, b in zip_longest(row, sample) if a != b]) for sample in _samples())
    return 0


def _unframed(request: Mapping[str, Any], body: bytes) -> bytes:
    """The body without chunks or compression."""
    coding = {name.lower(): value for name, value in request["headers"]}
    if coding.get("content-encoding") == "gzip":
        return gzip.decompress(body)
    if coding.get("transfer-encoding") == "chunked":
        return b"".join(body.split(b"\r\n")[1::2])
    return body


@cache
def _samples() -> list[list[float]]:
    with (ROOT / "data" / "sample.csv").open(newline="") as file:
        rows = [{name: cell for name, cell in row.items() if name != "diagnosis"} for row in csv.DictReader(file)]
    return [[float(cell) for cell in row.values()] for row in rows]
