"""Runs the replays that a run has left, against the sick service and the healthy one."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pytest_mlready.catalogue import checks
from pytest_mlready.checklist import Plan
from pytest_mlready.finding import Finding
from pytest_mlready.inputs import read_rows
from pytest_mlready.ledger import Ledger
from pytest_mlready.outcome import REPLAYS, Outcome
from pytest_mlready.run import Run
from pytest_mlready.service.launch import free_port
from pytest_mlready.settings import parse
from reference_service.__main__ import settings_of
from reference_service.server import APPLICATION, serve
from tests.defects.judging import ROOT, SAMPLES, checklist_of, environment
from tests.defects.planting import BREAST_CANCER, Defect
from tests.defects.serving import serve_defect

FORK = multiprocessing.get_context("fork")
REPORT = "mlready-report"
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


def judged_here(defect: Defect, url: str, directory: Path) -> Finding:
    """What the defect's own check finds at a URL, in this process; its replay is left as a run leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    plain = tomllib.loads(checklist_of(defect, directory, "smoke")) | {"service": {"url": url, "allow": ["fuzz"]}}
    settings = parse(plain, source="mlready.toml", directory=directory)
    rows = read_rows(settings)
    run = Run(settings, "quick", 7, rows, directory / REPORT, directory / REPORT / "evidence")
    run.start()
    check = checks()[defect.check]
    evidence: dict[str, object] = {one.name: run.evidence(one.name, run.target, rows) for one in check.evidence}
    if "settings" in check.arguments:
        evidence["settings"] = settings
    finding = check.judge(evidence)
    return Outcome(run, Plan((), (), ()), Ledger()).complete(finding, f"mlready.toml::{check.id}")


def play(script: Path, url: str) -> Played:
    """Run a replay as a user does: with Python alone, in whatever directory."""
    done = subprocess.run(
        [sys.executable, "-E", "-S", str(script), url], capture_output=True, text=True, timeout=LONGEST_S, cwd="/"
    )
    return Played(done.returncode, done.stdout + done.stderr)


@contextlib.contextmanager
def served(defect: Defect | None, directory: Path, model: str = BREAST_CANCER) -> Iterator[str]:
    """The URL of a fresh service, with the defect, or healthy with this model, in a process forked from this one.

    One with several workers, which import what they need anew, has an interpreter of its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = ["--models", str(ROOT / "models"), "--port", str(port), "--state", str(directory)]
    arguments += ["--model", model if defect is None else defect.model, "--drain-seconds", "0.1"]
    if defect is not None and "--workers" in defect.arguments:
        service = _launched(defect, arguments, directory)
    else:
        service = _forked(defect, arguments, directory)
    with service:
        yield _ready(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def _forked(defect: Defect | None, arguments: list[str], directory: Path) -> Iterator[None]:
    process = FORK.Process(target=_serve, args=(defect, arguments, directory))
    process.start()
    try:
        yield
    finally:
        process.kill()  # a wedged one would take its time, and there is nothing to save
        process.join()


@contextlib.contextmanager
def _launched(defect: Defect, arguments: list[str], directory: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.defects", "serve", defect.name, *arguments]
    with (
        (directory / "service.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env=environment(), start_new_session=True
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _serve(defect: Defect | None, arguments: list[str], directory: Path) -> None:
    log = os.open(directory / "service.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(log, standard)
    if defect is not None:
        serve_defect(defect, arguments)
    else:
        serve(settings_of(arguments), APPLICATION)


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
    script = directory / REPORT / REPLAYS / check / "replay.py"
    return script if script.exists() else None


def edits_shown(script: Path, faults: Sequence[int], model: str = BREAST_CANCER) -> int | None:
    """By how many values the rows that show the fault differ from sample rows of the model, where that is fewest.

    None: no rows show it.

    Of a relation with several requests, and of a batch's rows, the largest counts.
    """
    plan = json.loads((script.parent / "replay.json").read_text())
    shown: list[int] = []
    for one in faults:
        edits = [_edits(script.parent, plan["requests"][at], model) for at in plan["expects"][one]["of"]]
        told = [each for each in edits if each is not None]
        shown += [max(told)] if told else []
    return min(shown, default=None)


def _edits(directory: Path, request: Mapping[str, Any], model: str) -> int | None:
    """Of a request: None if it has no body, or one that holds no rows."""
    body = (directory / request["body"]).read_bytes() if request["body"] else b""
    with contextlib.suppress(ValueError, KeyError, TypeError, EOFError, OSError):
        held = json.loads(_unframed(request, body))
        rows = held["instances"] if "instances" in held else [held["features"]]
        return max(_edits_of(row, model) for row in rows)
    return None


def _edits_of(held: Any, model: str) -> int:
    samples = _samples(model)
    row = [held[name] for name in samples[0]] if isinstance(held, dict) else held
    return min(len([a for a, b in zip_longest(row, sample.values()) if a != b]) for sample in samples)


def _unframed(request: Mapping[str, Any], body: bytes) -> bytes:
    """The body without chunks or compression."""
    coding = {name.lower(): value for name, value in request["headers"]}
    if coding.get("content-encoding") == "gzip":
        return gzip.decompress(body)
    if coding.get("transfer-encoding") == "chunked":
        return b"".join(body.split(b"\r\n")[1::2])
    return body


@cache
def _samples(model: str) -> list[dict[str, float | str]]:
    """The sample rows, of features only."""
    path, columns = SAMPLES[model]
    told = set(tomllib.loads(columns).values())
    with (ROOT / path).open(newline="") as file:
        return [{name: _value(cell) for name, cell in row.items() if name not in told} for row in csv.DictReader(file)]


def _value(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
