"""Error rates of comparing a version with the one before; a part of quality_errors.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from quality_cells import FULL, MEAN, QUICK, Rng, Row, Said, Targets, rates, sample
from scipy import stats
from scipy.special import expit, logit

from pytest_mlready.measure import gains, paired, performance
from pytest_mlready.measure.scored import Scored

PAIRED = 20_000
MARGIN, DISCORDANT = 0.01, 0.06
AT_MARGIN: Targets = {"passes": ("<=", 0.015), "fails": ("<=", 0.075)}


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
            yield from rates("not worse", cell, runs, partial(_versions, n, worse), targets)


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
            yield from rates("rows that would decide", cell, runs, passes, {"passes": bound})


def gained(quick: bool) -> Iterator[Row]:
    """A new version that is worse by exactly the margin, by every metric: it must not pass, nor be said to be worse."""
    runs = QUICK // 5 if quick else 2 * FULL // 3
    for metric in performance.NAMES:
        for kind in ("few rows", "heavy tails" if performance.needs(metric) == "numbers" else "all rows"):
            margin = -_better(metric, *_versions_of(metric, kind, 1_000_000, np.random.default_rng(1)))
            for n, each in ((100, None), (400, None), (100, 1), (50, 8)):
                cell = f"{metric}, {kind}, {n} {'rows' if each is None else f'entities of {each}'}"
                yield from rates("gains", cell, runs, partial(_gained, metric, kind, n, each, margin), AT_MARGIN)


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
    old, chance = sample(metric, n, rng), rng.random(n)
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
