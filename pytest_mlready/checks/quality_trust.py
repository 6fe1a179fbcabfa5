"""Checks of how far single answers can be relied on: by group, by probability, and under small changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.checks.labelled import (
    Unreadable,
    compared,
    declared,
    groups_of,
    is_regression,
    said,
    shown,
    unfinished,
    unreadable,
)
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure import gaps
from pytest_mlready.measure.calibration import Calibration, calibration
from pytest_mlready.measure.entities import Clusters, design_effect
from pytest_mlready.measure.estimates import share
from pytest_mlready.measure.scored import Scored
from pytest_mlready.records import LabelledAnswers
from pytest_mlready.settings import Settings

MOVED = 0.1
"""A number that is predicted counts as another if it moves by this share of the standard deviation of all."""


@check(
    "quality.fairness",
    "must",
    remedy="Look for a threshold, a feature or a stand-in for one that differs between the groups; gather more rows of "
    "a group that is too small to judge.",
    needs=("quality.group",),
)
def fairness(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """Between any two groups the rates that are declared are no further apart than the largest gap that is declared.

    A model can be right as often for all and yet refuse the good applicants of one group more often than those of
    another: that is what rates by group show, and what a regulator asks for.
    """
    if is_regression(settings):
        return Finding(Status.NOT_APPLICABLE, "numbers are predicted, not classes: declare slices by group instead")
    try:
        rows = compared(labelled_answers, settings)
    except Unreadable as problem:
        return unreadable(problem)
    column, limit = str(settings.group), declared(settings).largest_gap
    groups, names = groups_of(labelled_answers, column, rows.at), declared(settings).rates
    rates = rates_by_group(rows.first, groups, names)
    found = gaps.gaps(rates_by_group(rows.first, groups, names, rows.clusters))
    if not found:
        return inconclusive(f"the rows are of one group in {column!r}: two are needed to compare")
    word = gaps.judge_gaps(found, limit)
    gap = max(found, key=lambda one: one.apart.lower if word == "fail" else one.apart.upper)
    lines = tuple(f"{one.rate}: {one.first} and {one.second} apart by {shown(one.apart)}" for one in found[:20])
    counts = " and ".join(
        f"{name} {k / n:.3g} of {n:.0f}" for name in (gap.first, gap.second) for k, n in [rates[gap.rate][name]]
    )
    what = f"{gap.rate} by {column}: {counts}, apart by {shown(gap.apart)}; at most {limit:g} is allowed"
    return replace(said(labelled_answers, word, what, gap.apart, limit), details=lines)


def rates_by_group(
    scored: Scored, groups: dict[str, np.ndarray], names: tuple[str, ...], clusters: Clusters = None
) -> dict[str, dict[str, tuple[float, float]]]:
    """By rate and group, how many rows count and of how many; a group without such rows is left out.

    Of rows of the same entities both are divided by the design effect.
    """
    positive = scored.positive % max(1, len(scored.classes))
    found, truly = scored.predicted == positive, scored.truth == positive
    everyone = np.ones(scored.n, bool)
    counted = {
        "true_positive_rate": (found, truly),
        "false_positive_rate": (found, ~truly),
        "selection_rate": (found, everyone),
        "accuracy": (scored.right, everyone),
    }
    rates: dict[str, dict[str, tuple[float, float]]] = {}
    for name in names:
        counts, among = counted[name]
        of_group = {group: at[among[at]] for group, at in groups.items()}
        rates[name] = {group: _counted(counts, at, clusters) for group, at in of_group.items() if at.size}
    return rates


def _counted(counts: np.ndarray, at: np.ndarray, clusters: Clusters) -> tuple[float, float]:
    effect = design_effect(counts[at].astype(float), None if clusters is None else clusters[at])
    return np.count_nonzero(counts[at]) / effect, at.size / effect


@check(
    "quality.calibration",
    "should",
    remedy="Recalibrate on held-out rows (isotonic or Platt), or look for a word or number of confidence that does not "
    "come from the model.",
)
def calibrated(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """Probabilities are no further from what comes true, on average, than is declared.

    Whoever acts on "97% sure" needs it to be right 97 times in 100. A service that is always very sure gets its wrong
    answers believed.
    """
    if is_regression(settings):
        return Finding(Status.NOT_APPLICABLE, "numbers are predicted, without probabilities")
    try:
        rows = compared(labelled_answers, settings)
    except Unreadable as problem:
        return unreadable(problem)
    scored = rows.first
    if scored.probabilities is None:
        return Finding(Status.NOT_APPLICABLE, "the answers hold no probabilities")
    made = reliability(scored, rows.clusters)
    limit = declared(settings).calibration_error
    what = f"calibration error {shown(made.error)} on {scored.n} rows; at most {limit:g} is allowed"
    lines = (
        f"as seen {made.seen:.4g}, of which chance explains {made.seen - made.error.value:.4g}",
        f"Spiegelhalter's z {made.z:.3g}, p {made.p_spiegelhalter:.2g}; by bootstrap p {made.p_bootstrap:.2g}",
        *(f"said {one.said:.3g}, came true {one.came:.3g} of {one.n}" for one in made.bins),
    )
    return replace(said(labelled_answers, made.at_most(limit), what, made.error, limit), details=lines)


def reliability(scored: Scored, clusters: Clusters = None) -> Calibration:
    """For the check, and for a report's reliability diagram: of two classes the positive one, of more the answer's.

    Raises:
        ValueError: the answers hold no probabilities.
    """
    if len(scored.classes) <= 2:
        return calibration(np.clip(scored.found, 0, 1), scored.is_positive, clusters=clusters)
    if scored.probabilities is None:
        raise ValueError("the answers hold no probabilities")
    return calibration(np.clip(scored.probabilities.max(axis=1), 0, 1), scored.right, clusters=clusters)


@check(
    "quality.noise",
    "may",
    remedy="Look for a feature that is not scaled as in training, rounded, hashed or looked up by its exact value.",
    needs=("quality.noise",),
)
def noise(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """Changes of the numbers far below their own spread change few answers: fewer than the share that is declared.

    No thermometer gives the last digit twice. A model whose answer hangs on it was fitted to digits, not to facts.
    """
    pairs = [
        (one.prediction, other.prediction)
        for one, other in zip(labelled_answers.answers, labelled_answers.noisy, strict=False)
        if one is not None and other is not None
    ]
    quality = declared(settings)
    if not pairs:
        why = "the shaken rows got no answer" if any(labelled_answers.noisy) else "no column has fractions to shake"
        return inconclusive(why) if unfinished(labelled_answers) else Finding(Status.NOT_APPLICABLE, why)
    numbers = [float(value) for value, _ in pairs if isinstance(value, int | float)]
    step = MOVED * float(np.std(numbers)) if is_regression(settings) and numbers else None
    changed = sum(_changed(one, other, step) for one, other in pairs)
    seen = share(changed, len(pairs))
    measured = Measurement(seen.value, "1", len(pairs), (seen.lower, seen.upper), quality.noise_flips)
    what = (
        f"{changed} of {len(pairs)} answers change when numbers change by {quality.noise:g} standard deviations; "
        f"at most {quality.noise_flips:g} of all may"
    )
    word = seen.at_most(quality.noise_flips)
    if word == "pass":
        return passed(what, measured)
    if word == "fail":
        return failed(what, measured)
    return inconclusive(f"{what}; about {share(len(pairs) - changed, len(pairs)).needed(1 - quality.noise_flips)} rows "
                        "would decide", measured)  # fmt: skip


def _changed(one: object, other: object, step: float | None) -> bool:
    if step is None or isinstance(one, str) or isinstance(other, str):
        return one != other
    return abs(float(one) - float(other)) > step  # type: ignore[arg-type]
