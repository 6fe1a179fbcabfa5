"""The rule that says whether rows come from the distribution of the training data, feature by feature.

A numeric feature is put to seven tests and a categorical one to three, each at alpha / (tests x features x looks).
Constants that begin to vary, or the other way round, and features that vanish come out of the exact tests of counts.

What is counted are distinct rows. Where no two training rows are alike, a row that comes again is one customer asking
again, not another customer, and a sample that is sent ten times over holds no more evidence than once. If the training
rows themselves repeat, every row counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import msgspec
from scipy import special

from reference_service.drift import two_sample
from reference_service.drift.feature_tests import CategoricalTests, NumericTests
from reference_service.drift.profile import NumericProfile, Profile
from reference_service.model.columns import Cell, Row

QUIET, DRIFT, TOO_FEW = "quiet", "drift", "too few"
LEAST_ROWS = 20
SMALLEST_SHIFT = 1.0
"""Standard deviations of a shift that "quiet" excludes; see `Panel.smallest_shift` for what a look really excluded."""
POWER = 0.99
CHANCE_TWINS = 0.05
"""Rows with a twin by chance, in a whole window, up to which a repeated row counts once."""


class Finding(msgspec.Struct, frozen=True):
    """What a look says of one feature.

    Attributes:
        verdict: "quiet", "drift", or "too few" rows to tell.
        statistic, test: the effect, and the test that is the least probable by chance.
        n: distinct rows that were looked at.
    """

    name: str
    verdict: str
    statistic: float
    test: str
    n: int


class Panel:
    """Compares rows with a profile.

    Args:
        alpha: the chance that any of `looks` looks at traffic like the training data calls any feature drifted.
    """

    def __init__(self, profile: Profile, alpha: float, looks: int) -> None:
        self.profile = profile
        self.share = alpha / looks / max(1, len(profile.features))
        self.tests = [
            NumericTests(feature) if isinstance(feature, NumericProfile) else CategoricalTests(feature)
            for feature in profile.features
        ]

    def judge(self, rows: Sequence[Row], pause: float = 0.0) -> list[Finding]:
        """A finding for each feature, in the model's order.

        Args:
            pause: seconds to rest after each feature, so that other threads get the interpreter in between.
        """
        counted = self.counted(rows)
        if not counted:
            return [unknown(feature.name) for feature in self.profile.features]
        findings = []
        for tests, column in zip(self.tests, zip(*counted, strict=True), strict=True):
            findings.append(self.finding(tests, column))
            if pause:
                time.sleep(pause)
        return findings

    def counted(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that count: distinct ones, unless rows repeat by nature."""
        if self.profile.twins * len(rows) >= CHANCE_TWINS:
            return rows
        return list(dict.fromkeys(map(tuple, rows)))

    def finding(self, tests: NumericTests | CategoricalTests, column: Sequence[Cell]) -> Finding:
        """The verdict on a feature."""
        level = self.share / tests.count
        outcomes = tests.outcomes(column)
        found = [each for each in outcomes if each.p_value <= level and abs(each.effect) >= each.floor]
        decisive = min(found or outcomes, key=lambda each: each.p_value)
        profile, n = tests.profile, len(column)
        excluded = smallest_shift(n - column.count(None), profile.rows - profile.missing, level)
        if n < LEAST_ROWS or (excluded > SMALLEST_SHIFT and not found):
            return Finding(profile.name, TOO_FEW, decisive.effect, decisive.test, n)
        return Finding(profile.name, DRIFT if found else QUIET, decisive.effect, decisive.test, n)

    def smallest_shift(self, n: int) -> float:
        """What a look at n distinct rows excludes: the shift that it would have seen with 99% probability."""
        return smallest_shift(n, self.profile.rows, self.share / NumericTests.count)


def overall(findings: Sequence[Finding]) -> str:
    """The verdict on all features together."""
    said = {finding.verdict for finding in findings}
    return DRIFT if DRIFT in said else TOO_FEW if TOO_FEW in said else QUIET


def unknown(name: str) -> Finding:
    """A feature of which no row was seen."""
    return Finding(name, TOO_FEW, 0.0, "none", 0)


def smallest_shift(n: int, m: int, level: float) -> float:
    """The shift of a normal feature, in standard deviations, that n rows against m show at a two-sided level."""
    if n < LEAST_ROWS or m < 1:
        return math.inf
    reach = (special.ndtri(POWER) - special.ndtri(level / 2)) / math.sqrt(12 * two_sample.effective(n, m))
    return math.sqrt(2) * float(special.ndtri(0.5 + reach)) if reach < 0.5 else math.inf
