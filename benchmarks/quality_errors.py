"""Error rates of the quality rules: `python benchmarks/quality_errors.py [--quick] [--json FILE] [--only RULE …]`.

Simulated, seeded, in one process; beside each rule those that people use, on the same samples. A line is a rule in a
cell, how often it said the word, the rate with the bounds of its 95% interval (Clopper and Pearson), and what is
allowed ("<=") or demanded (">="). A naive rule has no target. `real` trains models on data sets that scikit-learn ships
and on the synthetic applicants with a protected group, and judges them and what is planted in them by the checks.

A target is missed where the rate is beyond it; with --quick, which runs too few, where it is so beyond chance. Exit 1
if one is missed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from parts import concluded, parser_of, printed
from quality_models import judged_models
from scipy import optimize, stats
from scipy.special import expit, logit

from pytest_mlready.checks.quality_trust import rates_by_group
from pytest_mlready.measure import gains, paired, performance
from pytest_mlready.measure.calibration import calibration
from pytest_mlready.measure.gaps import gaps, judge_gaps
from pytest_mlready.measure.proportions import lower_bound, upper_bound
from pytest_mlready.measure.scored import METRICS, Scored

Array = NDArray[np.float64]
Rng = np.random.Generator
Said = dict[str, bool]
SEED, FULL, QUICK = 20261121, 3000, 100
PAIRED = 20_000
MARGIN, DISCORDANT = 0.01, 0.06
GROUPS, RATE, GAP = 8, 0.3, 0.1
TOLERATED = 0.05
OVERCONFIDENT = 0.05, 0.95
Targets = dict[str, tuple[str, float]]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    rule: str
    cell: str
    runs: int
    count: int
    rate: float
    interval: tuple[float, float]
    target: str
    missed: bool


def main() -> int:
    """Simulate all cells, print the table, and return 1 if a target is missed."""
    options = parser_of(__doc__, RULES, f"{QUICK} runs a cell instead of {FULL}").parse_args()
    print(f"{'rule':<52} {'cell':<40} {'runs':>6} {'rate':>8} {'95% interval':>19} {'target':>9}")
    rows = list(printed(options, lambda name: RULES[name](options.quick), _line))
    return concluded(options, rows, [f"{row.rule}, {row.cell}" for row in rows if row.missed])


def versions(quick: bool) -> Iterator[Row]:
    """A version beside the one before: 6% of the rows are answered rightly by one of them only."""
    runs = QUICK * 4 if quick else PAIRED
    for worse in (0.0, MARGIN, 2 * MARGIN):
        for n in (200, 1000, 5000, 20_000, 50_000):
            targets: Targets = {}
            if worse == MARGIN:
                targets = {"Tango passes": ("<=", 0.013), "Tango fails": ("<=", 0.05)}
            if worse == 0 and n >= 20_000:
                targets = {"Tango passes": (">=", 0.99)}
            cell = f"n = {n}, {100 * worse:g} points worse"
            yield from _rates("not worse", cell, runs, partial(_versions, n, worse), targets)


def _versions(n: int, worse: float, rng: Rng) -> Said:
    gained, lost, _ = rng.multinomial(n, [(DISCORDANT - worse) / 2, (DISCORDANT + worse) / 2, 1 - DISCORDANT])
    word, mcnemar = _compared(int(gained), int(lost), n)
    return {
        "Tango passes": word == "pass",
        "Tango fails": word == "fail",
        "point estimate within the margin": gained - lost >= -MARGIN * n,
        "McNemar not significant": mcnemar,
    }


@lru_cache(maxsize=200_000)
def _compared(gained: int, lost: int, n: int) -> tuple[str, bool]:
    both = gained + lost
    p = min(1.0, 2 * float(stats.binom.cdf(min(gained, lost), both, 0.5))) if both else 1.0
    return paired.difference(gained, lost, n).at_least(-MARGIN), p >= 0.05


def rows_needed(quick: bool) -> Iterator[Row]:
    """An inconclusive comparison names the rows that equal models need to pass nine times in ten: fewer, and more."""
    runs = QUICK if quick else FULL
    for discordant in (0.03, 0.06, 0.12):
        seen = round(200 * discordant / 2)
        needed = paired.difference(seen, seen, 200).needed(-MARGIN)
        if needed is None:
            raise RuntimeError("no number of rows would decide")
        for share, bound in ((0.8, ("<=", 0.9)), (1.2, (">=", 0.9))):
            n = round(share * needed)

            def passes(rng: Rng, n: int = n, discordant: float = discordant) -> Said:
                gained, lost, _ = rng.multinomial(n, [discordant / 2, discordant / 2, 1 - discordant])
                return {"passes": _compared(int(gained), int(lost), n)[0] == "pass"}

            cell = f"{discordant:.0%} differ, {share:g} x {needed} rows"
            yield from _rates("rows that would decide", cell, runs, passes, {"passes": bound})


def fairness(quick: bool) -> Iterator[Row]:
    """Eight groups, sizes by Zipf; equal ones, and one that is a quarter apart."""
    runs = QUICK if quick else FULL
    for n in (300, 1000, 5000, 50_000):
        equal: Targets = {"fails": ("<=", 0.01)}
        yield from _rates("fairness", f"n = {n}, equal groups", runs, partial(_fairness, n, 0.0), equal)
    for n in (300, 1000, 5000):
        apart: Targets = {"passes": ("<=", 0.05)} | ({"fails": (">=", 0.99)} if n == 5000 else {})
        yield from _rates("fairness", f"n = {n}, one group 0.25 apart", runs, partial(_fairness, n, 0.25), apart)

    for entities in (25, 50, 200):
        for apart_by, allowed in (
            (0.0, {"fails": ("<=", 0.01)}),
            (GAP, dict.fromkeys(("passes", "fails"), ("<=", 0.06))),
        ):
            cell = f"4 groups of {entities} entities of 8, {apart_by:g} apart"
            yield from _rates("fairness", cell, runs, partial(_fair_to_entities, entities, apart_by), allowed)


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
    rates = found / sizes
    resampled = rng.binomial(sizes, rates, size=(400, GROUPS)) / sizes
    return {
        "fails": word == "fail",
        "passes": word == "pass",
        "naive: largest less smallest > 0.1": np.ptp(rates) > GAP,
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
        yield from _rates("calibration", f"n = {n}, perfect", runs if n < 50_000 else runs // 5, made, perfect)
    at_limit: Targets = {"fails": ("<=", 0.05), "passes": ("<=", 0.05)}
    for n in (200, 1000, 5000):
        for name, model in {"one way": _one_way, "overconfident": _overconfident}.items():
            made = partial(_calibration, partial(model, n))
            yield from _rates("calibration", f"n = {n}, off by the limit, {name}", runs, made, at_limit)
    for n in (200, 1000):
        made = partial(_calibration, partial(_very_sure, n))
        yield from _rates("calibration", f"n = {n}, always 0.99, right 0.8", runs, made, {"fails": (">=", 0.99)})

    for entities in (50, 200):
        for name, model in {"one way": _one_way, "overconfident": _overconfident}.items():
            for alike in (True, False):
                made = partial(_calibration_of_entities, model, entities, alike)
                cell = f"{entities} entities of 8, {'alike' if alike else 'mixed'}, {name}"
                yield from _rates("calibration", f"{cell}, off by the limit", runs, made, at_limit)


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


def bounds(quick: bool) -> Iterator[Row]:
    """Lower and upper bound of each metric against its true value, at 5% a side."""
    runs = QUICK // 2 if quick else FULL // 6
    for metric in performance.NAMES:
        truth = performance.value(metric, _sample(metric, 400_000, np.random.default_rng(1)))
        exact = metric in {"accuracy", "f1", "balanced_accuracy", "roc_auc"}
        allowed: Targets = dict.fromkeys(("lower bound wrong", "upper bound wrong"), ("<=", 0.06 if exact else 0.08))
        for n in (100, 1000):
            wrong = partial(_bounds, metric, n, truth)
            yield from _rates("bounds", f"{metric}, n = {n}, {truth:.4g}", runs, wrong, allowed)
    truth = performance.value("accuracy", _sample("accuracy", 400_000, np.random.default_rng(1)))
    for entities in (50, 200):
        wrong = partial(_of_entities, entities, truth)
        allowed = dict.fromkeys(("lower bound wrong", "upper bound wrong"), ("<=", 0.08))
        yield from _rates("bounds", f"accuracy, {entities} entities of 8 rows", runs, wrong, allowed)


def _sample(metric: str, n: int, rng: Rng) -> Scored:
    if performance.needs(metric) == "numbers":
        truth = rng.gamma(2.0, MEAN / 2, n)
        return Scored(truth, 0.8 * truth + 4 + rng.standard_t(5, n) * 4)
    truth = (rng.random(n) < 0.3).astype(float)
    score = rng.normal(3 * truth - 2, 1.2)
    share = expit(1.5 * score)
    return Scored(truth, (share > 0.5).astype(float), ("no", "yes"), np.column_stack([1 - share, share]), 1)


def _bounds(metric: str, n: int, truth: float, rng: Rng) -> Said:
    found = performance.estimate(metric, _sample(metric, n, rng))
    return {"lower bound wrong": found.lower > truth, "upper bound wrong": found.upper < truth}


def _of_entities(entities: int, truth: float, rng: Rng) -> Said:
    """Rows of an entity are right together: one draw for each half of them."""
    one = _sample("accuracy", 2 * entities, rng)
    rows = one.of(np.repeat(np.arange(2 * entities), 4))
    clusters = np.repeat(np.arange(entities), 8)
    found, naive = performance.estimate("accuracy", rows, clusters), performance.estimate("accuracy", rows)
    return {
        "lower bound wrong": found.lower > truth,
        "upper bound wrong": found.upper < truth,
        "naive: rows counted singly, lower wrong": naive.lower > truth,
    }


def gained(quick: bool) -> Iterator[Row]:
    """A new version that is worse by exactly the margin, by every metric: it must not pass, nor be said to be worse."""
    runs = QUICK // 5 if quick else 2 * FULL // 3
    for metric in performance.NAMES:
        for kind in ("few rows", "heavy tails" if performance.needs(metric) == "numbers" else "all rows"):
            margin = -_better(metric, *_versions_of(metric, kind, 1_000_000, np.random.default_rng(1)))
            for n, each in ((100, None), (400, None), (100, 1), (50, 8)):
                cell = f"{metric}, {kind}, {n} {'rows' if each is None else f'entities of {each}'}"
                yield from _rates("gains", cell, runs, partial(_gained, metric, kind, n, each, margin), AT_MARGIN)


MEAN = 20.0
AT_MARGIN: Targets = {"passes": ("<=", 0.015), "fails": ("<=", 0.075)}


def _gained(metric: str, kind: str, n: int, each: int | None, margin: float, rng: Rng) -> Said:
    """`n` rows, or entities of `each`, of which either half is answered alike."""
    clusters, halves = None, 1 if each is None else min(2, each)
    new, old = _versions_of(metric, kind, n * halves, rng)
    if each is not None:
        again = np.repeat(np.arange(n * halves), each // halves)
        new, old, clusters = new.of(again), old.of(again), np.repeat(np.arange(n), each)
    try:
        word = gains.gain(metric, new, old, clusters).at_least(-margin)
    except ValueError:  # no row of one kind
        return {"passes": False, "fails": False, "naive: as seen": False}
    return {
        "passes": word == "pass",
        "fails": word == "fail",
        "naive: as seen": _better(metric, new, old) >= -margin,
    }


def _better(metric: str, new: Scored, old: Scored) -> float:
    sign = 1 if performance.greater_is_better(metric) else -1
    return sign * (performance.value(metric, new) - performance.value(metric, old))


def _versions_of(metric: str, kind: str, n: int, rng: Rng) -> tuple[Scored, Scored]:
    """The version before, and one that is worse: lost on 2% of the rows and better on 1%, or off a little on all."""
    old, chance = _sample(metric, n, rng), rng.random(n)
    lost, better = chance < 0.02, chance > 0.99
    if performance.needs(metric) == "numbers":
        off = old.predicted + 1.5 * rng.standard_t(3, n)
        few = np.where(lost, MEAN, np.where(better, old.truth, old.predicted))
        return replace(old, predicted=few if kind == "few rows" else off), old
    share = old.found
    if kind == "few rows":
        sure = np.where(old.truth == 1, 0.95, 0.05)
        share = np.where(lost, 1 - sure, np.where(better, sure, share))
    else:
        share = expit(logit(share) + rng.normal(0, 1, n))
    probabilities = np.column_stack([1 - share, share])
    return replace(old, predicted=(share > 0.5).astype(float), probabilities=probabilities), old


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
            yield from _rates("tails", f"{law}, n = {n}", runs, partial(_tails, law, n), allowed)


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


def real(quick: bool) -> Iterator[Row]:
    """Honest models, and what is planted in them, by the checks themselves; each run is another split of the rows."""
    runs = 3 if quick else 20
    found: dict[tuple[str, str], Counter[str]] = {}
    for data, planted, check, status in judged_models(runs, SEED):
        found.setdefault((planted, f"{data}: {check}"), Counter())[status] += 1
    for (planted, cell), counts in found.items():
        target = ("<=", 0.0) if planted == "honest" else (">=", 0.95)
        yield _row(f"real: {planted}: fails", cell, sum(counts.values()), counts["fail"], target, enough=True)


RULES: dict[str, Callable[[bool], Iterator[Row]]] = {
    "versions": versions,
    "needed": rows_needed,
    "fairness": fairness,
    "calibration": calibrations,
    "bounds": bounds,
    "gains": gained,
    "tails": tails,
    "real": real,
}


def _rates(rule: str, cell: str, runs: int, run: Callable[[Rng], Said], targets: Targets) -> Iterator[Row]:
    rng, counts = np.random.default_rng(SEED), Counter[str]()
    for _ in range(runs):
        counts.update({name: int(said) for name, said in run(rng).items()})
    for name, count in counts.items():
        yield _row(f"{rule}: {name}", cell, runs, count, targets.get(name), enough=runs > QUICK * 4)


def _row(rule: str, cell: str, runs: int, count: int, target: tuple[str, float] | None, *, enough: bool) -> Row:
    low, high = lower_bound(count, runs, 0.025), upper_bound(count, runs, 0.025)
    missed = False
    if target is not None:
        sign, limit = target
        seen = count / runs if enough else (low if sign == "<=" else high)
        missed = seen > limit if sign == "<=" else seen < limit
    shown = "" if target is None else f"{target[0]} {target[1]:.1%}"
    return Row(rule, cell, runs, count, count / runs, (low, high), shown, missed)


def _line(row: Row) -> str:
    interval = f"[{row.interval[0]:.2%}, {row.interval[1]:.2%}]"
    mark = "  MISSED" if row.missed else ""
    return f"{row.rule:<52} {row.cell:<40} {row.runs:>6} {row.rate:>8.2%} {interval:>19} {row.target:>9}{mark}"


if __name__ == "__main__":
    sys.exit(main())
