"""Runs of defects that import nothing: pytest, and the service that it starts, are forks of one that imported it all.

Imports are two thirds of what a short run costs. Each run is a fork of a fork server; before pytest begins in it, it
forks a nursery, a process of one thread, which forks the keepers for it: whoever has threads never forks. A keeper
forks its service, which forks its workers instead of spawning them. A run is made a subreaper, so that the keepers are
its own children as they otherwise are.

What a fork cannot be: a service whose fault is Python's salted hash. Everything else is as in
`python -m pytest --mlready`: commands, process groups, signals, files, environment.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import inspect
import itertools
import json
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import patch

import prometheus_client
import pytest
import uvicorn.supervisors

from pytest_mlready.service import keeper, launch
from tests.defects.planting import Defect

SALTED = frozenset({"the_hash_of_python_is_salted_in_each_process"})
"""Forks of one interpreter have the same salt, and its fault is that processes have not."""
_ABOVE_ALL = 500
_LONGEST_REQUEST = 1 << 20
_CHILD = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_SERVED = ("tests.defects", "reference_service")


def forks(defect: Defect | None) -> bool:
    """Whether a fork of an interpreter that has begun is as good as a new one."""
    return defect is None or defect.name not in SALTED


def execute(arguments: Sequence[str], directory: Path, environment: Mapping[str, str], timeout_s: float) -> int:
    """Run pytest in a directory; what it prints goes to `output` there, what it complains of to `errors`.

    Raises:
        TimeoutError: it did not end, and was killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.defects.preloaded"])
    run = context.Process(target=_run, args=(tuple(arguments), directory, dict(environment)))
    run.start()
    run.join(timeout_s)
    if run.exitcode is None:
        run.kill()
        run.join()
        raise TimeoutError(f"the run in {directory} did not end within {timeout_s:g} s")
    return run.exitcode


def _run(arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> NoReturn:
    _become(directory, environment)
    for name, number in (("output", 1), ("errors", 2)):
        with (directory / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    sys.path.insert(0, str(directory))
    keeper.prctl(keeper.PR_SET_CHILD_SUBREAPER, 1)
    patch.object(launch, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": _nursery()})).start()
    sys.exit(pytest.main(list(arguments)))


def _nursery() -> type[subprocess.Popen[bytes]]:
    """Fork it; what starts a process through it takes the place of `subprocess.Popen`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _leave(_nurse, theirs)
    theirs.close()
    asking = threading.Lock()

    class Forked(subprocess.Popen[bytes]):
        def _execute_child(self, *arguments: Any) -> None:
            given = _CHILD.bind(self, *arguments).arguments
            fds = {0: given["p2cread"], 1: given["c2pwrite"], **{fd: fd for fd in given["pass_fds"]}}
            asked = {"command": given["args"], "cwd": str(given["cwd"]), "env": given["env"], "fds": [*fds]}
            with asking:
                socket.send_fds(ours, [json.dumps(asked).encode()], [*fds.values()])
                self.pid = int(ours.recv(64))
            self._child_created = True
            self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]

    return Forked


def _nurse(requests: socket.socket) -> int:
    """Fork a keeper for each request, until the run has ended."""
    run = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        data, fds, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 64)
        if not data:
            return 0
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child == 0:
                _leave(_keep, json.loads(data), fds, run)
            requests.send(str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)
        for fd in fds:
            os.close(fd)


def _keep(asked: Mapping[str, Any], fds: Sequence[int], run: int) -> int:
    """Be the keeper, once the run is the parent."""
    while os.getppid() != run:
        time.sleep(0.001)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_ALL) for fd in fds]
    _close_all_but(high)
    for fd, number in zip(high, asked["fds"], strict=True):
        os.dup2(fd, number)
        os.close(fd)
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    _become(Path(asked["cwd"]), asked["env"])
    patch.object(keeper, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": _served})).start()
    _, _, _, *arguments = asked["command"]
    return keeper.main(arguments)


def _served(command: list[str], *, stdout: Any, pass_fds: Sequence[int], **others: Any) -> Any:
    """A fork that runs the module of the command, if it is one of ours; any other program as usual."""
    if command[:2] != [sys.executable, "-m"] or command[2] not in _SERVED:
        return subprocess.Popen(command, stdout=stdout, pass_fds=pass_fds, **others)
    pid = os.fork()
    if pid == 0:
        _leave(_serve, command, stdout.fileno(), pass_fds, others["preexec_fn"])
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return SimpleNamespace(pid=pid, returncode=None)


def _serve(command: Sequence[str], log: int, pass_fds: Sequence[int], prepare: Callable[[], None]) -> int:
    """Be the service: what `Popen` and a new interpreter would do, and then the module."""
    os.setpgid(0, 0)
    prepare()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _close_all_but(pass_fds)
    patch.object(uvicorn._subprocess, "spawn", SimpleNamespace(Process=_Worker)).start()
    sys.argv = ["", *command[3:]]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    return 0


class _Worker(ForkProcess):
    """A worker of a service: what a new interpreter would have found out when it began."""

    def run(self) -> None:
        for number in uvicorn.supervisors.multiprocess.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        prometheus_client.values.ValueClass = prometheus_client.values.get_value_class()  # type: ignore[no-untyped-call]
        super().run()


def _become(directory: Path, environment: Mapping[str, str]) -> None:
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)


def _leave(main: Callable[..., int], *arguments: Any) -> NoReturn:
    """Do this in a fork, and end as an interpreter does, but for what was to be done at the end of its parent."""
    code = 1
    try:
        atexit._clear()
        patch.object(multiprocessing.process, "_parent_process", None).start()
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        code = main(*arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        os._exit(code)


def _close_all_but(kept: Sequence[int]) -> None:
    """Close what is open, but for the standard files and these."""
    for first, last in itertools.pairwise([2, *sorted(kept), 4096]):
        if last - first > 1:
            os.closerange(first + 1, last)
