"""How often one client may ask: the generic cell rate algorithm, over all workers of an instance.

The algorithm is the virtual scheduling of ITU-T I.371 (Annex A): of each client only one number is kept, the time at
which its next request would arrive if it kept exactly to the rate. A request that comes earlier than that by more than
the burst allows is refused, and changes nothing.

The numbers lie in one file of fixed size that the workers share as memory. What that costs in truth:

- Two workers that look at the same client within the same microsecond may both let a request in and count it once.
- Clients whose names meet in one of the 65,536 places share a rate. Where a name lies depends on a key that only this
  instance knows, so nobody can choose a name to take another's place; n others meet a given client with a chance of
  n in 65,536.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from reference_service import durable
from reference_service.web.problems import Problem

PLACES = 1 << 16
EXEMPT = frozenset({"/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/metrics"})
"""Paths that are asked by who looks after the service, and more so when it is busy."""
_SLACK = 0.01  # of the time between two requests, so that rounding never costs a burst its last one
_KEY_BYTES = 32
_HEAD_BYTES = mmap.PAGESIZE  # the key; then the places begin, each where a machine word may lie
_SIZE = _HEAD_BYTES + 8 * PLACES


class RateLimit:
    """Lets each client in at a rate, and a burst of requests at once.

    Args:
        rate: requests a second; 0 for no limit.
        burst: how many may come at once after a pause.
        directory: where the workers of the instance share what they count.
        clock: seconds that only grow, the same in all processes.
    """

    def __init__(self, rate: float, burst: int, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.enabled = rate > 0
        self.interval = 1 / rate if self.enabled else 0.0
        self.tolerance = (burst - 1 + _SLACK) * self.interval
        self.directory = directory
        self.clock = clock
        self.due: memoryview[float] | None = None
        self.place = lru_cache(4096)(self.hashed)
        self.key = b""

    def start(self) -> None:
        """Join what the workers share; who comes first makes it."""
        if not self.enabled or self.due is not None:
            return
        with durable.exclusive(self.directory / ".rates.lock"):
            handle = os.open(self.directory / "rates", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(handle).st_size != _SIZE:
                    os.ftruncate(handle, 0)
                    os.ftruncate(handle, _SIZE)
                    os.pwrite(handle, secrets.token_bytes(_KEY_BYTES), 0)
                shared = memoryview(mmap.mmap(handle, _SIZE))
            finally:
                os.close(handle)
        self.key = bytes(shared[:_KEY_BYTES])
        self.due = shared[_HEAD_BYTES:].cast("d")

    def wait(self, client: str) -> float:
        """Count a request of a client and return 0, or return how many seconds too early it is."""
        if self.due is None:
            return 0.0
        place, now = self.place(client), self.clock()
        due = self.due[place]
        # Later than the last request can have left it: from before the machine started anew, or a file gone bad.
        if not now < due <= now + self.tolerance + self.interval:
            due = now
        early = due - self.tolerance - now
        if early > 0:
            return early
        self.due[place] = due + self.interval
        return 0.0

    def hashed(self, client: str) -> int:
        """The place of a client."""
        digest = hashlib.blake2b(client.encode("utf-8", "surrogateescape"), digest_size=8, key=self.key)
        return int.from_bytes(digest.digest()) % PLACES


def too_many(wait: float) -> Problem:
    """The refusal of a request that came too early by this many seconds."""
    detail = "This client asks more often than it may; see Retry-After."
    return Problem(429, "rate-limited", detail, headers={"Retry-After": str(math.ceil(wait))})
