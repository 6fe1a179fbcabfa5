"""Writes a finding's replay into a directory of its own, with all that plays it: Python alone is needed there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_mlready.finding import Finding
from pytest_mlready.replay import Replay, Request

PACKAGE = Path(__file__).resolve().parents[1]
PLAYER = (
    "player/__init__.py",
    "player/playing.py",
    "player/asking.py",
    "player/connecting.py",
    "player/judging.py",
    "player/documented.py",
    "player/memory.py",
    "measure/agreement.py",
    "protocols/json_mapping.py",
    "records/exchange.py",
)
"""What plays a replay: each needs the standard library and the others only."""
_OURS = re.compile(r"from pytest_mlready\.(?:\w+\.)*(\w+) import")
_START = '''#!/usr/bin/env python3
"""Plays replay.json against the service: replay.py [URL]. Exit 1: the fault shows; 0: it does not; 2: cannot say."""

import sys
from pathlib import Path

from player.playing import main

sys.exit(main(Path(__file__).resolve().parent))
'''


def write(
    directory: Path,
    finding: Finding,
    *,
    url: str | None,
    mapping: Mapping[str, Any],
    secret_headers: tuple[str, ...] = (),
) -> Path:
    """Write the files of a finding's `script` into `directory`, and return what to run.

    `mapping` says how the service's answers are read; the values of `secret_headers` are not written, the script takes
    them from the environment.
    """
    replay = finding.script or Replay((), ())
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "player").mkdir(parents=True)
    for name in PLAYER:
        source = (PACKAGE / name).read_text("utf-8")
        (directory / "player" / Path(name).name).write_text(_OURS.sub(r"from player.\1 import", source), "utf-8")
    secret = {name.lower() for name in secret_headers}
    plan = {
        "check": finding.check,
        "says": finding.summary,
        "url": url,
        "mapping": dict(mapping),
        "secrets": {name: variable(name) for name in secret_headers},
        "requests": [_request(directory, at, one, secret) for at, one in enumerate(replay.requests)],
        "order": list(replay.order or range(len(replay.requests))),
        "rounds": replay.rounds,
        "together": replay.together,
        "expects": [{"holds": one.holds, "of": list(one.of), "told": dict(one.told)} for one in replay.expects],
    }
    (directory / "replay.json").write_text(json.dumps(plan, indent=1) + "\n", "utf-8")
    script = directory / "replay.py"
    script.write_text(_START, "utf-8")
    return script


def variable(header: str) -> str:
    """The environment variable that holds a secret header's value."""
    return "MLREADY_HEADER_" + re.sub(r"\W", "_", header).upper()


def from_environment(command: str, secret_headers: tuple[str, ...]) -> str:
    """A curl command with the secret headers' values taken from the environment, by the shell."""
    for name in secret_headers:
        quoted = re.compile(rf"'{re.escape(name)}: [^']*'", re.IGNORECASE)
        command = quoted.sub(f'"{name}: ${variable(name)}"', command)
    return command


def _request(directory: Path, at: int, request: Request, secret: set[str]) -> dict[str, Any]:
    body = f"body-{at}" if request.body else None
    if body is not None:
        (directory / body).write_bytes(request.body)
    return {
        "case": request.case,
        "method": request.method,
        "path": request.path,
        "headers": [list(pair) for pair in request.headers if pair[0].lower() not in secret],
        "body": body,
        "size": len(request.body),
        "white_space": request.white_space,
        "rude": None if request.rude is None else dict(request.rude),
    }
