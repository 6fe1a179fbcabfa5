"""One running service: how much it uses, what it logged, whether it lives, and its certain end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_mlready.records import Use
from pytest_mlready.service.keeper import descendants, start_ticks, stat_fields
from pytest_mlready.service.scrub import redact, scrub

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOG_READ = 256 * 1024
_KEEPER_EFFORT_S = 12.0
_FREEZE_S = 2.0
_STILL = (["T"], ["t"], ["Z"], ["X"])


class NotOwner(RuntimeError):
    """This process did not start the instance, so it may look at it only."""


@dataclass(frozen=True)
class Instance:
    """A service process under a keeper.

    `pid` is the service's main process, `keeper_pid` its parent; `state_dir` is the directory it was given for
    `{state}`. Made by `start`, or by `from_description` as a view in another process.
    """

    url: str
    port: int
    command: str
    state_dir: Path
    log_path: Path
    status_path: Path
    pid: int
    keeper_pid: int
    start_ticks: int
    keeper: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def owned(self) -> bool:
        """Whether this process may signal and stop it."""
        return self.keeper is not None

    def alive(self) -> bool:
        """Whether the main process runs; a zombie does not."""
        fields = stat_fields(self.pid)
        return bool(fields) and fields[0] not in "ZX" and start_ticks(self.pid) == self.start_ticks

    def exit_code(self) -> int | None:
        """The main process's exit status, negative for a signal; None while it runs, or if nobody saw it end."""
        deadline = time.monotonic() + 1.0
        while not self.alive():
            code = _read_status(self.status_path).get("exit")
            if isinstance(code, int) or time.monotonic() > deadline:
                return code if isinstance(code, int) else None
            time.sleep(0.005)  # it is gone and its keeper is about to say how
        return None

    def processes(self) -> list[int]:
        """The pids of all its living processes, those that left the process group included."""
        return descendants(self.keeper_pid)

    def log_tail(self, n_lines: int = 20) -> str:
        """The last lines of its output, fit to print."""
        return redact(scrub("\n".join(self.log_end(_LOG_READ).splitlines()[-n_lines:])))

    def log_end(self, most: int = _LOG_READ) -> str:
        """The last `most` bytes of its output, as they are."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - most))
                return log.read(most).decode("utf-8", "replace")
        except OSError:
            return ""

    def signal(self, number: int) -> None:
        """Send a signal to the main process only, as an orchestrator would; nothing happens if it is gone.

        Raises:
            NotOwner: another process started it.
        """
        self._check_owner("signal")
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, grace_s: float = 5.0) -> None:
        """End every process of it: SIGTERM, `grace_s` seconds, SIGKILL. Does nothing the second time.

        Raises:
            NotOwner: another process started it.
        """
        self._check_owner("stop")
        if self.keeper is None or self.keeper.stdin is None or self.keeper.stdin.closed:
            return
        with contextlib.suppress(OSError):
            self.keeper.stdin.write(f"stop {grace_s}\n".encode())
        with contextlib.suppress(OSError):
            self.keeper.stdin.close()
        try:
            self.keeper.wait(grace_s + _KEEPER_EFFORT_S)
        except subprocess.TimeoutExpired:
            for pid in [*self.processes(), self.keeper_pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.keeper.wait()
        if self.keeper.returncode != 0:  # it was killed itself: what it left behind is still one process group
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def leave(self) -> None:
        """As `stop`, in the background: how long it takes to end is nobody's business. This process ends after it."""
        self._check_owner("stop")
        threading.Thread(target=self.stop, name=f"end of {self.pid}").start()

    def kill(self) -> None:
        """SIGKILL to every process of it at once, as if the machine had lost its power; `stop` cleans up after it.

        Raises:
            NotOwner: another process started it.
        """
        self._check_owner("kill")
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for pid in self.processes():  # those that left the group
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let every process of it stand still; those that were stopped before go on afterwards, too.

        Raises:
            NotOwner: another process started it.
            TimeoutError: one of them would not stand still.
        """
        self._check_owner("stop")
        pids: list[int] = []
        deadline = time.monotonic() + _FREEZE_S
        try:
            while born := set(self.processes()) - set(pids):  # until nobody is left who could start another
                pids += born
                for pid in born:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGSTOP)
                while any(stat_fields(pid)[:1] not in ([], *_STILL) for pid in born):
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"a process of {self.pid} does not stand still")
                    time.sleep(0.0002)
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def kill_part(self, pids: Iterable[int]) -> bool:
        """SIGKILL to some of its processes and all below them; False, and nothing happens, if its main one is there.

        Raises:
            NotOwner: another process started it.
        """
        self._check_owner("kill")
        ours = set(self.processes())
        doomed = {below for pid in pids for below in (pid, *descendants(pid))} & ours
        if not doomed or self.pid in doomed:
            return False
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return True

    def rss_bytes(self) -> int:
        """Resident memory of all its processes, in bytes; a page they share counts for each."""
        return _resident(self.processes())

    def use(self, pids: Sequence[int], at_s: float) -> Use:
        """What `pids`, its processes as they were a moment ago, use now: to look for them anew takes milliseconds."""
        return Use(at_s, self.cpu_s(pids), _resident(pids), sum(map(_open_files, pids)))

    def cpu_s(self, pids: Sequence[int]) -> float:
        """User and system time of `pids`, its processes as they were a moment ago, and of ended ones, in seconds."""
        keeper = stat_fields(self.keeper_pid)
        ticks = sum(int(field) for field in keeper[13:15])  # of children that it has reaped
        for pid in pids:
            ticks += sum(int(field) for field in stat_fields(pid)[11:15])
        return ticks / _TICKS

    def describe(self) -> dict[str, Any]:
        """As JSON-plain values, for a view in another process."""
        return {
            "url": self.url,
            "port": self.port,
            "command": self.command,
            "state_dir": str(self.state_dir),
            "log_path": str(self.log_path),
            "status_path": str(self.status_path),
            "pid": self.pid,
            "keeper_pid": self.keeper_pid,
            "start_ticks": self.start_ticks,
        }

    @classmethod
    def from_description(cls, plain: Mapping[str, Any]) -> Instance:
        """The reverse of `describe`: a view that may look, not touch."""
        paths = {name: Path(plain[name]) for name in ("state_dir", "log_path", "status_path")}
        return cls(**{**plain, **paths})

    def _check_owner(self, what: str) -> None:
        if not self.owned:
            raise NotOwner(f"another process started {self.url} (pid {self.pid}): this one may not {what} it")


def _resident(pids: Sequence[int]) -> int:
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE


def _open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _read_status(path: Path) -> dict[str, Any]:
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


__all__ = ["Instance", "NotOwner"]
