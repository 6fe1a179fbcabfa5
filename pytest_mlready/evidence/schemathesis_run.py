"""Evidence `schemathesis_run`: Schemathesis as a command of its own, over the predict routes of the document.

It runs as a process, so that neither its pytest plugin nor its threads enter ours, and may be installed in another
environment that is on the PATH. Its event file is what is read; the events are documented as its NDJSON report.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of, clean
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Exchange, PeerFailure, SchemathesisRun
from pytest_mlready.schedule import SCHEMATHESIS

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context

MARGIN_S = 20.0
"""Its time limit ends phases between cases; so much later the process is ended."""
MOST_FAILURES = 20
KEPT = 64 * 1024
LEFT_OUT = "positive_data_acceptance"
"""That whatever fits the schema is accepted: services may refuse what JSON Schema cannot say, as 1.0 for an integer."""
REFUSALS = """[checks.negative_data_rejection]
expected-statuses = ["4xx", "5xx"]
"""
"""Schemathesis does not count 413 as a refusal by itself."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> SchemathesisRun:
    """Run it with our seed and time limit, and read its events.

    Raises:
        GatherError: it is not installed, there is no OpenAPI document, or it wrote no events.
    """
    program = SCHEMATHESIS
    executable = program.found()
    if executable is None:
        raise GatherError(f"there is no schemathesis: {program.install}")
    path = context.target.paths.get("openapi")
    if path is None or context.target.openapi is None:
        raise GatherError("there is no OpenAPI document, and Schemathesis starts from one")
    with TemporaryDirectory(prefix="mlready-schemathesis-") as directory:
        problem = _run(context, executable, path, Path(directory))
        events = Path(directory) / "events.ndjson"
        if not events.is_file():
            printed = (Path(directory) / "printed.txt").read_text("utf-8", "replace")
            raise GatherError(f"Schemathesis wrote no events: {clean(printed[-300:].strip()) or problem}")
        return _read(events, problem)


def _run(context: Context, executable: str, path: str, directory: Path) -> str | None:
    """Why it did not come to its end; None where it did."""
    target = context.target
    routes = [one for one in (target.mapping.predict_path, target.mapping.batch_path) if one is not None]
    config = directory / "schemathesis.toml"
    config.touch(mode=0o600)
    # Headers not on the command line, where every process of the machine could read them.
    pairs = "".join(f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in target.headers)
    config.write_text(f"{REFUSALS}[headers]\n{pairs}")
    command = [
        executable,
        "--config-file",
        str(config),
        "run",
        target.url + path,
        f"--url={target.url}",
        "--no-color",
        "--warnings=off",
    ]
    command += ["--include-path-regex", f"^({'|'.join(map(re.escape, routes))})$"]
    command += [f"--seed={context.seed}", f"--max-time={max(1, round(context.budget_s))}", "--max-redirects=0"]
    command += ["--phases=examples,coverage,fuzzing", "--request-timeout=5", "--generation-database=none"]
    command.append(f"--exclude-checks={LEFT_OUT}")
    command += ["--report=ndjson", f"--report-ndjson-path={directory / 'events.ndjson'}"]
    if not target.verify or target.ca_file is not None:
        command.append(f"--tls-verify={target.ca_file if target.verify else 'false'}")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with (directory / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(context.budget_s + MARGIN_S)
        except subprocess.TimeoutExpired:
            return f"it was ended after {context.budget_s + MARGIN_S:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return None if process.returncode in {0, 1} else f"it ended with exit code {process.returncode}"


def _read(events: Path, problem: str | None) -> SchemathesisRun:
    version, cases = "", 0
    found: dict[tuple[str, str], PeerFailure] = {}
    for line in events.read_bytes().splitlines():
        with contextlib.suppress(ValueError):  # the last line of a process that was ended
            for kind, event in json.loads(line).items():
                if kind == "Initialize":
                    version = str(event["schemathesis_version"])
                elif kind == "ScenarioFinished":
                    recorder = event["recorder"]
                    cases += len(recorder.get("cases", ()))
                    for case, failure in failures_of(recorder):
                        title, message = clean(str(failure["title"]), 200), clean(str(failure["message"]))
                        shown = found.get((title, recorder["label"]))
                        if shown is None and len(found) < MOST_FAILURES:
                            exchange = _exchange(recorder.get("interactions", {}).get(case, {}))
                            found[title, recorder["label"]] = PeerFailure(title, message, exchange)
    return SchemathesisRun(version, cases, tuple(found.values()), problem)


def failures_of(recorder: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a scenario's recorder holds of failures: the id of the case, and title and message of each."""
    for case, judged in recorder.get("checks", {}).items():
        for one in judged:
            if one["status"] == "failure":
                yield case, one["failure_info"]["failure"]


def _exchange(interaction: Mapping[str, Any]) -> Exchange:
    """The request as it went over the wire, with its media type only, and the answer's status."""
    request = interaction.get("request") or {}
    response = interaction.get("response") or {}
    path = re.sub(r"^https?://[^/]*", "", str(request.get("uri", "")))
    kinds = {name.lower(): values for name, values in (request.get("headers") or {}).items()}.get("content-type", ())
    status = response.get("status_code")
    return Exchange(
        "a case of Schemathesis",
        str(request.get("method", "POST")),
        path,
        status if isinstance(status, int) else None,
        request_headers=tuple(("Content-Type", str(one)) for one in kinds),
        request_body=_bytes(request.get("body")),
        body=_bytes(response.get("content"))[:KEPT],
        failure=None if isinstance(status, int) else "closed",
    )


def _bytes(body: object) -> bytes:
    encoded = body.get("$base64") if isinstance(body, Mapping) else None
    return base64.b64decode(encoded) if isinstance(encoded, str) else b""
