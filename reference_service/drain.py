"""Stopping without failing anyone: say "not ready", then take no more connections, then finish what is in flight."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
from types import FrameType
from typing import Any

from reference_service.model.readiness import Readiness
from reference_service.web.request_log import RequestLog

LOOK_SECONDS = 0.5


class Drain:
    """Stands between SIGTERM and the server's own handler of it, which closes idle connections at once.

    Args:
        seconds: how long to answer "not ready" before connections close.
    """

    def __init__(self, readiness: Readiness, log: RequestLog, seconds: float) -> None:
        self.readiness = readiness
        self.log = log
        self.seconds = seconds
        self.stop: Any = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take over SIGTERM, once the server has set its handler."""
        if threading.current_thread() is not threading.main_thread():
            return  # signals belong to the main thread; a server in another one is stopped by its owner
        self.stop = signal.getsignal(signal.SIGTERM)

        def begin(number: int, frame: FrameType | None) -> None:
            self.remove()  # a second SIGTERM does not wait
            loop.call_soon_threadsafe(self.begin, loop)

        signal.signal(signal.SIGTERM, begin)

    def remove(self) -> None:
        """Give SIGTERM back."""
        if self.stop is not None:
            signal.signal(signal.SIGTERM, self.stop)
            self.stop = None

    async def follow(self) -> None:
        """Stop when the supervisor has died: nobody else would, and a next one could not have the port for itself."""
        supervisor = multiprocessing.parent_process()
        while supervisor is not None:
            await asyncio.sleep(LOOK_SECONDS)
            if not supervisor.is_alive():
                self.log.event("supervisor-died")
                signal.raise_signal(signal.SIGTERM)
                return

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let whoever balances the load notice, then stop."""
        self.readiness.drain()
        self.log.event("draining", seconds=self.seconds)
        loop.call_later(self.seconds, signal.raise_signal, signal.SIGTERM)
