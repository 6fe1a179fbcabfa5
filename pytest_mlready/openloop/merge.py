"""Several processes' shares of one schedule, put together as if one process had sent it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.lateness import lateness
from pytest_mlready.records import Generator, LoadRun, RequestClass


def merged(runs: Sequence[LoadRun]) -> LoadRun:
    """Sum the documents of all shares of one schedule.

    Counts and histograms are added exactly. The series are put in order of intended time; lateness is computed from
    them, so it too is that of the whole. Times are relative to each process's own start; processes that started
    apart show up as a spread of `started_at`, of which the earliest is kept.

    Raises:
        ValueError: no runs, or runs of different scenarios, seeds or classes.
    """
    if not runs:
        raise ValueError("nothing to merge")
    if len(runs) == 1:
        return runs[0]
    first = runs[0]
    for run in runs:
        if _identity(run) != _identity(first):
            raise ValueError(f"not shares of one schedule: {_identity(first)} and {_identity(run)}")
    series = {name: np.concatenate([run.series[name] for run in runs]) for name in first.series}
    if "intended_s" in series:
        order = np.argsort(series["intended_s"], kind="stable")
        series = {name: values[order] for name, values in series.items()}
    return LoadRun(
        scenario=first.scenario,
        rate=sum(run.rate for run in runs),
        duration_s=first.duration_s,
        arrivals=first.arrivals,
        seed=first.seed,
        started_at=min(run.started_at for run in runs),
        classes=tuple(_class([run.classes[index] for run in runs]) for index in range(len(first.classes))),
        generator=_generator([run.generator for run in runs], series),
        series=series,
    )


def _identity(run: LoadRun) -> tuple[object, ...]:
    return run.scenario, run.seed, run.arrivals, run.duration_s, tuple(one.name for one in run.classes)


def _class(parts: Sequence[RequestClass]) -> RequestClass:
    return RequestClass(
        name=parts[0].name,
        offered=sum(one.offered for one in parts),
        sent=sum(one.sent for one in parts),
        dropped=sum(one.dropped for one in parts),
        completed=sum(one.completed for one in parts),
        statuses=_added(one.statuses for one in parts),
        failures=_added(one.failures for one in parts),
        response_hdr=Histogram.merged(one.response_hdr for one in parts).encoded(),
        service_hdr=Histogram.merged(one.service_hdr for one in parts).encoded(),
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _generator(parts: Sequence[Generator], series: Mapping[str, NDArray[Any]]) -> Generator:
    p50, p99, most = lateness(series)
    return Generator(
        lateness_p50_s=p50,
        lateness_p99_s=p99,
        lateness_max_s=most,
        cpu_s=sum(one.cpu_s for one in parts),
        wall_s=max(one.wall_s for one in parts),
        connections=sum(one.connections for one in parts),
        processes=sum(one.processes for one in parts),
        resent=sum(one.resent for one in parts),
    )
