"""Starts work at its due times, whatever becomes of the work started before."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import gevent
from gevent import Greenlet

from pytest_mlready.openloop.timer import timer


class Closable(Protocol):
    """What can be given back."""

    def close(self) -> None: ...


Place = TypeVar("Place", bound=Closable)

_POLL_S = 0.002


class Executor(Generic[Place]):
    """A pool of greenlets, each with a `place` of its own (a connection), grown as needed up to `pool`.

    An arrival takes the place that was free most recently. Where all are taken it waits its turn, late, among at
    most `backlog` others; beyond that it is dropped.
    """

    def __init__(self, open_place: Callable[[], Place], pool: int, backlog: int) -> None:
        self.most_in_flight = 0
        self._open_place = open_place
        self._pool = pool
        self._most_waiting = backlog
        self._waiting: deque[int] = deque()
        self._idle: list[Greenlet] = []
        self._greenlets: list[Greenlet] = []
        self._in_flight = 0
        self._broken: Exception | None = None
        self._hub = gevent.get_hub()

    def run(
        self,
        due_s: Sequence[float],
        start: float,
        send: Callable[[Place, int], None],
        wait: Callable[[int], None],
        drop: Callable[[int], None],
        grace_s: float,
    ) -> None:
        """Call `send(place, index)` at each `start + due_s[index]` (`time.monotonic()`), then wait for the last.

        `wait(index)` hears of an arrival that found all places taken, `drop(index)` of one that is given up.
        `grace_s` after the last due time whatever still waits is dropped; `send` must end in bounded time by itself.

        Raises:
            Exception: whatever `send` raised.
        """
        self._send = send
        clock, fine, position, count = time.monotonic, timer(), 0, len(due_s)
        try:
            while position < count:
                elapsed = clock() - start
                while position < count and due_s[position] <= elapsed:
                    self._dispatch(position, wait, drop)
                    position += 1
                if self._broken is not None:
                    raise self._broken
                if position < count:
                    fine.sleep_until(start + due_s[position])
        finally:
            fine.close()
        self._drain(drop, clock() + grace_s)

    def close(self) -> None:
        """End all greenlets, and with them their places."""
        gevent.killall(self._greenlets)
        self._greenlets.clear()
        self._idle.clear()

    def _dispatch(self, index: int, wait: Callable[[int], None], drop: Callable[[int], None]) -> None:
        if self._idle:
            self._hub.loop.run_callback(self._idle.pop().switch, index)
        elif len(self._greenlets) < self._pool:
            self._greenlets.append(gevent.spawn(self._work, index))
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(index)
            wait(index)
            return
        else:
            drop(index)
            return
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)

    def _work(self, index: int) -> None:
        mine = gevent.getcurrent()
        with contextlib.closing(self._open_place()) as place:
            while True:
                try:
                    self._send(place, index)
                except Exception as error:
                    self._broken = error
                if self._waiting:
                    index = self._waiting.popleft()
                    continue
                self._in_flight -= 1
                self._idle.append(mine)
                index = self._hub.switch()

    def _drain(self, drop: Callable[[int], None], until: float) -> None:
        while self._in_flight:
            if self._broken is not None:
                raise self._broken
            if self._waiting and time.monotonic() > until:
                while self._waiting:
                    drop(self._waiting.popleft())
            gevent.sleep(_POLL_S)
        if self._broken is not None:
            raise self._broken
