"""Checks that the endpoint answers what the model does without it: as in training, and as before it was optimised."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from pytest_mlready.catalogue import check
from pytest_mlready.checks.labelled import (
    Unreadable,
    compared,
    declared,
    is_regression,
    key,
    said,
    unfinished,
    unreadable,
)
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure import performance
from pytest_mlready.measure.agreement import difference, span_of
from pytest_mlready.measure.estimates import share
from pytest_mlready.records import LabelledAnswers, Prediction
from pytest_mlready.records.quality import Answers
from pytest_mlready.settings import Settings

MOST_ROUNDING = 0.005
"""By so much a recorded metric may have been rounded: half a point, or this share of an error in the truth's unit."""


@check(
    "quality.offline_parity",
    "must",
    remedy="Send one of the rows that differ through both and compare the features as they reach the model: scaling, "
    "encoding, order, missing values.",
    needs=("quality.offline",),
)
def offline_parity(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """Through the endpoint the model answers the labelled rows as training does, and so is as good as training says.

    A step of the preprocessing that is skipped when serving leaves every answer plausible and costs some points of
    quality that no monitoring sees, for there is nothing to compare with.
    """
    quality = declared(settings)
    try:
        if not isinstance(quality.offline, str):
            return _as_recorded(labelled_answers, settings, float(quality.offline or 0))
        rows = compared(labelled_answers, settings, labelled_answers.offline)
    except (Unreadable, ValueError) as problem:
        return unreadable(problem)
    pairs = _pairs(labelled_answers.answers, labelled_answers.offline)
    span = span_of(offline for _, _, offline in pairs)
    apart = [
        (at, what) for at, one, offline in pairs if (what := _differs(offline, one, quality.offline_tolerance, span))
    ]
    mine, theirs = (performance.value(quality.metric, one) for one in rows.scored)
    measured = Measurement(mine, "1", len(pairs), limit=theirs)
    what = f"{quality.metric} {mine:.4g} through the endpoint, {theirs:.4g} offline"
    if apart:
        lines = tuple(f"row {at + 1} of the file: offline and the endpoint: {how}" for at, how in apart[:20])
        return failed(f"{what}: {len(apart)} of {len(pairs)} rows are answered otherwise", measured, details=lines)
    doubt = unfinished(labelled_answers)
    return doubt or passed(f"{what}: all {len(pairs)} rows are answered alike", measured)


def _as_recorded(record: LabelledAnswers, settings: Settings, recorded: float) -> Finding:
    """The metric beside the number that training noted for the same rows, rounded as it is.

    A file of settings keeps 0.900 as 0.9, so that few places may have been rounded to or not: beyond `MOST_ROUNDING`
    they excuse nothing, nor do they prove a fault.
    """
    quality = declared(settings)
    rows = compared(record, settings)
    mine = performance.value(quality.metric, rows.first)
    rounding = 0.5 * 10.0 ** int(Decimal(repr(recorded)).as_tuple().exponent)
    of_numbers = is_regression(settings) and not performance.greater_is_better(quality.metric)
    most = MOST_ROUNDING * (abs(recorded) if of_numbers else 1.0)
    tolerance = quality.offline_tolerance * max(1.0, abs(recorded))
    measured = Measurement(mine, "1", rows.first.n, limit=recorded)
    what = f"{quality.metric} {mine:.6g} through the endpoint, {recorded:g} offline, on {rows.first.n} rows"
    if rows.first.n < len(record.truth):
        return inconclusive(f"{what}: offline all {len(record.truth)} were asked", measured)
    apart = abs(mine - recorded)
    if apart <= tolerance + min(rounding, most):
        return passed(what, measured)
    if apart <= tolerance + rounding:
        more = "write it with more places, or say how far apart they may be as offline_tolerance"
        return inconclusive(f"{what}: whether {recorded:g} is rounded cannot be seen; {more}", measured)
    return failed(what, measured)


@check(
    "quality.optimised_parity",
    "must",
    remedy="Calibrate the quantisation on real rows, keep the last layers in floating point, or serve the model as it "
    "was trained.",
    needs=("quality.unoptimised",),
)
def optimised_parity(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """The model as it is served answers like the one that it was made from, but for a small share of the rows.

    Quantising, pruning or converting a model keeps its average and moves single answers, most of all near the
    threshold, where decisions are made.
    """
    quality = declared(settings)
    pairs = _pairs(labelled_answers.answers, labelled_answers.unoptimised)
    if not pairs:
        return unfinished(labelled_answers) or inconclusive("no labelled row was answered")
    span = span_of(plain for _, _, plain in pairs)
    moved = [(at, _shift(one, plain, span if is_regression(settings) else None)) for at, one, plain in pairs]
    other = [at for at, shift in moved if shift > quality.shift]
    seen = share(len(other), len(pairs))
    largest = max(shift for _, shift in moved)
    how = "another label" if largest == float("inf") else f"{largest:.3g}"
    what = f"{len(other)} of {len(pairs)} answers have another label or moved by more than {quality.shift:g}"
    lines = (f"the largest move is {how}", *(f"row {at + 1} of the file" for at in other[:20]))
    kept = share(len(pairs) - len(other), len(pairs))
    word = seen.at_most(quality.flips)
    found = said(labelled_answers, word, f"{what}; at most {quality.flips:g} of all may", kept, 1 - quality.flips)
    measured = Measurement(seen.value, "1", len(pairs), (seen.lower, seen.upper), quality.flips)
    return replace(found, measurement=measured, details=lines)


def _pairs(answers: Answers, others: Answers) -> list[tuple[int, Prediction, Prediction]]:
    """Position, the service's answer and the other one, of the rows that have both."""
    both = zip(answers, others, strict=False)
    return [(at, one, other) for at, (one, other) in enumerate(both) if one is not None and other is not None]


def _differs(offline: Prediction, one: Prediction, tolerance: float, span: float) -> str | None:
    """What differs; classes that are only spelled otherwise, and answers without probabilities, do not."""
    if key(offline.prediction) == key(one.prediction):
        offline = replace(offline, prediction=one.prediction)
    return difference(_ordered(offline, one), one, tolerance, span)


def _shift(one: Prediction, plain: Prediction, span: float | None) -> float:
    """How far a probability moved, or a number relative to its `span`; infinite where the label is another."""
    if span is not None and isinstance(one.prediction, int | float) and isinstance(plain.prediction, int | float):
        return abs(one.prediction - plain.prediction) / span if span else 0.0
    if key(one.prediction) != key(plain.prediction):
        return float("inf")
    own, other = one.probabilities, _ordered(plain, one).probabilities
    if own is None or other is None or len(own) != len(other):
        return 0.0
    return max(abs(a - b) for a, b in zip(own, other, strict=True))


def _ordered(answer: Prediction, like: Prediction) -> Prediction:
    """The answer with its probabilities in the order of the classes of another."""
    if answer.classes is None or like.classes is None or answer.probabilities is None or answer.classes == like.classes:
        return answer
    by_name = dict(zip(answer.classes, answer.probabilities, strict=True))
    if by_name.keys() != set(like.classes):
        return answer
    return replace(answer, probabilities=tuple(by_name[name] for name in like.classes), classes=like.classes)
