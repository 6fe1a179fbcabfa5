"""Why our panel and evidently differ on a column, told from the column's own statistics; and effects from the rows.

The effects that the panel's floors are about are computed here from the rows themselves, not from counts in cells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from drift_tables import Array, Table, p_value, panel_of, profile_of
from scipy import stats

from pytest_mlready.measure.drift import Alarm, Panel
from pytest_mlready.measure.drift.levels import TESTS as LEVEL_TESTS
from pytest_mlready.measure.drift.numbers import OUTSIDE
from pytest_mlready.measure.drift.numbers import TESTS as NUMBER_TESTS
from pytest_mlready.measure.drift.panel import ALPHA, PAIRS_SHARE
from pytest_mlready.measure.drift.sample_size import effective

ANY_P = 1e9
"""An alpha at which every effect above its floor is an alarm."""
FLIPS, SIGNIFICANT = 1000, 0.05
"""Up to so many reference values evidently takes p < .05 of a test, beyond them distances of .1 and more."""
ABSENT = frozenset({"missing", "all missing", "infinite"})
NOT_SOUGHT = frozenset({"range", "atom", "spread ks", "spread wilcoxon", "wilcoxon", "unseen level", "level"})
"""What a test of Kolmogorov and Smirnov or of chi-square is not made for."""


@dataclass(frozen=True)
class Rule:
    """What evidently makes of one column."""

    method: str
    value: float
    threshold: float
    drifted: bool

    @property
    def by_p(self) -> bool:
        """Whether the value is a probability."""
        return "p_value" in self.method

    @property
    def shown(self) -> str:
        """One line for people."""
        kind = self.method.replace(" p_value", " p").replace(" distance", "").replace(" (normed)", "")
        return f"{kind} {self.value:.2g} {'<' if self.value < self.threshold else '>='} {self.threshold:g}"


def alpha_of_test(before: Table, levels: bool) -> float:
    """The level of one test of one column of a data set."""
    return ALPHA * (1 - PAIRS_SHARE) / len(before) / (LEVEL_TESTS if levels else NUMBER_TESTS)


def why_only_evidently(name: str, before: Table, after: Table, rule: Rule, by_chance: tuple[int, int]) -> str:
    """Why the panel does not name a column; empty where none of its rules accounts for it.

    `by_chance`: in how many random splits of the same rows, and of how many, evidently names the column.
    """
    loose = panel_of(profile_of(before), after, alpha=ANY_P)
    judged = next(one for one in loose.columns if one.name == name)
    levels = before[name].dtype.kind == "U"
    chance = f"; it names the column in {by_chance[0]} of {by_chance[1]} random splits" if by_chance[0] else ""
    p = p_of(before[name], after[name], rule)
    if "chi-square" in rule.method and rule.value < p:
        chance += f"; its chi-square takes the reference as exact: as two samples p is {p:.2g}"
    if not judged.alarms:
        at_most = max(raw_effects(before[name], after[name]).items(), key=lambda one: one[1])
        return f"below the floor: no effect reaches its floor, the largest is {at_most[0]} {at_most[1]:.3f}{chance}"
    nearest = min(judged.alarms, key=lambda one: one.p or 0.0)
    alpha = alpha_of_test(before, levels)
    if nearest.p is None or nearest.p < alpha:
        return ""
    n, m = (int(_there(side[name]).sum()) for side in (after, before))
    seen = math.sqrt(math.log(2.16863 / alpha) / (2 * max(1.0, effective(n, m))))
    what = f"too few rows: {nearest.test} {nearest.effect:.3f} has p {nearest.p:.2g}, a test of this panel needs "
    what += f"{alpha:.2g}"
    if not levels:
        what += f" (here a KS distance of {seen:.2f})"
    return what + (f"; evidently's p is for one column of {len(before)}" if rule.by_p else "") + chance


def why_only_ours(before: Array, after: Array, alarms: tuple[Alarm, ...], rule: Rule | None) -> str:
    """Why evidently does not name a column; empty where no rule accounts for it."""
    if rule is None:
        return "evidently gives no verdict on the column"
    absent = [one for one in alarms if one.test in ABSENT]
    left_out = f"missing values are left out by evidently: {absent[0].text}" if absent else ""
    others = [one for one in alarms if one not in absent]
    if not others:
        return f"{left_out} ({rule.shown})"
    p, strongest = p_of(before, after, rule), min(others, key=lambda one: one.p or 0.0)
    shown = f"{rule.shown}; {_effect(strongest)}{'; ' * bool(left_out)}{left_out}"
    if not rule.by_p:
        flip = f"; up to {FLIPS} reference rows its rule is a p, here {p:.1g}" if p < SIGNIFICANT else ""
        return f"distance below evidently's threshold: {shown}{flip}"
    if {one.test for one in others} <= NOT_SOUGHT and p >= SIGNIFICANT:
        return f"evidently's test looks elsewhere: {shown}; {strongest.text}"
    return ""


def _effect(alarm: Alarm) -> str:
    return alarm.text if alarm.p is None else f"{alarm.test} {alarm.effect:.3f} >= {alarm.floor:g}, p {alarm.p:.1g}"


def below_floor(panel: Panel, before: Table, after: Table) -> list[str]:
    """Alarms of one column whose effect, computed from the rows, is below the floor that it is said to reach."""
    effects: dict[str, Mapping[str, float]] = {}
    found = []
    for alarm in panel.alarms:
        if alarm.floor is None or alarm.test == "correlation":
            continue
        if alarm.column not in effects:
            effects[alarm.column] = raw_effects(before[alarm.column], after[alarm.column])
        raw = effects[alarm.column][alarm.test]
        if raw < alarm.floor:
            found.append(f"{alarm.column}: {alarm.test} is {raw:.4f}, below {alarm.floor}")
    return found


def p_of(before: Array, after: Array, rule: Rule) -> float:
    """As if there were one column and one test: Kolmogorov and Smirnov's, or chi-square's of two samples of levels."""
    if before.dtype.kind != "U" and "chi-square" not in rule.method:
        return p_value(before.astype(float), after.astype(float), levels=False)
    sides = [side.astype(str) for side in (before, after)]
    known = {text: at for at, text in enumerate(sorted({*sides[0].tolist(), *sides[1].tolist()} - {"", "nan"}))}
    codes = [np.array([known.get(text, -1) for text in side.tolist()]) for side in sides]
    return p_value(*codes, levels=True)


def raw_effects(before: Array, after: Array) -> dict[str, float]:
    """The effect of each test of a column, by the test's name."""
    return _of_levels(before, after) if before.dtype.kind == "U" else _of_numbers(before, after)


def _there(column: Array) -> Any:
    return column != "" if column.dtype.kind == "U" else np.isfinite(column)


def _of_numbers(before: Array, after: Array) -> dict[str, float]:
    b, a = (np.sort(side[np.isfinite(side)].astype(float)) for side in (before, after))
    centre, i = b[b.size // 2], max(1, int(OUTSIDE * b.size))
    outside = [float(((side < b[i - 1]) | (side > b[-i])).mean()) for side in (a, b)]
    values = np.unique(np.concatenate([a, b]))
    share, other = (_shares(side, values) for side in (a, b))
    found = {
        "missing": abs(float(np.isfinite(after).mean() - np.isfinite(before).mean())),
        "range": outside[0] - outside[1],
        "atom": float(np.abs(share - other).max()),
    }
    for prefix, x, y in (("", b, a), ("spread ", np.abs(b - centre), np.abs(a - centre))):
        found[f"{prefix}ks"] = float(stats.ks_2samp(x, y, method="asymp").statistic)
        found[f"{prefix}wilcoxon"] = abs(float(stats.mannwhitneyu(y, x).statistic) / x.size / y.size - 0.5)
    return found


def _shares(ordered: Array, values: Array) -> Array:
    counts = np.searchsorted(ordered, values, side="right") - np.searchsorted(ordered, values, side="left")
    shares: Array = counts / ordered.size
    return shares


def _of_levels(before: Array, after: Array) -> dict[str, float]:
    b, a = (Counter(side.tolist()) for side in (before, after))
    change = [a[one] / after.size - b[one] / before.size for one in {*a, *b}]
    new = sum(count for level, count in a.items() if level not in b) / after.size
    once = sum(int(count == 1) for count in b.values()) / before.size
    return {
        "levels": sum(map(abs, change)) / 2,
        "level": max(map(abs, change)),
        "unseen level": new - once,
    }
