"""Checks of how good the model is, measured through the endpoint: alone, and beside a simple one and the last one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.labelled import (
    Compared,
    Unreadable,
    compared,
    declared,
    groups_of,
    said,
    shown,
    unreadable,
)
from pytest_mlready.finding import Finding
from pytest_mlready.measure import gains, performance
from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.scored import Scored
from pytest_mlready.records import LabelledAnswers
from pytest_mlready.settings import MAJORITY, Settings

ALPHA = 0.05


@check(
    "quality.threshold",
    "must",
    remedy="Compare the features as they reach the model with those of training, and the model's version with the one "
    "that was evaluated; if the model is no better, it is not ready.",
    needs=("quality.threshold",),
)
def threshold(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """The metric that is declared, of answers through the endpoint, reaches its threshold by its lower bound.

    A model that was good in the notebook may be another one behind the endpoint: other features, other order, other
    scaling, other classes. Only its answers count.
    """
    try:
        quality = declared(settings)
        rows = compared(labelled_answers, settings)
        sign = 1 if performance.greater_is_better(quality.metric) else -1
        seen = performance.estimate(quality.metric, rows.first, rows.clusters, ALPHA)
    except (Unreadable, ValueError) as problem:
        return unreadable(problem)
    limit = float(quality.threshold or 0)
    word = seen.at_least(limit) if sign > 0 else seen.at_most(limit)
    compares = "at least" if sign > 0 else "at most"
    what = f"{quality.metric} {shown(seen)} on {seen.n} rows; {compares} {limit:g} is demanded"
    return said(labelled_answers, word, what, seen, limit)


@check(
    "quality.beats_baseline",
    "must",
    remedy="Look for a fallback that answers instead of the model; if it is the model, a rule would do its work.",
)
def beats_baseline(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """The model is better than the simple baseline, by at least the gain that is declared, on the same rows.

    On rows of which 95% are of one class, 95% accuracy is what a constant has. A model has to earn its keep.
    """
    quality = declared(settings)
    try:
        if quality.baseline == MAJORITY:
            rows = compared(labelled_answers, settings)
            simple = constant(rows.first, quality.metric)
        else:
            rows = compared(labelled_answers, settings, labelled_answers.baseline)
            simple = rows.scored[1]
        return _beside(labelled_answers, settings, rows, simple, quality.gain, f"the baseline ({quality.baseline})")
    except (Unreadable, ValueError) as problem:
        return unreadable(problem)


@check(
    "quality.not_worse",
    "must",
    remedy="Do not replace the version before; look at the rows that it had right and this one has wrong.",
    needs=("quality.previous",),
)
def not_worse(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """The model is no worse than the version before by more than the margin that is declared, row for row.

    Two averages of a few hundred rows are nearly always "about the same", also if one model is two points worse; that
    no difference is proven is no proof that there is none.
    """
    quality = declared(settings)
    try:
        rows = compared(labelled_answers, settings, labelled_answers.previous)
        return _beside(labelled_answers, settings, rows, rows.scored[1], -quality.margin, "the version before")
    except (Unreadable, ValueError) as problem:
        return unreadable(problem)


@check(
    "quality.slices",
    "must",
    remedy="Look at the rows of the slice that is named: a category that the encoder does not know, a unit, a "
    "branch of the preprocessing; train on more of them.",
    needs=("quality.slices",),
)
def slices(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """In each slice of the rows that is declared, the metric reaches the floor that is declared.

    An average hides whom it is made of: a branch that fails for one region, one device or one age moves it by a point.
    """
    quality = declared(settings)
    try:
        rows = compared(labelled_answers, settings)
        table = slice_table(rows, labelled_answers, settings)
    except (Unreadable, ValueError) as problem:
        return unreadable(problem)
    floor, better = float(quality.slice_floor or 0), performance.greater_is_better(quality.metric)
    judged = [(name, one, one.at_least(floor) if better else one.at_most(floor)) for name, one in table.items()]
    order: list[Word] = ["fail", "inconclusive", "pass"]
    judged.sort(key=lambda row: (order.index(row[2]), row[1].value if better else -row[1].value))
    name, worst, word = judged[0]
    lines = tuple(f"{each}: {quality.metric} {shown(one)}, {one.n} rows: {told}" for each, one, told in judged)
    what = f"{name}: {quality.metric} {shown(worst)} on {worst.n} rows; {floor:g} is demanded of each of {len(table)}"
    return replace(said(labelled_answers, word, what, worst, floor), details=lines[:40])


def slice_table(rows: Compared, record: LabelledAnswers, settings: Settings) -> dict[str, Estimate]:
    """The metric in each slice, by "column = value"; for the check, and for a report's table.

    Each lower bound holds at 5%: all of them have to reach the floor. The upper bounds hold together.
    """
    quality = declared(settings)
    parts = {
        f"{column} = {name}": at for column in quality.slices for name, at in groups_of(record, column, rows.at).items()
    }
    better = performance.greater_is_better(quality.metric)
    blame = ALPHA / len(parts)
    low, high = (ALPHA, blame) if better else (blame, ALPHA)
    table = {}
    for name, at in parts.items():
        clusters = None if rows.clusters is None else rows.clusters[at]
        try:
            table[name] = performance.estimate(quality.metric, rows.first.of(at), clusters, low, high)
        except ValueError:  # rows of one class have no area under a curve
            table[name] = Estimate(float("nan"), -np.inf, np.inf, at.size)
    return table


def constant(scored: Scored, metric: str) -> Scored:
    """What a constant answers at best: the most frequent class with the shares of all; the mean, or the median."""
    if not scored.classes:
        best = np.median(scored.truth) if metric == "mae" else np.mean(scored.truth)
        return replace(scored, predicted=np.full(scored.n, best), probabilities=None)
    shares = np.bincount(scored.truth.astype(int), minlength=len(scored.classes)) / scored.n
    return replace(
        scored, predicted=np.full(scored.n, float(shares.argmax())), probabilities=np.tile(shares, (scored.n, 1))
    )


def _beside(
    record: LabelledAnswers, settings: Settings, rows: Compared, other: Scored, limit: float, whom: str
) -> Finding:
    metric = declared(settings).metric
    gain = gains.gain(metric, rows.first, other, rows.clusters)
    mine, theirs = performance.value(metric, rows.first), performance.value(metric, other)
    wanted = f"at least {limit:g} better" if limit >= 0 else f"at most {-limit:g} worse"
    what = f"{metric} {mine:.4g}, {whom} {theirs:.4g}: better by {shown(gain)} on {gain.n} rows; {wanted} is demanded"
    return said(record, gain.at_least(limit), what, gain, limit)
