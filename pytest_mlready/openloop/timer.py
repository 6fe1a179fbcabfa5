"""Waiting until an absolute time, to microseconds, inside gevent's loop."""

from __future__ import annotations

import time
from typing import Any, Protocol

import gevent

from pytest_mlready.openloop.timerfd import TimerFd


class Timer(Protocol):
    """Puts the calling greenlet to sleep; times are `time.monotonic()`."""

    def sleep_until(self, when: float) -> None: ...

    def close(self) -> None: ...


def timer() -> Timer:
    """The finest timer that this system has."""
    try:
        return FineTimer()
    except (OSError, AttributeError):
        return LoopTimer()


class LoopTimer:
    """gevent's own timeouts, to a millisecond: for systems without timerfd."""

    def sleep_until(self, when: float) -> None:
        """Sleep until `when`; always lets other greenlets run."""
        gevent.sleep(max(0.0, when - time.monotonic()))

    def close(self) -> None:
        """Nothing to release."""


class FineTimer:
    """A timerfd in the loop's epoll set: libev rounds its own timeouts to whole milliseconds.

    Raises:
        OSError, AttributeError: the system has none.
    """

    def __init__(self) -> None:
        self._timer = TimerFd()
        self._hub = gevent.get_hub()
        self._sleeper: Any = None
        # Started once and for all: starting it for each sleep costs two system calls and most of the time.
        self._watcher = self._hub.loop.io(self._timer.fd, 1)
        self._watcher.start(self._wake)

    def sleep_until(self, when: float) -> None:
        """Sleep until `when`; always lets other greenlets run, also where `when` is past."""
        self._timer.arm(when)
        self._sleeper = gevent.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._sleeper = None

    def close(self) -> None:
        """Give the descriptor back."""
        self._watcher.stop()
        self._watcher.close()
        self._timer.close()

    def _wake(self) -> None:
        if self._sleeper is None:
            self._timer.disarm()
            return
        self._sleeper.switch()
