"""The cheap deadline keeps the promises of `asyncio.timeout`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from reference_service.deadline import Deadline


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()

    asyncio.run(whole())


def test_it_ends_what_takes_longer() -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError), Deadline(0.01):
            await asyncio.sleep(5)
        await asyncio.sleep(0)  # the task itself goes on

    run(scenario)


def test_what_is_done_in_time_is_never_cancelled_later() -> None:
    async def scenario() -> None:
        with Deadline(0.02):
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)

    run(scenario)


def test_being_cancelled_from_outside_is_no_timeout() -> None:
    async def scenario() -> None:
        async def waiting() -> None:
            with Deadline(5):
                await asyncio.sleep(5)

        task = asyncio.create_task(waiting())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario)


def test_of_two_the_one_that_is_over_speaks() -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError), Deadline(0.01), Deadline(5):
            await asyncio.sleep(5)
        with Deadline(5):
            with pytest.raises(TimeoutError), Deadline(0.01):
                await asyncio.sleep(5)
            await asyncio.sleep(0)

    run(scenario)


def test_other_errors_pass() -> None:
    async def scenario() -> None:
        with pytest.raises(KeyError), Deadline(5):
            raise KeyError

    run(scenario)


def test_it_needs_a_task() -> None:
    with pytest.raises(RuntimeError), Deadline(1):
        pass
