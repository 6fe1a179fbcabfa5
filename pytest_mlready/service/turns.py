"""Turns on a target: traffic that would spoil another's measurement never overlaps it.

Kernel locks, one pair per target and user, so that they hold between workers and between runs, and a process that
dies gives its turn back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pytest_mlready.service.flock import LockTimeout, locked, private_directory

_SAME_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TurnTimeout(TimeoutError):
    """No turn within the time allowed; the message names who holds it and what to do."""


class TurnHeld(RuntimeError):
    """This thread holds a turn on the target already: taking another would wait for itself for ever."""


class Turns:
    """The turns on one target: any number of `shared` ones at a time, or one `exclusive`.

    A waiter holds the lock `gate` while it waits for `room`, so that newcomers queue behind it and a stream of
    shared turns cannot starve an exclusive one. Turns are per thread and not reentrant: taking a second one raises
    TurnHeld. Code that may run inside a shared turn and needs an exclusive one gives the former back for that time:
    `with turns.given_back(), turns.exclusive() as fd: …`. The order of locks is evidence (`once`), gate, room.

    Parameters:
        url: the target; its origin counts, not its path.
        timeout_s: seconds to wait for a turn.
    """

    def __init__(self, url: str, *, timeout_s: float = 900.0) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self._directory = private_directory(digest(url))
        self._held = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A turn that others may have at the same time. Raises TurnTimeout, TurnHeld."""
        with self._turn(exclusive=False):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[int]:
        """A turn alone; gives the descriptor of the lock.

        A child that inherits it (`pass_fds`) keeps the turn until it has ended, even if this process is killed.
        Raises TurnTimeout, TurnHeld.
        """
        with self._turn(exclusive=True) as fd:
            yield fd

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Give this thread's shared turn back for a while, if it has one, and take a new one after.

        Raises:
            TurnHeld: the turn is an exclusive one; what it protects would not be alone any more.
            TurnTimeout: no new turn could be had.
        """
        fd = self._fd
        if fd is None:
            yield
            return
        if self._held.exclusive:
            raise TurnHeld(f"an exclusive turn on {self.url} cannot be given back half-way")
        os.close(fd)
        self._held.fd = None
        try:
            yield
        finally:
            self._held.fd = self._acquire(exclusive=False)

    @property
    def _fd(self) -> int | None:
        return getattr(self._held, "fd", None)

    @contextmanager
    def _turn(self, *, exclusive: bool) -> Iterator[int]:
        if self._fd is not None:
            raise TurnHeld(f"this thread has a turn on {self.url} already: leave it, or use given_back(), first")
        fd = self._acquire(exclusive=exclusive)
        self._held.fd, self._held.exclusive = fd, exclusive
        try:
            yield fd
        finally:
            if self._fd is not None:  # closing, not unlocking: a child may still hold the turn
                os.close(self._fd)
            self._held.fd = None

    def _acquire(self, *, exclusive: bool) -> int:
        until = time.monotonic() + self.timeout_s
        try:
            gate = locked(self._directory / "gate", exclusive=True, timeout_s=self.timeout_s)
            try:
                left = max(0.0, until - time.monotonic())
                return locked(self._directory / "room", exclusive=exclusive, timeout_s=left)
            finally:
                os.close(gate)
        except LockTimeout as error:
            raise TurnTimeout(
                f"no {'exclusive' if exclusive else 'shared'} turn on {self.url} within {self.timeout_s:g} s: {error}. "
                "Another run is measuring the same target: wait for it or end it"
            ) from None

    @property
    def directory(self) -> Path:
        """Where the locks `gate` and `room` are."""
        return self._directory


def digest(url: str) -> str:
    """A name for a target: the same for every spelling of its origin."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = None
    with contextlib.suppress(ValueError):
        port = parts.port
    host = "127.0.0.1" if host in _SAME_MACHINE else host
    origin = f"{host}:{port or _DEFAULT_PORTS.get(parts.scheme, 0)}"
    return hashlib.sha256(origin.encode()).hexdigest()[:16]
