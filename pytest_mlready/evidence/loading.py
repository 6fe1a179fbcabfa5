"""What all gatherers that drive load share: whom they drive, with what, in a process of its own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.process import LoadError, run

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.records import LoadRun, Row
    from pytest_mlready.service.target import Target
    from pytest_mlready.settings import Latency

TIMEOUT_S = 5.0
MOST_CONNECTIONS = 2_000
MOST_ROWS = 1_000


def scheduled(context: Context) -> Mapping[str, Any]:
    """Whom is asked, the rate and the kind of arrivals, for `made_with`; limits may change and leave the evidence."""
    latency = context.settings.latency
    return {**asked_of(context), "rate": latency and latency.rate, "arrivals": latency and latency.arrivals}


def objective(context: Context) -> Latency:
    """The table that says how to drive the service. Raises GatherError without one."""
    if context.settings.latency is None:
        raise GatherError("no [latency] table says at which rate to drive the service")
    return context.settings.latency


def pool_for(rate: float) -> int:
    """Connections so many that a slow service cannot make us late: no more arrive before the deadline of the first."""
    return min(MOST_CONNECTIONS, math.ceil(1.2 * rate * TIMEOUT_S) + 32)


def driven(plan: Plan, on_progress: Callable[[dict[str, Any]], None] | None, *turn_fds: int | None) -> LoadRun:
    """Run a plan in a process of its own, which holds our turns as long as it lives. Raises GatherError."""
    with told():
        return run(plan, on_progress=on_progress, pass_fds=held(*turn_fds))


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Raises GatherError for what the load process says went wrong."""
    try:
        yield
    except LoadError as error:
        raise GatherError(str(error)) from None


def held(*turn_fds: int | None) -> tuple[int, ...]:
    """The files that hold our turns, for the load process to hold them, too."""
    return tuple(one for one in turn_fds if one is not None)


def predicts(target: Target, rows: Sequence[Row]) -> Kind:
    """The class of requests that asks for one sample row each."""
    mapping = target.mapping
    bodies = [mapping.encode_row(row) for row in rows[:MOST_ROWS]]
    return Kind("predict", 1.0, requests(target, mapping.predict_path, bodies))


def requests(target: Target, path: str, bodies: Sequence[bytes]) -> tuple[Request, ...]:
    """Prepared requests of these predict bodies, to a route of the target."""
    with target.transport() as transport:
        whole = transport.prefix + path
    headers = (*target.mapping.request_headers, *target.headers)
    return tuple(Request("POST", whole, headers, body) for body in bodies)
