"""Time limits for the hot path. `asyncio.timeout` sets a timer also for what is there already: nearly everything."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives; only one that has to wait sets a timer.

    Raises:
        TimeoutError: it did not give it in time, and was cancelled.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as done:
        given: T = done.value
        return given
    async with asyncio.timeout(seconds):
        return await _rest(coroutine, awaited)


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Await a coroutine that is waiting already: pass on what comes from the event loop, as `yield from` does."""
    while True:
        try:
            resume = partial(coroutine.send, (yield awaited))
        except BaseException as error:
            resume = partial(coroutine.throw, error)
        try:
            awaited = resume()
        except StopIteration as done:
            given: T = done.value
            return given
