"""A load run cut into the stages of its plan: how the service did at each rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.openloop.hdr import Histogram
from pytest_mlready.openloop.lateness import lateness
from pytest_mlready.openloop.objective import ALPHA, Objective, judged
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.records import LoadRun, RequestClass


@dataclass(frozen=True)
class Verdict:
    """Whether a scenario passed, and the lines that say so."""

    passed: bool
    lines: tuple[str, ...]


def verdict(run: LoadRun, plan: Plan, objective: Objective) -> Verdict:
    """Judge the whole of `run` and each of its stages.

    The whole must pass and no stage may fail. A stage at a low rate has too few requests to show a p99 by itself, so
    that one that cannot decide blocks nothing. All of them together are wrong as often as one verdict may be: alpha is
    divided (Bonferroni).
    """
    parts = stage_runs(run, plan)
    alpha = ALPHA / (len(parts) + 1)
    stages = [judged(one, plan, objective, alpha) for one in parts]
    whole = judged(run, plan, objective, alpha)
    failed = sum(one.word == "fail" for one in stages)
    lines = [one.line for one in (*stages, whole)]
    if failed and whole.word != "fail":
        lines.append(f"{run.scenario}: FAIL: {failed} of its {len(plan.stages)} stages failed, if not the whole")
    return Verdict(whole.word == "pass" and not failed, tuple(lines))


def stage_runs(run: LoadRun, plan: Plan) -> list[LoadRun]:
    """What `run`, of all of `plan`, was in each stage that had requests of the judged class; times from its start.

    Empty where there are no two stages, or where the run was too long for every request's times to be kept. Counts
    and histograms are recomputed from the series; why an answer is missing is not in there. The generator's CPU time
    is that of the whole run.
    """
    if len(plan.stages) < 2 or len(run.series["status"]) < sum(one.offered for one in run.classes):
        return []
    runs, begin, count = [], 0.0, len(plan.stages)
    for number, stage in enumerate(plan.stages, 1):
        only = replace(plan, stages=(stage,), stage_classes=())
        mine = run.series["stage"] == number - 1
        if (mine & (run.series["class"] == 0)).any():
            series = {name: values[mine] for name, values in run.series.items()}
            series |= {name: series[name] - begin for name in ("intended_s", "sent_s")}
            runs.append(_stage_run(run, only, f"{run.scenario}, stage {number} of {count}", series))
        begin += only.duration_s
    return runs


def _stage_run(run: LoadRun, only: Plan, scenario: str, series: Mapping[str, NDArray[Any]]) -> LoadRun:
    p50, p99, most = lateness(series)
    return replace(
        run,
        scenario=scenario,
        rate=only.rate,
        duration_s=only.duration_s,
        classes=tuple(_class(one.name, series, series["class"] == kind) for kind, one in enumerate(run.classes)),
        generator=replace(run.generator, lateness_p50_s=p50, lateness_p99_s=p99, lateness_max_s=most),
        series=series,
    )


def _class(name: str, series: Mapping[str, NDArray[Any]], mine: NDArray[np.bool_]) -> RequestClass:
    status = series["status"][mine]
    answered, dropped, missing = int((status > 0).sum()), int((status < 0).sum()), int((status == 0).sum())
    return RequestClass(
        name=name,
        offered=len(status),
        sent=answered + missing,
        dropped=dropped,
        completed=answered,
        statuses=Counter(str(one) for one in status[status > 0].tolist()),
        failures={"unanswered": missing} if missing else {},
        response_hdr=_histogram(series["response_s"][mine]),
        service_hdr=_histogram(series["service_s"][mine]),
    )


def _histogram(durations_s: NDArray[np.float64]) -> str:
    histogram = Histogram()
    histogram.record_all(durations_s[np.isfinite(durations_s)])
    return histogram.encoded()
