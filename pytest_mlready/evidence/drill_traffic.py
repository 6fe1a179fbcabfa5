"""Requests while versions are swapped: in the background on kept and fresh connections, and to each worker in turn."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pytest_mlready.evidence.asking import ask_batch, ask_one, decoded_one, predict
from pytest_mlready.evidence.drill_witness import Witness
from pytest_mlready.records import FAILED, Answered
from pytest_mlready.service.target import Target
from pytest_mlready.service.transport import Transport
from pytest_mlready.service.workers import holders

DEADLINE_S = 10.0
PAUSE_S = 0.01
"""Between two requests of a client that asks for single rows; the one that asks for batches makes none."""
UNKNOWN_PINS = 4
"""Kept connections where the processes behind them cannot be told apart."""
PATIENCE_S = 5.0
"""So long a declared worker is looked for: where one answers already, another may still be starting."""
COLUMNS = ("began_s", "ended_s", "made_by", "told", "worker", "probe", "named", "rows")


@dataclass(frozen=True)
class Pin:
    """A kept connection, and the index of the worker that holds its other end (-1: unknown)."""

    transport: Transport
    worker: int


@dataclass
class Pins:
    """Kept connections, to each worker one where they can be told apart; `workers` names them by their process."""

    pins: list[Pin]
    workers: tuple[str, ...]

    def close(self) -> None:
        """Close them."""
        for pin in self.pins:
            pin.transport.close()


def pinned(target: Target, wanted: int | None) -> Pins:
    """Connections to all workers: to `wanted` many, else until none new was seen for long."""
    instance, path = target.instance, target.paths.get("live") or target.paths.get("ready") or "/"
    found: dict[int, Transport] = {}
    spare: list[Transport] = []
    missed, until = 0, time.monotonic() + PATIENCE_S
    while len(found) != wanted and (time.monotonic() < until if wanted else missed < 3 * UNKNOWN_PINS):
        transport = target.transport(deadline_s=DEADLINE_S)
        transport.request("which worker", "GET", path, keep_alive=True)
        port = transport.local_port()
        known = holders(instance.port, instance.processes()) if instance is not None and port is not None else {}
        holder = known.get(port or 0)
        missed += 1
        if missed > 3 * UNKNOWN_PINS:
            time.sleep(PAUSE_S)
        if holder is not None and holder not in found:
            found[holder], missed = transport, 0
        elif port is not None and len(spare) < UNKNOWN_PINS:
            spare.append(transport)  # open for a while: who holds it is busier than those that hold none
        else:
            transport.close()
        if instance is None and missed >= UNKNOWN_PINS:
            break
    if not found:
        return Pins([Pin(one, -1) for one in spare], ())
    for one in spare:
        one.close()
    return Pins([Pin(one, at) for at, one in enumerate(found.values())], tuple(map(str, found)))


class Traffic:
    """Asks, and keeps for each answer who made it and when; `failures` counts what came instead of answers."""

    def __init__(self, witness: Witness, clock: Callable[[], float]) -> None:
        self.witness = witness
        self.clock = clock
        self.failures: Counter[str] = Counter()
        self._rows: list[tuple[float, ...]] = []
        self._stop = threading.Event()

    def probe(self, pins: Pins, fresh: int, at: int) -> None:
        """One request to each worker, and some on fresh connections, all begun after an acknowledgement arrived."""
        row = self.witness.rows[at % len(self.witness.rows)]
        for pin in pins.pins:
            self._note(partial(self._single, row, pin.transport, keep=True), pin.worker, probe=True)
        for _ in range(fresh):
            with self._transport() as transport:
                self._note(partial(self._single, row, transport, keep=False), probe=True)

    @contextlib.contextmanager
    def flowing(self, by_name: str | None) -> Iterator[None]:
        """Clients in the background; `by_name` is the field by which a version can be asked for."""
        clients: list[Callable[[], None]] = [partial(self._singles, keep=True), partial(self._singles, keep=False)]
        if self.witness.batched:
            clients.append(self._batches)
        if by_name is not None:
            clients += [partial(self._named, by_name, version) for version in (0, 1)]
        self._stop.clear()
        threads = [threading.Thread(target=one, name="drill", daemon=True) for one in clients]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def columns(self) -> Mapping[str, Any]:
        """All answers, an array per column."""
        table = np.array(self._rows, dtype=float).reshape(-1, len(COLUMNS))
        whole = {"made_by", "told", "worker", "probe", "named", "rows"}
        return {
            name: table[:, at].astype(np.int32) if name in whole else table[:, at] for at, name in enumerate(COLUMNS)
        }

    def _singles(self, *, keep: bool) -> None:
        with self._transport() as transport:
            for at in self._turns(PAUSE_S):
                row = self.witness.rows[at % len(self.witness.rows)]
                self._note(partial(self._single, row, transport, keep=keep))

    def _batches(self) -> None:
        rows = self.witness.batch_rows
        with self._transport() as transport:
            for _ in self._turns(0.0):
                self._note(partial(ask_batch, self.witness.context, rows, keep_alive=True, transport=transport))

    def _named(self, field: str, version: int) -> None:
        """Rows of one version by name, whichever serves."""
        with self._transport() as transport:
            for at in self._turns(PAUSE_S):
                row = self.witness.rows[at % len(self.witness.rows)]
                self._note(partial(self._by_name, row, version, field, transport), named=version)

    def _by_name(self, row: int, version: int, field: str, transport: Transport) -> Answered:
        context = self.witness.context
        mapping = context.target.mapping
        body = mapping.encode_row(context.rows[row], {field: self.witness.versions[version]})
        return decoded_one(mapping, predict(context.target, "by name", body, transport=transport, keep_alive=True), row)

    def _single(self, row: int, transport: Transport, *, keep: bool) -> Answered:
        return ask_one(self.witness.context, row, keep_alive=keep, transport=transport)

    def _transport(self) -> Transport:
        return self.witness.context.target.transport(deadline_s=DEADLINE_S)

    def _turns(self, pause_s: float) -> Iterator[int]:
        at = 0
        while not self._stop.is_set():
            yield at
            at += 1
            if pause_s:
                time.sleep(pause_s)

    def _note(self, ask: Callable[[], Answered], worker: int = -1, *, probe: bool = False, named: int = -1) -> None:
        began = self.clock()
        answered = ask()
        ended = self.clock()
        made_by = self.witness.made_by(answered)
        if made_by == FAILED:
            self.failures[answered.exchange.outcome] += 1
        row = (began, ended, made_by, self.witness.told(answered), worker, probe, named, len(answered.rows))
        self._rows.append(row)
