"""Waiting for a service that limits the rate of our requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pytest_mlready.records import Exchange


class RateLimited:
    """Asks again what was refused as one too many, when the service says so; waits for so many seconds in all.

    A service that refuses once more when it was left alone for as long as it wanted is waited for no longer. Threads
    may share it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = self._left = seconds
        self._in_vain = False
        self._lock = threading.Lock()

    def renewed(self) -> RateLimited:
        """With all of its seconds again, unless one of them was spent in vain."""
        return self if self._in_vain else RateLimited(self._seconds)

    def patiently(self, ask: Callable[[], Exchange]) -> Exchange:
        """The exchange; the second one, where the first was refused as one too many."""
        exchange = ask()
        wait = exchange.retry_after_s
        if wait is None or not self._granted(wait):
            return exchange
        time.sleep(wait)
        exchange = ask()
        self._in_vain |= exchange.retry_after_s is not None
        return exchange

    def _granted(self, seconds: float) -> bool:
        with self._lock:
            granted = not self._in_vain and seconds <= self._left
            self._left -= seconds if granted else 0.0
        return granted
