"""`asyncio.timeout` for the hot path: the same promise at half the price, which is as much as the whole validation."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """Cancels what is awaited in the block when the seconds are over, and then raises TimeoutError out of it."""

    __slots__ = ("cancelling", "over", "seconds", "task", "timer")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to cancel")
        self.task = task
        self.cancelling = task.cancelling()
        self.over = False
        self.timer = asyncio.get_running_loop().call_later(self.seconds, self.cancel)

    def cancel(self) -> None:
        """The seconds are over."""
        self.over = True
        self.task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.timer.cancel()
        if self.over and self.task.uncancel() <= self.cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
