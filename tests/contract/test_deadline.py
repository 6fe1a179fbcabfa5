"""The cheap time limit keeps the promises of `asyncio.timeout`, and those of `await`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from reference_service.web.deadline import within


async def sleeping(*seconds: float) -> str:
    """Wait some times, then give a value."""
    for each in seconds:
        await asyncio.sleep(each)
    return "slept"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


@pytest.mark.parametrize("seconds", [(), (0.0,), (0.001, 0.0, 0.001)])
def test_what_comes_in_time_is_given_and_nothing_is_cancelled_later(seconds: tuple[float, ...]) -> None:
    async def scenario() -> None:
        assert await within(0.03, sleeping(*seconds)) == "slept"
        await asyncio.sleep(0.05)

    run(scenario())


def test_what_takes_longer_is_cancelled() -> None:
    ended: list[str] = []

    async def waiting() -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await within(0.01, waiting())
        assert ended == ["cancelled"]
        assert await within(5, sleeping(0.0)) == "slept"  # the task itself goes on

    run(scenario())


def test_a_coroutine_may_refuse_to_be_cancelled() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "stayed"

    async def scenario() -> None:
        assert await within(0.01, stubborn()) == "stayed"
        await asyncio.sleep(0)

    run(scenario())


def test_being_cancelled_from_outside_is_no_timeout() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(within(5, sleeping(5)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())


def test_of_two_the_one_that_is_over_speaks() -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await within(0.01, within(5, sleeping(5)))
        async with asyncio.timeout(5):
            with pytest.raises(TimeoutError):
                await within(0.01, sleeping(5))
            await asyncio.sleep(0)

    run(scenario())


@pytest.mark.parametrize("first", [(), (0.0,)], ids=["at once", "after waiting"])
def test_errors_pass(first: tuple[float, ...]) -> None:
    async def failing() -> None:
        await sleeping(*first)
        raise KeyError

    async def scenario() -> None:
        with pytest.raises(KeyError):
            await within(5, failing())

    run(scenario())
