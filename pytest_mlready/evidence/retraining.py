"""Evidence `retraining`: the model that serves is trained again, twice, from what was recorded of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of, clean
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import BadAnswer, found
from pytest_mlready.records import NotStrictJSON, Retraining, TrainingRun, strict_json
from pytest_mlready.service.launch import StartError, words_of

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.settings import Training

RUNS = 2
READ = 256 * 1024
"""Of what is printed, the end."""
MOST_METRICS = 1000
SALT = "PYTHONHASHSEED"
"""Where the run around us has it fixed, orders that hang on it would look reproducible."""


def made_with(context: Context) -> Mapping[str, Any]:
    """What is run, and where it tells what came of it; the tolerance is a limit."""
    training = _declared(context)
    return {
        **(asked_of(context) if training.recorded and "{version}" in training.recorded else {}),
        "command": training.command,
        "file": training.file,
        "key": training.key,
        "same": training.same,
        "recorded": training.recorded,
    }


def gather(context: Context) -> Retraining:
    """Train twice. Raises GatherError: what is recorded cannot be read, or the command cannot be run."""
    training = _declared(context)
    serving = recorded = file = None
    if training.recorded is not None:
        name = training.recorded
        if "{version}" in name:
            name = name.replace("{version}", serving := _serving(context))
        file = context.settings.path(name).absolute()
        try:
            recorded = _told(strict_json(file.read_bytes()), training, TrainingRun(0, 0.0))
        except (OSError, NotStrictJSON) as error:
            raise GatherError(f"quality.training.recorded: {name} cannot be read: {error}") from None
    runs: list[TrainingRun] = []
    for at in range(RUNS):
        context.progress(f"training again, {at + 1} of {RUNS}")
        runs.append(_run(context, training, file))
        if runs[-1].problem:
            break
    return Retraining(tuple(runs), recorded, serving)


def _run(context: Context, training: Training, recorded: Path | None) -> TrainingRun:
    with TemporaryDirectory(prefix="mlready-training-") as made, TemporaryDirectory(prefix="mlready-output-") as kept:
        values = {"python": sys.executable, "directory": made}
        values |= {} if recorded is None else {"recorded": str(recorded)}
        output, errors = Path(kept, "output"), Path(kept, "errors")
        began = time.monotonic()
        try:
            words = words_of(training.command, values)
            exit_code = _ended(words, Path(context.settings.directory), output, errors, training.timeout_s)
        except (OSError, StartError) as error:
            raise GatherError(f"quality.training.command cannot be run: {error}") from None
        lines = [*_lines(output), *_lines(errors)]
        run = TrainingRun(exit_code, time.monotonic() - began, last_line=clean(lines[-1], 300) if lines else "")
        return _document(run, training, made, _lines(output))


def _ended(words: list[str], cwd: Path, output: Path, errors: Path, timeout_s: float) -> int | None:
    """The exit code; None where it was ended by us, with all that it had started."""
    environment = {name: value for name, value in os.environ.items() if name != SALT}
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _document(run: TrainingRun, training: Training, directory: str, printed: list[str]) -> TrainingRun:
    """The run with what it told, or with the problem why that is nothing."""
    if run.exit_code is None:
        return replace(run, problem=f"it was not done after {training.timeout_s:g} s (quality.training.timeout_s)")
    if run.exit_code != 0:
        return replace(run, problem=f"it ended with exit code {run.exit_code}")
    if training.file is None:
        documents = (_object(line) for line in reversed(printed) if line.startswith("{"))
        document = next((one for one in documents if one is not None), None)
        return _told(document, training, run, "it printed no line that is a JSON object")
    try:
        return _told(strict_json(Path(directory, training.file).read_bytes()), training, run)
    except OSError:
        return replace(run, problem=f"it wrote no file {training.file}")
    except NotStrictJSON as error:
        return replace(run, problem=f"{training.file} is not JSON: {clean(str(error), 200)}")


def _told(document: Any, training: Training, run: TrainingRun, without: str = "") -> TrainingRun:
    """The run with the metrics and what else must be the same, as its document has them."""
    if document is None and without:
        return replace(run, problem=without)
    try:
        held = found(document, training.key)
    except BadAnswer:
        held = None
    numbers = held.items() if isinstance(held, Mapping) else ()
    metrics = {clean(str(name), 100): float(value) for name, value in numbers if type(value) in {int, float}}
    same = {}
    for path in training.same:
        with contextlib.suppress(BadAnswer):
            same[path] = _short(found(document, path))
    problem = "" if metrics else f"it tells no metrics: no numbers by name at key {training.key!r}"
    return replace(run, metrics=dict(list(metrics.items())[:MOST_METRICS]), same=same, problem=problem)


def _short(value: Any) -> Any:
    """As it is, or the digest of what is long."""
    text = json.dumps(value, sort_keys=True)
    return value if len(text) < READ // 16 else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _object(line: str) -> Any:
    try:
        document = strict_json(line.encode())
    except NotStrictJSON:
        return None
    return document if isinstance(document, dict) else None


def _lines(file: Path) -> list[str]:
    with file.open("rb") as printed:
        printed.seek(max(0, file.stat().st_size - READ))
        return [line.strip() for line in printed.read().decode("utf-8", "replace").splitlines() if line.strip()]


def _serving(context: Context) -> str:
    """The version that serves, as an answer names it."""
    only = ask_one(context, 0).only if context.rows else None
    version = only.version if only is not None else None
    if version is None:
        raise GatherError("quality.training.recorded: no answer names a version to be part of the path")
    if "/" in version or version.startswith("."):
        raise GatherError(f"quality.training.recorded: the version {version!r} cannot be part of a path")
    return version


def _declared(context: Context) -> Training:
    quality = context.settings.quality
    if quality is None or quality.training is None:
        raise GatherError("no [quality.training] is declared")
    return quality.training
