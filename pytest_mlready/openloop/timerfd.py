"""Linux timerfd (timerfd_create(2)): a file descriptor that becomes readable at an absolute time, to microseconds.

Event loops round their own timeouts to whole milliseconds; whatever watches a descriptor wakes for this one at once.
"""

from __future__ import annotations

import ctypes
import os
import time

_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerFd:
    """One timer on the clock of `time.monotonic()`.

    Raises:
        OSError, AttributeError: the system has none.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self.fd: int = libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _TimerSpec()
        self._reference = ctypes.byref(self._spec)

    def arm(self, when: float) -> None:
        """Become readable at `when`, or at once where that is past; until then, no longer be so."""
        self._set(max(1, int(when * 1e9)))

    def disarm(self) -> None:
        """No longer be readable, nor become so."""
        self._set(0)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def _set(self, nanoseconds: int) -> None:
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if self._settime(self.fd, _TFD_TIMER_ABSTIME, self._reference, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
