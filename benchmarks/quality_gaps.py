"""Error rates of fairness between groups and of calibration; a part of quality_errors.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from quality_cells import FULL, QUICK, Array, Rng, Row, Said, Targets, rates
from scipy import optimize, stats
from scipy.special import expit, logit

from pytest_mlready.checks.quality_trust import rates_by_group
from pytest_mlready.measure.calibration import calibration
from pytest_mlready.measure.gaps import gaps, judge_gaps
from pytest_mlready.measure.scored import Scored

GROUPS, RATE, GAP = 8, 0.3, 0.1
TOLERATED = 0.05
OVERCONFIDENT = 0.05, 0.95


def fairness(quick: bool) -> Iterator[Row]:
    """Eight groups, sizes by Zipf; equal ones, and one that is a quarter apart."""
    runs = QUICK if quick else FULL
    for n in (300, 1000, 5000, 50_000):
        equal: Targets = {"fails": ("<=", 0.01)}
        yield from rates("fairness", f"n = {n}, equal groups", runs, partial(_fairness, n, 0.0), equal)
    for n in (300, 1000, 5000):
        apart: Targets = {"passes": ("<=", 0.05)} | ({"fails": (">=", 0.99)} if n == 5000 else {})
        yield from rates("fairness", f"n = {n}, one group 0.25 apart", runs, partial(_fairness, n, 0.25), apart)

    for entities in (25, 50, 200):
        for apart_by, allowed in (
            (0.0, {"fails": ("<=", 0.01)}),
            (GAP, dict.fromkeys(("passes", "fails"), ("<=", 0.06))),
        ):
            cell = f"4 groups of {entities} entities of 8, {apart_by:g} apart"
            yield from rates("fairness", cell, runs, partial(_fair_to_entities, entities, apart_by), allowed)


def _fair_to_entities(entities: int, apart: float, rng: Rng) -> Said:
    """Half of what rows of an entity have in common is the entity's."""
    chances = np.repeat([RATE + apart, RATE, RATE, RATE], entities)
    counts = rng.random((4 * entities, 8)) < rng.beta(chances, 1 - chances)[:, None]
    scored = Scored(np.ones(counts.size), counts.ravel().astype(float), ("no", "yes"), None, 1)
    groups = dict(zip("abcd", np.split(np.arange(counts.size), 4), strict=True))
    word, naive = (
        judge_gaps(gaps(rates_by_group(scored, groups, ("selection_rate",), clusters)), GAP)
        for clusters in (np.repeat(np.arange(4 * entities), 8), None)
    )
    return {
        "fails": word == "fail",
        "passes": word == "pass",
        "naive: rows counted singly, fails": naive == "fail",
        "naive: rows counted singly, passes": naive == "pass",
    }


def _fairness(n: int, apart: float, rng: Rng) -> Said:
    sizes = np.maximum(2, np.round(n / np.arange(1, GROUPS + 1) / np.sum(1 / np.arange(1, GROUPS + 1)))).astype(int)
    chances = np.full(GROUPS, RATE)
    chances[1] += apart
    found = rng.binomial(sizes, chances)
    groups = {str(at): (int(k), int(size)) for at, (k, size) in enumerate(zip(found, sizes, strict=True))}
    word = judge_gaps(gaps({"rate": groups}), GAP)
    shares = found / sizes
    resampled = rng.binomial(sizes, shares, size=(400, GROUPS)) / sizes
    return {
        "fails": word == "fail",
        "passes": word == "pass",
        "naive: largest less smallest > 0.1": np.ptp(shares) > GAP,
        "naive: its bootstrap interval excludes 0": np.quantile(np.ptp(resampled, axis=1), 0.025) > 0,
    }


def calibrations(quick: bool) -> Iterator[Row]:
    """A perfect model; models whose error is as large as allowed; and one that is always very sure."""
    runs = QUICK if quick else FULL // 2
    for n in (100, 200, 500, 2000, 50_000):
        perfect: Targets = {"fails": ("<=", 0.015)}
        if n == 50_000:
            perfect["passes"] = (">=", 0.99)
        made = partial(_calibration, partial(_beta, n))
        yield from rates("calibration", f"n = {n}, perfect", runs if n < 50_000 else runs // 5, made, perfect)
    at_limit: Targets = {"fails": ("<=", 0.05), "passes": ("<=", 0.05)}
    for n in (200, 1000, 5000):
        for name, model in {"one way": _one_way, "overconfident": _overconfident}.items():
            made = partial(_calibration, partial(model, n))
            yield from rates("calibration", f"n = {n}, off by the limit, {name}", runs, made, at_limit)
    for n in (200, 1000):
        made = partial(_calibration, partial(_very_sure, n))
        yield from rates("calibration", f"n = {n}, always 0.99, right 0.8", runs, made, {"fails": (">=", 0.99)})

    for entities in (50, 200):
        for name, model in {"one way": _one_way, "overconfident": _overconfident}.items():
            for alike in (True, False):
                made = partial(_calibration_of_entities, model, entities, alike)
                cell = f"{entities} entities of 8, {'alike' if alike else 'mixed'}, {name}"
                yield from rates("calibration", f"{cell}, off by the limit", runs, made, at_limit)


def _calibration_of_entities(
    model: Callable[[int, Rng], tuple[Array, Array]], entities: int, alike: bool, rng: Rng
) -> Said:
    """What comes true of rows of an entity hangs together, half and half; `alike`: so does what is said of them."""
    rows, clusters = 8 * entities, np.repeat(np.arange(entities), 8)
    said, truth = model(entities if alike else rows, rng)
    if alike:
        said, truth = np.repeat(said, 8), np.repeat(truth, 8)
    chance = stats.norm.cdf((np.repeat(rng.normal(size=entities), 8) + rng.normal(size=rows)) / 2**0.5)
    seed = int(rng.integers(2**32))
    word, naive = (
        calibration(said, chance < truth, clusters=one, seed=seed).at_most(TOLERATED) for one in (clusters, None)
    )
    return {
        "fails": word == "fail",
        "passes": word == "pass",
        "naive: rows counted singly, fails": naive == "fail",
        "naive: rows counted singly, passes": naive == "pass",
    }


def _calibration(model: Callable[[Rng], tuple[Array, Array]], rng: Rng) -> Said:
    said, truth = model(rng)
    found = calibration(said, rng.random(said.size) < truth, seed=int(rng.integers(2**32)))
    word = found.at_most(TOLERATED)
    return {
        "fails": word == "fail",
        "passes": word == "pass",
        "Spiegelhalter < .01": found.p_spiegelhalter < 0.01,
        "bootstrap < .01": found.p_bootstrap < 0.01,
        "naive: error as seen > 0.05": found.seen > TOLERATED,
    }


def _beta(n: int, rng: Rng) -> tuple[Array, Array]:
    said = rng.beta(0.5, 0.5, n)
    return said, said


def _one_way(n: int, rng: Rng) -> tuple[Array, Array]:
    said = rng.uniform(0.1, 0.9, n)
    return said, said - TOLERATED


def _overconfident(n: int, rng: Rng) -> tuple[Array, Array]:
    truth = rng.uniform(*OVERCONFIDENT, n)
    return expit(_slope() * logit(truth)), truth


@lru_cache
def _slope() -> float:
    """What log-odds are multiplied by so that the mean distance to what comes true is the limit."""
    truth = np.linspace(*OVERCONFIDENT, 10_001)
    return float(optimize.brentq(lambda a: np.abs(expit(a * logit(truth)) - truth).mean() - TOLERATED, 1, 10))


def _very_sure(n: int, rng: Rng) -> tuple[Array, Array]:
    return np.full(n, 0.99), np.full(n, 0.8)
