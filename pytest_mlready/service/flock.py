"""Kernel file locks with a deadline: a dead holder cannot keep one, and a timeout names the living one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import tempfile
import time
from pathlib import Path


class LockTimeout(TimeoutError):
    """The lock was not free before the deadline; the message names its holders."""


class UnsafeDirectory(PermissionError):
    """A directory for locks is not this user's own."""


def locked(path: Path, *, exclusive: bool, timeout_s: float) -> int:
    """Lock `path`, created if absent, and return the descriptor; closing it, and all copies of it, releases the lock.

    Never unlock through a copy that a child was given: the lock belongs to the open file, so that would end the
    child's hold as well. Close.

    Raises:
        LockTimeout: others held it for `timeout_s` seconds.
    """
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    until = time.monotonic() + timeout_s
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _wait(fd, kind, until)
            if _same_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # a cleaner removed the file meanwhile: this lock is on nothing that others see


def _wait(fd: int, kind: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise LockTimeout(f"held by {', '.join(holders(fd)) or 'a process that cannot be seen'}") from None
        time.sleep(random.uniform(0.002, 0.01))


def _same_file(fd: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(fd), path.stat())
    return False


def holders(fd: int) -> list[str]:
    """Who holds the lock on an open file, as "pid N (command)"."""
    found = set()
    inode = os.fstat(fd).st_ino
    for line in Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines():
        words = line.split()
        if "->" not in words and "FLOCK" in words and words[5].rsplit(":", 1)[-1] == str(inode):
            pid = int(words[4])
            name = "gone, but a child of it holds on"
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            found.add(f"pid {pid} ({name})")
    return sorted(found)


def private_directory(*names: str) -> Path:
    """A directory of this user's own below the temporary directory, made if absent.

    Raises:
        UnsafeDirectory: one of that name belongs to somebody else, or others may write to it, or it is a link.
    """
    path = Path(tempfile.gettempdir()) / f"pytest-mlready-{os.getuid()}"
    _claim(path)
    for name in names:
        path /= name
        _claim(path)
    return path


def _claim(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UnsafeDirectory(f"{path} must be a directory of your own with mode 0700: remove it")
