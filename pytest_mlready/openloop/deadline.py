"""Ends what a greenlet waits for at a time, at no cost for those that end before."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent


class Deadline:
    """One timer for many waits in turn.

    Most waits end long before their deadline. So the loop's timer is not taken back with each: when it rings it looks
    what is waited for now, and is set again for what is left of that.
    """

    def __init__(self, loop: Any, error: Callable[[], Exception]) -> None:
        self._loop = loop
        self._error = error
        self._timer: Any = None
        self._greenlet: Any = None
        self._when = 0.0

    def set(self, seconds: float) -> None:
        """Throw the error into the calling greenlet in so many seconds, unless `clear` comes before."""
        self._greenlet = gevent.getcurrent()
        self._when = time.monotonic() + seconds
        if self._timer is None:
            self._start(seconds)

    def clear(self) -> None:
        """What was waited for has come."""
        self._greenlet = None

    def _start(self, seconds: float) -> None:
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._ring)

    def _ring(self) -> None:
        self._timer.close()
        self._timer = None
        if self._greenlet is None:
            return
        left = self._when - time.monotonic()
        if left > 0:
            self._start(left)
        else:
            self._greenlet.throw(self._error())
