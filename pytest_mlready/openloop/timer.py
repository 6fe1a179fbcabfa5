"""Waiting until an absolute time, to microseconds, inside gevent's loop.

libev rounds timeouts to whole milliseconds; a timerfd is a file descriptor that becomes readable at its time, so the
loop's epoll wakes for it at once.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any, Protocol

import gevent

_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Timer(Protocol):
    """Puts the calling greenlet to sleep; times are `time.monotonic()`."""

    def sleep_until(self, when: float) -> None: ...

    def close(self) -> None: ...


def timer() -> Timer:
    """The finest timer that this system has."""
    try:
        return TimerFd()
    except (OSError, AttributeError):
        return LoopTimer()


class LoopTimer:
    """gevent's own timeouts, to a millisecond: for systems without timerfd."""

    def sleep_until(self, when: float) -> None:
        """Sleep until `when`; always lets other greenlets run."""
        gevent.sleep(max(0.0, when - time.monotonic()))

    def close(self) -> None:
        """Nothing to release."""


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerFd:
    """Linux timerfd on CLOCK_MONOTONIC (timerfd_create(2)), armed with absolute times.

    Raises:
        OSError, AttributeError: the system has none.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._fd = libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _TimerSpec()
        self._reference = ctypes.byref(self._spec)
        self._hub = gevent.get_hub()
        self._sleeper: Any = None
        # Started once and for all: starting it for each sleep costs two system calls and most of the time.
        self._watcher = self._hub.loop.io(self._fd, 1)
        self._watcher.start(self._wake)

    def sleep_until(self, when: float) -> None:
        """Sleep until `when`; always lets other greenlets run, also where `when` is past."""
        self._arm(max(1, int(when * 1e9)))
        self._sleeper = gevent.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._sleeper = None

    def close(self) -> None:
        """Give the descriptor back."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)

    def _wake(self) -> None:
        if self._sleeper is None:
            self._arm(0)
            return
        self._sleeper.switch()

    def _arm(self, nanoseconds: int) -> None:
        """Arming also takes back that the descriptor is readable; 0 disarms."""
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if self._settime(self._fd, _TFD_TIMER_ABSTIME, self._reference, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
