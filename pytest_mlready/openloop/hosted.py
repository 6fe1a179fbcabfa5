"""One plan run by Locust inside this process: its statistics, its events, its way to end."""

from __future__ import annotations

import resource
from typing import Any

from locust import User, constant, task
from locust.env import Environment

from pytest_mlready.openloop.drive import Progress, Report, drive
from pytest_mlready.openloop.plan import Plan, Request
from pytest_mlready.records import LoadRun


def hosted(plan: Plan, progress: Progress | None = None) -> LoadRun:
    """Run `plan` as the single user of a local Locust runner.

    Raises:
        RuntimeError: the user ended without a result; the message has its exception.
    """
    _allow_files(plan.pool * len(plan.urls))
    results: list[LoadRun] = []

    class Planned(User):
        fixed_count = 1
        wait_time = constant(0)

        @task
        def send(self) -> None:
            try:
                results.append(drive(plan, reporter(self.environment), progress))
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
