"""Error rates of the bounds of a metric, also where few rows carry it; a part of quality_errors.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from quality_cells import FULL, QUICK, Array, Rng, Row, Said, Targets, rates, sample
from scipy import stats

from pytest_mlready.measure import performance
from pytest_mlready.measure.scored import METRICS, Scored


def bounds(quick: bool) -> Iterator[Row]:
    """Lower and upper bound of each metric against its true value, at 5% a side."""
    runs = QUICK // 2 if quick else FULL // 6
    for metric in performance.NAMES:
        truth = performance.value(metric, sample(metric, 400_000, np.random.default_rng(1)))
        exact = metric in {"accuracy", "f1", "balanced_accuracy", "roc_auc"}
        allowed: Targets = dict.fromkeys(("lower bound wrong", "upper bound wrong"), ("<=", 0.06 if exact else 0.08))
        for n in (100, 1000):
            wrong = partial(_bounds, metric, n, truth)
            yield from rates("bounds", f"{metric}, n = {n}, {truth:.4g}", runs, wrong, allowed)
    truth = performance.value("accuracy", sample("accuracy", 400_000, np.random.default_rng(1)))
    for entities in (50, 200):
        wrong = partial(_of_entities, entities, truth)
        allowed = dict.fromkeys(("lower bound wrong", "upper bound wrong"), ("<=", 0.08))
        yield from rates("bounds", f"accuracy, {entities} entities of 8 rows", runs, wrong, allowed)


def _bounds(metric: str, n: int, truth: float, rng: Rng) -> Said:
    found = performance.estimate(metric, sample(metric, n, rng))
    return {"lower bound wrong": found.lower > truth, "upper bound wrong": found.upper < truth}


def _of_entities(entities: int, truth: float, rng: Rng) -> Said:
    """Rows of an entity are right together: one draw for each half of them."""
    one = sample("accuracy", 2 * entities, rng)
    rows = one.of(np.repeat(np.arange(2 * entities), 4))
    clusters = np.repeat(np.arange(entities), 8)
    found, naive = performance.estimate("accuracy", rows, clusters), performance.estimate("accuracy", rows)
    return {
        "lower bound wrong": found.lower > truth,
        "upper bound wrong": found.upper < truth,
        "naive: rows counted singly, lower wrong": naive.lower > truth,
    }


def tails(quick: bool) -> Iterator[Row]:
    """Bounds at 5% a side where few rows carry the metric, beside a bootstrap that knows only the rows it has."""
    for law in TRUTHS:
        for n in (50, 200, 1000, 5000):
            runs = QUICK // 2 if quick else FULL // (6 if n <= 1000 else 15)
            allowed: Targets = {}
            for metric in ("r2", "rmse", "mae"):
                allowed |= dict.fromkeys((f"{metric} lower wrong", f"{metric} upper wrong"), ("<=", 0.08))
            if law == "normal" and n >= 1000:
                allowed["r2 lower bound shows half of the variance"] = (">=", 0.99)
            yield from rates("tails", f"{law}, n = {n}", runs, partial(_tails, law, n), allowed)


def _tails(law: str, n: int, rng: Rng) -> Said:
    scored, said = _heavy(law, n, rng), Said()
    for metric, truth in TRUTHS[law].items():
        found = performance.estimate(metric, scored)
        said[f"{metric} lower wrong"], said[f"{metric} upper wrong"] = found.lower > truth, found.upper < truth
        if metric == "r2":
            said["r2 lower bound shows half of the variance"] = found.lower > 0.5
        if metric != "mae" and n <= 1000:
            naive = _resampled(metric, scored, rng)
            too_good = naive[0] > truth if metric == "r2" else naive[1] < truth
            said[f"naive: {metric} by percentiles, too good"] = too_good
    return said


def _resampled(metric: str, scored: Scored, rng: Rng) -> Array:
    terms, made = METRICS[metric].terms(scored), METRICS[metric].of
    drawn = rng.multinomial(scored.n, np.full(scored.n, 1 / scored.n), size=400) @ terms
    return np.asarray(np.quantile(made(drawn), [0.05, 0.95]))


def _heavy(law: str, n: int, rng: Rng) -> Scored:
    """Targets whose mean, given the row, is what is predicted; the errors are of the law."""
    known = rng.normal(size=n)
    if law == "lognormal":
        return Scored(np.exp(0.9 * known + rng.normal(0, 0.5, n)), np.exp(0.9 * known + 0.125))
    errors, spread = (rng.normal(size=n), 2.0) if law == "normal" else (rng.standard_t(3, n), 2 * 3**0.5)
    return Scored(spread * known + errors, spread * known)


def _lognormal_truths() -> dict[str, float]:
    """With s the known and e the unknown variance of the logarithm; the mean of absolute errors by halves of a normal:
    that of |exp(e z - e²/2) - 1| is 2 (2 Phi(e/2) - 1)."""
    s, e = 0.81, 0.25
    square = np.exp(2 * s) * (np.exp(2 * e) - np.exp(e))
    mae = np.exp((s + e) / 2) * 2 * (2 * stats.norm.cdf(e**0.5 / 2) - 1)
    return {"r2": 1 - square / (np.exp(s + e) * (np.exp(s + e) - 1)), "rmse": square**0.5, "mae": mae}


TRUTHS: dict[str, dict[str, float]] = {
    "normal": {"r2": 0.8, "rmse": 1.0, "mae": (2 / np.pi) ** 0.5},
    "t3": {"r2": 0.8, "rmse": 3**0.5, "mae": 2 * 3**0.5 / np.pi},
    "lognormal": _lognormal_truths(),
}
