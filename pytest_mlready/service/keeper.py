"""The keeper: a small process that parents one service and outlives whoever started it only long enough to end it.

`python keeper.py STATUS_FILE LOG_FILE GRACE_S FDS COMMAND…`, standard library only. Its standard input is a pipe whose
other end the spawner holds: at its end of file, however the spawner died, or on SIGTERM, the service's process group
gets SIGTERM, and after the grace period everything it ever started gets SIGKILL. As a child subreaper the keeper is
the parent of daemonised grandchildren too, so none escapes.

The line `stop SECONDS` on standard input sets the grace period. The status file holds JSON: `keeper` and `pid`,
`start_ticks` (the service's start time, against reuse of its pid), `exit` (its exit status, negative for a signal, or
null), `error` (why it could not be started). One line on standard output says that the file is there.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_LAST_EFFORT_S = 10.0


class Keeper:
    """Starts the service, waits, reaps, ends it."""

    def __init__(self, status_file: Path, log_file: Path, grace_s: float, fds: tuple[int, ...]) -> None:
        self.status_file, self.log_file, self.grace_s, self.fds = status_file, log_file, grace_s, fds
        self.status: dict[str, object] = {"keeper": os.getpid(), "pid": None, "exit": None, "error": None}
        self.pid = 0
        self.spawner = os.getppid()
        self.told_to_stop = False
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def run(self, command: list[str]) -> int:
        """Keep `command` until told to stop or nothing of it is left."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        started = self._start(command)
        self._publish()
        with contextlib.suppress(OSError):
            os.write(1, b"started\n")
        os.close(1)
        if not started:
            return 1
        while self._reap() and not self.told_to_stop:
            self._listen()
        self._end()
        return 0

    def _start(self, command: list[str]) -> bool:
        try:
            with self.log_file.open("ab") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=self.fds,
                    process_group=0,
                    preexec_fn=_end_with_keeper,
                )
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            self.status["error"] = str(error)
            return False
        for fd in self.fds:
            os.close(fd)
        self.pid = process.pid
        process.returncode = 0  # it is reaped below, with everybody else
        self.status.update(pid=self.pid, start_ticks=start_ticks(self.pid))
        return True

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _listen(self) -> None:
        # The spawner's death ends the pipe; its pid is looked at too, for a fork of it may hold the other end open.
        readable, _, _ = select.select([0, self._wake_read], [], [], 1.0)
        if self._wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if os.getppid() != self.spawner:
            self.told_to_stop = True
        if 0 in readable:
            words = os.read(0, 4096).split()
            if len(words) == 2 and words[0] == b"stop":
                self.grace_s = float(words[1])
            self.told_to_stop = True

    def _reap(self) -> bool:
        """Collect whoever ended; False when no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.status["exit"] = os.waitstatus_to_exitcode(status)
                self._publish()

    def _end(self) -> None:
        """SIGTERM, grace, SIGKILL: to the group, and to whoever left it."""
        began = time.monotonic()
        self._signal_all(signal.SIGTERM)
        while self._reap():
            waited = time.monotonic() - began
            if waited > self.grace_s:
                self._signal_all(signal.SIGKILL)
            if waited > self.grace_s + _LAST_EFFORT_S:
                return
            time.sleep(0.01)

    def _signal_all(self, number: int) -> None:
        # The group's members get it through the group, for a new one may appear between looking and signalling.
        with contextlib.suppress(OSError):
            os.killpg(self.pid, number)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                if os.getpgid(pid) != self.pid:
                    os.kill(pid, number)

    def _publish(self) -> None:
        draft = self.status_file.with_name(self.status_file.name + ".draft")
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(self.status), encoding="utf-8")
            draft.replace(self.status_file)


def descendants(ancestor: int) -> list[int]:
    """The pids of all living children of a process, their children and so on; without itself and without zombies."""
    children: dict[int, list[int]] = {}
    ended = set()
    for entry in os.listdir("/proc"):
        fields = stat_fields(int(entry)) if entry.isdigit() else []
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
            if fields[0] in "ZX":
                ended.add(int(entry))
    found: list[int] = []
    queue = [ancestor]
    while queue:
        below = children.get(queue.pop(), [])
        queue += below
        found += below
    return [pid for pid in found if pid not in ended]


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat from the state field on (state, parent, …); empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as stat:  # of every process, again and again
            content = stat.read()
    except OSError:
        return []
    return content.rpartition(b")")[2].decode("ascii", "replace").split()


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 if there is none."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def prctl(option: int, value: int) -> None:
    """Linux's prctl(2) for this process."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _end_with_keeper() -> None:
    # Should the keeper itself be killed, its service goes with it.
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """The command line; see the module's docstring."""
    status_file, log_file, grace_s, fds, *command = arguments
    keeper = Keeper(Path(status_file), Path(log_file), float(grace_s), tuple(int(fd) for fd in fds.split(",") if fd))
    return keeper.run(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
