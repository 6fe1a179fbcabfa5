"""Evidence `replicas`: who answers behind one address; then one of them is killed, and what becomes of requests.

Each request has a connection of its own, for balancers of connections and of requests alike; several are under way at a
time, for balancers that look for who has the fewest. What was started by a command plays on an instance of its own, and
only there one is killed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pytest_mlready.evidence.asking import asked_of, clean, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.json_mapping import BadAnswer, found
from pytest_mlready.records import Exchange, Replicas
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.target import StartError, Target
from pytest_mlready.service.workers import listeners
from pytest_mlready.settings import Replicas as Table

EACH = 100
"""Requests for each replica: twice and half its even share are then told apart from it."""
LONGEST_S = 5.0
AT_ONCE = 8
"""So many under way, or twice as many as there are replicas."""
PACE_S = 0.02
"""Between requests once one has died: less than the others can take, for it is not they who are judged."""
WATCHED_S = 4.0
"""How long that goes on when the dead one should be left out."""
DEADLINE_S = 5.0
MAX_NAME = 200


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is started, and how answers tell who gave them."""
    latency = context.settings.latency
    table = latency and latency.replicas
    kept = ("count", "header", "path", "field", "ejected_s", "command")
    return {**asked_of(context), "replicas": table and {name: getattr(table, name) for name in kept}}


def gather(context: Context) -> Replicas:
    """Wait until all have been seen, count who answers, kill who answered most, and go on asking."""
    table = _declared(context)
    with _behind(context, table) as target:
        crowd = _Crowd(replace(context, target=target), table)
        crowd.meet(time.monotonic() + context.settings.service.ready_timeout_s)
        told, failures = crowd.count()
        names, instance = tuple(crowd.names), target.instance
        if not names:
            return Replicas(names, told, failures, problem="no answer said who gave it")
        if "kill" not in context.settings.allow or instance is None or not instance.owned:
            return Replicas(names, told, failures, problem="it was not released for that, or not started by us")
        victim = names[Counter(one for one in told if one >= 0).most_common(1)[0][0]]
        if not instance.kill_part(_processes(instance, victim)):
            problem = f"no process of the service is known by the name {victim!r}: let it be a process id or host:port"
            return Replicas(names, told, failures, problem=problem)
        after, back_s = crowd.watch(victim)
    return Replicas(names, told, failures, victim, after=after, back_s=back_s)


@contextmanager
def _behind(context: Context, table: Table) -> Iterator[Target]:
    """A fresh balancer with its replicas, or the URL as it is. Raises GatherError."""
    if context.target.recipe is None:
        yield context.target
        return
    try:
        with context.target.started_by(table.command).fresh() as fresh:
            yield fresh
    except StartError as error:
        raise GatherError(f"latency.replicas.command: {error}") from None


def _declared(context: Context) -> Table:
    latency = context.settings.latency
    if latency is None or latency.replicas is None:
        raise GatherError("no [latency.replicas] are declared")
    return latency.replicas


def _processes(instance: Instance, name: str) -> frozenset[int]:
    """Those that go by a name: a process id, or an address at whose port they listen."""
    ours, last = instance.processes(), name.rpartition(":")[2]
    if name.isdigit():
        return frozenset({int(name)} & {*ours})
    return listeners(int(last), ours) if ":" in name and last.isdigit() else frozenset()


class _Crowd:
    """Asks, and remembers by which names answers came."""

    def __init__(self, context: Context, table: Table) -> None:
        self._context, self._table = context, table
        self._lock = threading.Lock()
        self.names: dict[str, int] = {}

    def meet(self, until: float) -> None:
        """Ask until as many as are declared were seen, or time is up: replicas need not be ready all at once."""
        while len(self.names) < self._table.count and time.monotonic() < until:
            self._told(self._who(0))
            time.sleep(PACE_S)

    def count(self) -> tuple[tuple[int, ...], Mapping[str, int]]:
        """Who answered, request by request, and what came instead of answers."""
        until = time.monotonic() + LONGEST_S
        wanted = range(EACH * self._table.count)
        with ThreadPoolExecutor(max(AT_ONCE, 2 * self._table.count)) as threads:
            asked = list(threads.map(lambda at: self._who(at) if time.monotonic() < until else None, wanted))
        made = [one for one in asked if one is not None]
        failures = Counter(one.outcome for one in made if not one.ok)
        return tuple(self._told(one) for one in made), dict(failures)

    def watch(self, victim: str) -> tuple[tuple[tuple[float, str], ...], float | None]:
        """Ask for rows at a pace from now on: (begun_s, outcome) of each, and when the victim answered again."""
        began = time.monotonic()
        due = [at * PACE_S for at in range(int((self._table.ejected_s + WATCHED_S) / PACE_S))]

        def ask(due_s: float) -> tuple[float, Exchange]:
            time.sleep(max(0.0, began + due_s - time.monotonic()))
            return time.monotonic() - began, self._row(round(due_s / PACE_S))

        with ThreadPoolExecutor(2 * AT_ONCE) as threads:
            asked = list(threads.map(ask, due))
        back = [begun for begun, one in asked if one.ok and self._name(one) == victim]
        return tuple((begun, one.outcome) for begun, one in asked), min(back, default=None)

    def _who(self, at: int) -> Exchange:
        """One request that is answered with a name."""
        if self._table.path is None:
            return self._row(at)
        with self._context.target.transport(deadline_s=DEADLINE_S) as transport:
            return transport.request("who answers", "GET", self._table.path)

    def _row(self, at: int) -> Exchange:
        target, rows = self._context.target, self._context.rows
        with target.transport(deadline_s=DEADLINE_S) as transport:
            body = target.mapping.encode_row(rows[at % len(rows)])
            return predict(target, "who answers", body, transport=transport)

    def _told(self, exchange: Exchange) -> int:
        name = self._name(exchange)
        with self._lock:
            return -1 if name is None else self.names.setdefault(name, len(self.names))

    def _name(self, exchange: Exchange) -> str | None:
        name: object = None
        if self._table.header is not None:
            name = exchange.header(self._table.header)
        elif exchange.ok:
            try:
                name = found(exchange.json_or_none, self._table.field or "")
            except BadAnswer:
                name = None
        return clean(str(name), MAX_NAME) if isinstance(name, str | int) and name != "" else None
