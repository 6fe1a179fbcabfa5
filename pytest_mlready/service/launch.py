"""Start a service from its command line, and wait until it is ready."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_mlready.service import keeper
from pytest_mlready.service.instance import Instance

HOST = "127.0.0.1"
ORPHAN_GRACE_S = 3.0
"""Between SIGTERM and SIGKILL, when the run died instead of stopping its service; in seconds."""

# Below the kernel's own range for outgoing connections (from 32768 on), so that none of them takes the port meanwhile.
_PORTS = range(20_000, 32_000)
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


class StartError(RuntimeError):
    """The service did not start, or never became ready; the message says what happened and ends with its log."""


class NeverReady(StartError):
    """It runs, and was not ready in time: it may be slow, or this machine."""


def start(
    command: str,
    *,
    cwd: Path,
    state_dir: Path,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Instance:
    """Start `command` under a keeper, on a free port, in its own process group; no shell is involved.

    Placeholders in the command and in the values of `env` (added to this process's environment): `{port}`, `{host}`,
    `{state}` (`state_dir`, created), `{python}` (this interpreter).

    Raises:
        StartError: an unknown or missing placeholder, bad quoting, or a program that cannot be run.
    """
    port = free_port()
    values = {"port": str(port), "host": HOST, "state": str(state_dir), "python": sys.executable}
    words = words_of(command, values)
    extra = {name: _filled(value, values) for name, value in (env or {}).items()}
    if "port" not in _PLACEHOLDER.findall(" ".join((command, *(env or {}).values()))):
        raise StartError(f"the command holds no {{port}}, so it cannot be given a free one: {command}")
    state_dir.mkdir(parents=True, exist_ok=True)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log_path.write_bytes(b"")
    status_path = log_path.with_suffix(".status.json")
    status_path.unlink(missing_ok=True)
    own = [sys.executable, "-I", keeper.__file__, str(status_path.absolute()), str(log_path.absolute())]
    own += [str(ORPHAN_GRACE_S), ",".join(map(str, pass_fds))]
    try:
        process = subprocess.Popen(
            [*own, *words],
            cwd=cwd,
            env={"PYTHONUNBUFFERED": "1", **os.environ, **extra},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except OSError as error:
        raise StartError(f"nothing can be started in {cwd}: {error}") from None
    status = _started(process, status_path, words)
    return Instance(
        url=f"http://{HOST}:{port}",
        port=port,
        command=command,
        state_dir=state_dir,
        log_path=log_path,
        status_path=status_path,
        pid=int(status["pid"]),
        keeper_pid=process.pid,
        start_ticks=int(status["start_ticks"]),
        keeper=process,
    )


def wait_ready(instance: Instance | None, probe: Callable[[], bool | str], timeout_s: float, *, url: str = "") -> float:
    """Call `probe` until it is True; return the seconds that took.

    `probe` answers True when the service is ready, else False or what it got instead; it may itself raise StartError.
    Without an `instance` (somebody else started it) `url` names the service in messages.

    Raises:
        StartError: the service exited.
        NeverReady: it was not ready within `timeout_s` seconds.
    """
    began = time.monotonic()
    name = f"`{instance.command}`" if instance else url
    pause = 0.01
    while True:
        if instance is not None and not instance.alive():
            code = instance.exit_code()
            if code != 0 or not instance.processes():  # one that put itself into the background may still come up
                raise StartError(_with_log(f"{name} exited at once with code {code}", instance))
        try:
            last = probe()
        except StartError as error:
            raise StartError(_with_log(str(error), instance)) from None
        waited = time.monotonic() - began
        if last is True:
            return waited
        if waited > timeout_s:
            message = f"{name} never became ready within {timeout_s:g} s; last answer: {last or 'none'}"
            raise NeverReady(_with_log(message, instance))
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def free_port(among: Sequence[int] = ()) -> int:
    """A TCP port that nothing listens on, on any address of this machine: the first `among` these, or a random one.

    Raises:
        StartError: none was found.
    """
    tried = among or random.SystemRandom().sample(_PORTS, 100)
    for port in tried:
        with socket.socket() as everywhere, contextlib.suppress(OSError):
            everywhere.bind(("", port))
            return port
    raise StartError(f"no free port: {len(tried)} were tried, the last was {tried[-1]}")


def words_of(command: str, values: Mapping[str, str]) -> list[str]:
    """A command as a list of words with its placeholders filled. Raises StartError: bad quoting, or one not known."""
    return [_filled(word, values) for word in _split(command)]


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise StartError(f"the command cannot be split into words ({error}): {command}") from None
    if not words:
        raise StartError("the command is empty")
    return words


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in values:
            known = ", ".join(f"{{{one}}}" for one in values)
            raise StartError(f"{{{name}}} in {text!r} is not a placeholder; there are {known}")
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)


def _started(process: subprocess.Popen[bytes], status_path: Path, words: Sequence[str]) -> dict[str, int]:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise StartError("the keeper has no pipes")
    with stdout:
        said = stdout.readline()
    if said:
        status = json.loads(status_path.read_text(encoding="utf-8"))
        if status["error"] is None:
            return dict(status)
        message = f"`{words[0]}` cannot be run: {status['error']} (the command is not given to a shell)"
    else:
        message = "the keeper process ended before it started the service"
    stdin.close()
    process.wait()
    raise StartError(message)


def _with_log(message: str, instance: Instance | None) -> str:
    if instance is None:
        return message
    tail = instance.log_tail(20)
    return f"{message}\n--- the end of its output:\n{tail}" if tail else f"{message}\n--- it wrote nothing"
