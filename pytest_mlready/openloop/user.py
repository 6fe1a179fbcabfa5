"""What a scenario file needs: a Locust user that sends on a schedule, and the requests to send."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from locust import User, constant, task

from pytest_mlready.openloop.options import DEFAULT_HOST
from pytest_mlready.openloop.plan import Kind, Plan, Request, Stage
from pytest_mlready.openloop.session import session_of

__all__ = ["Kind", "OpenLoopUser", "Request", "json_request"]


class OpenLoopUser(User):
    """One open-loop scenario. A subclass says what to send (`kinds`), and may say how fast (`stages`).

    There is one user a worker: arrivals come from the schedule, not from many users. The first class of requests is
    the one whose p99 is judged.
    """

    abstract = True
    fixed_count = 1
    wait_time = constant(0)

    stages: ClassVar[tuple[Stage, ...]] = ()
    """(requests a second, seconds), in turn; empty: `--rate` for `--duration`."""
    rows_file: ClassVar[Path | None] = None
    """Input rows where the command line names none."""

    def kinds(self) -> tuple[Kind, ...]:
        """The classes of requests and their shares."""
        raise NotImplementedError(f"{type(self).__name__} must define kinds()")

    def rows(self) -> list[list[float]]:
        """Rows of numbers from `--rows` or `rows_file`, without the header."""
        path = Path(self.environment.parsed_options.rows or self.rows_file or "")
        with path.open(newline="") as file:
            _header, *rows = csv.reader(file)
        return [[float(value) for value in row] for row in rows]

    def plan(self, share: tuple[int, int] = (0, 1)) -> Plan:
        """The whole run, or this process's share of it."""
        options: Any = self.environment.parsed_options
        return Plan(
            url=self.environment.host or self.host or DEFAULT_HOST,
            scenario=type(self).__name__.lower(),
            stages=self.stages or ((options.rate, options.duration),),
            classes=self.kinds(),
            output=options.result,
            arrivals=options.arrivals,
            seed=options.load_seed,
            timeout_s=options.request_timeout,
            pool=options.pool,
            share=share,
        )

    @task
    def scenario(self) -> None:
        """Called by Locust, once."""
        session_of(self.environment).perform(self)


def json_request(path: str, payload: Any, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """A POST of `payload` as JSON."""
    body = json.dumps(payload, separators=(",", ":")).encode()
    return Request("POST", path, (("Content-Type", "application/json"), *headers), body)
