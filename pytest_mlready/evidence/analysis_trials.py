"""Evidence `analysis_trials`: the team's own analysis of experiments, asked about outcomes whose truth is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_mlready.evidence.reference import importable, imported
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import AnalysisTrials

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context

FORM = (
    '[experiments] analysis must be "module:name" of a callable that takes rows, metrics and the control\'s name, and '
    "returns for each metric whether the variants differ"
)
METRICS = ("latency_s", "converted", "basket")
CONTROL, TREATED = "control", "treatment"
USERS = 1000
"""Of both variants together, at the last look."""
NULL_TRIALS, OTHER_TRIALS = 400, 20
TINY = 5
Rows = list[dict[str, Any]]
Analysis = Callable[[Rows, list[str], str], Mapping[str, Any]]


def made_with(context: Context) -> Mapping[str, Any]:
    """The analysis, and how often it is to look."""
    experiments = context.settings.experiments
    return {"analysis": experiments and experiments.analysis, "looks": experiments and experiments.looks}


def gather(context: Context) -> AnalysisTrials:
    """Ask it about experiments without a difference, with one, with few users, and with values missing."""
    experiments = context.settings.experiments
    if experiments is None or experiments.analysis is None:
        raise GatherError("no [experiments] analysis is declared")
    analysis: Analysis = imported(experiments.analysis, context.settings.directory, FORM)
    rng = np.random.default_rng(context.rng("analysis").getrandbits(64))
    told = AnalysisTrials(experiments.looks, len(METRICS))
    try:
        with importable(context.settings.directory):
            told = _known(analysis, rng, told)
            return _null(analysis, rng, told, time.monotonic() + context.budget_s)
    except Exception as error:  # the team's own code: whatever it raises is the finding
        return replace(told, problem=f"{type(error).__name__}: {error}"[:500])


def _known(analysis: Analysis, rng: np.random.Generator, told: AnalysisTrials) -> AnalysisTrials:
    """Trials whose right answer is plain: a large difference, a handful of users, and values missing at random."""
    different = [_experiment(rng, USERS, shift=0.5) for _ in range(OTHER_TRIALS)]
    tiny = [_experiment(rng, 2 * TINY, shift=5.0) for _ in range(OTHER_TRIALS)]
    missing = [list(_with_missing(rng, _experiment(rng, USERS))) for _ in range(OTHER_TRIALS)]
    return replace(
        told,
        true_trials=OTHER_TRIALS,
        found=sum(_claims(analysis, rows) for rows in different),
        tiny_trials=OTHER_TRIALS,
        tiny_claims=sum(_claims(analysis, rows) for rows in tiny),
        tiny_n=TINY,
        missing_trials=OTHER_TRIALS,
        missing_claims=sum(_claims(analysis, rows) for rows in missing),
    )


def _null(analysis: Analysis, rng: np.random.Generator, told: AnalysisTrials, until: float) -> AnalysisTrials:
    """Experiments of two equal variants, each looked at as often as planned, as many as there is time for."""
    ends = [USERS * look // told.looks for look in range(1, told.looks + 1)]
    trials = wrong = 0
    while trials < NULL_TRIALS and time.monotonic() < until:
        rows = _experiment(rng, USERS)
        wrong += any(_claims(analysis, rows[:end]) for end in ends)
        trials += 1
    return replace(told, null_trials=trials, false_claims=wrong)


def _claims(analysis: Analysis, rows: Rows) -> bool:
    """Whether any metric is said to differ."""
    found = analysis([dict(row) for row in rows], list(METRICS), CONTROL)
    if not isinstance(found, Mapping):
        raise TypeError(f"it returned {type(found).__name__}, expected a mapping from metric to bool")
    return any(bool(found.get(metric)) for metric in METRICS)


def _experiment(rng: np.random.Generator, users: int, shift: float = 0.0) -> Rows:
    """Users in the order in which they came, in alternating variants; `shift` in standard deviations of a metric."""
    latency = rng.lognormal(-2, 0.5, users)
    converted = (rng.random(users) < 0.1).astype(float)
    basket = rng.normal(50, 10, users)
    treated = np.arange(users) % 2 == 1
    basket[treated] += 10 * shift
    values = zip(latency.tolist(), converted.tolist(), basket.tolist(), strict=True)
    return [
        {"user_id": f"user-{at}", "variant": TREATED if at % 2 else CONTROL, **dict(zip(METRICS, one, strict=True))}
        for at, one in enumerate(values)
    ]


def _with_missing(rng: np.random.Generator, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A third of the treated users' baskets lost, at random: half of them null, half of them not there at all."""
    for row in rows:
        lost = row["variant"] == TREATED and rng.random() < 1 / 3
        if lost and rng.random() < 0.5:
            yield {key: value for key, value in row.items() if key != "basket"}
        else:
            yield {**row, "basket": None if lost else row["basket"]}
