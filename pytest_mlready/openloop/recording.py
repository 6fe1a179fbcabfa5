"""What became of every request of a run, kept while it runs and summed up at its end."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.lateness import lateness
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.openloop.schedule import Schedule
from pytest_mlready.records import Generator, LoadRun, RequestClass

MAX_RAW = 2_000_000
"""Requests of a run whose own times are kept, over all its processes: of a longer one each second, third or n-th.

All of them are in the counts and histograms.
"""

NO_ANSWER = 0
DROPPED = -1
_PENDING = -2


class Recording:
    """Times are seconds since the schedule's start. One request is reported once: answered, failed or dropped.

    `resent` counts requests that were sent twice.
    """

    def __init__(self, schedule: Schedule, names: Sequence[str], processes: int = 1) -> None:
        self.sent = self.completed = self.failures = self.resent = 0
        self._names = names
        self._kinds = array("h", schedule.kind.tobytes())
        self._due = array("d", schedule.due_s.tobytes())
        self._stages = schedule.stage
        self._every = max(1, -(-len(schedule) * processes // MAX_RAW))
        size = -(-len(schedule) // self._every)
        self._sent_s = array("d", [math.inf]) * size
        self._done_s = array("d", [math.inf]) * size
        self._status = array("h", [_PENDING]) * size
        self._queued = array("b", [0]) * size
        self._response = [Histogram() for _ in names]
        self._service = [Histogram() for _ in names]
        self._statuses: list[Counter[int]] = [Counter() for _ in names]
        self._words: list[Counter[str]] = [Counter() for _ in names]
        self._dropped = [0] * len(names)

    def answered(self, index: int, sent_s: float, done_s: float, status: int, *, success: bool) -> None:
        """A whole answer came."""
        kind = self._kinds[index]
        self.sent += 1
        self.completed += 1
        self.failures += not success
        self._statuses[kind][status] += 1
        if index % self._every:
            self._count(kind, index, sent_s, done_s)
        else:
            self._keep(index, sent_s, done_s, status)

    def failed(self, index: int, sent_s: float, done_s: float, word: str) -> None:
        """No whole answer came. A deadline missed is a lower bound of the latency and counts in the histograms."""
        kind = self._kinds[index]
        self.sent += 1
        self.failures += 1
        if word == "deadline":
            self._count(kind, index, sent_s, done_s)
        self._words[kind][word] += 1
        self._keep(index, sent_s, done_s, NO_ANSWER)

    def waits(self, index: int) -> None:
        """It is due and every place is taken: the service holds them all, and it goes late for no fault of ours."""
        if not index % self._every:
            self._queued[index // self._every] = 1

    def dropped(self, index: int) -> None:
        """It was never sent: no place, and no room to wait."""
        self._dropped[self._kinds[index]] += 1
        self.failures += 1
        self._keep(index, math.inf, math.inf, DROPPED)

    def cut(self) -> None:
        """The run ends before its schedule: all that has not been reported counts as dropped."""
        for kind, offered in enumerate(np.bincount(self._kinds, minlength=len(self._names)).tolist()):
            self._dropped[kind] = offered - sum(self._statuses[kind].values()) - sum(self._words[kind].values())
        status = np.frombuffer(self._status, dtype=np.int16)
        status[status == _PENDING] = DROPPED

    def load_run(self, plan: Plan, started_at: float, cpu_s: float, wall_s: float, connections: int) -> LoadRun:
        """Everything as one document."""
        series = self._series()
        self._count_answers(series)
        generator = Generator(*lateness(series), cpu_s, wall_s, connections, 1, self.resent)
        return LoadRun(
            scenario=plan.scenario,
            rate=plan.rate / plan.share[1],
            duration_s=plan.duration_s,
            arrivals=plan.arrivals,
            seed=plan.seed,
            started_at=started_at,
            classes=tuple(self._class(kind) for kind in range(len(self._names))),
            generator=generator,
            series=series,
        )

    def _keep(self, index: int, sent_s: float, done_s: float, status: int) -> None:
        slot, between = divmod(index, self._every)
        if not between:
            self._sent_s[slot] = sent_s
            self._done_s[slot] = done_s
            self._status[slot] = status

    def _count(self, kind: int, index: int, sent_s: float, done_s: float) -> None:
        self._response[kind].record(done_s - self._due[index])
        self._service[kind].record(done_s - sent_s)

    def _count_answers(self, series: Mapping[str, NDArray[Any]]) -> None:
        """Answers whose times are kept come into the histograms at the end: one by one would cost us lateness."""
        answered = series["status"] > 0
        for kind in range(len(self._names)):
            mine = answered & (series["class"] == kind)
            self._response[kind].record_all(series["response_s"][mine])
            self._service[kind].record_all(series["service_s"][mine])

    def _class(self, kind: int) -> RequestClass:
        completed, unanswered = sum(self._statuses[kind].values()), sum(self._words[kind].values())
        return RequestClass(
            name=self._names[kind],
            offered=completed + unanswered + self._dropped[kind],
            sent=completed + unanswered,
            dropped=self._dropped[kind],
            completed=completed,
            statuses={str(status): count for status, count in self._statuses[kind].items()},
            failures=dict(self._words[kind]),
            response_hdr=self._response[kind].encoded(),
            service_hdr=self._service[kind].encoded(),
        )

    def _series(self) -> dict[str, NDArray[Any]]:
        intended = np.array(self._due)[:: self._every]
        sent, done = np.array(self._sent_s), np.array(self._done_s)
        with np.errstate(invalid="ignore"):
            service = np.where(np.isfinite(sent), done - sent, np.inf)
        return {
            "class": np.array(self._kinds, dtype=np.int16)[:: self._every],
            "stage": self._stages[:: self._every],
            "intended_s": intended,
            "sent_s": sent,
            "response_s": done - intended,
            "service_s": service,
            "status": np.array(self._status),
            "queued": np.array(self._queued, dtype=np.bool_),
        }
