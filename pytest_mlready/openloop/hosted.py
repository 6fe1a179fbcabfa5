"""One run hosted by Locust inside this process: its statistics, its events, its way to end."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any, TypeVar

from locust import User, constant, task
from locust.env import Environment

from pytest_mlready.openloop.drive import Report
from pytest_mlready.openloop.plan import Request

Result = TypeVar("Result")


def hosted(pool: int, work: Callable[[Report], Result]) -> Result:
    """Do `work`, which sends over up to `pool` connections, as the single user of a local Locust runner.

    Raises:
        RuntimeError: the user ended without a result; the message has its exception.
    """
    _allow_files(pool)
    results: list[Result] = []

    class Planned(User):
        fixed_count = 1
        wait_time = constant(0)

        @task
        def send(self) -> None:
            try:
                results.append(work(reporter(self.environment)))
            finally:
                self.environment.runner.quit()

    environment = Environment(user_classes=[Planned], catch_exceptions=True)
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=1)
    runner.greenlet.join()
    if not results:
        problems = [one["msg"] for one in runner.exceptions.values()]
        raise RuntimeError("; ".join(problems) or "the load ended without a result")
    return results[0]


def _allow_files(connections: int) -> None:
    """Raise the process's own limit of open files, which is often 1024, as far as it may go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def reporter(environment: Any) -> Report:
    """Feeds Locust's own statistics and whoever listens to its request event."""

    def report(request: Request, name: str, seconds: float, size: int, problem: Exception | None) -> None:
        environment.events.request.fire(
            request_type=request.method,
            name=name,
            response_time=seconds * 1000,
            response_length=size,
            exception=problem,
            context={},
        )

    return report
