"""Has the data drifted? All columns' tests as one verdict, wrong in at most 1% of data sets where nothing did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_mlready.measure.drift import numbers
from pytest_mlready.measure.drift.alarm import HARD, Alarm, Level, Test
from pytest_mlready.measure.drift.comparing import Sides
from pytest_mlready.measure.drift.correlations import correlation_alarms
from pytest_mlready.measure.drift.numbers import FEWEST, Compared
from pytest_mlready.measure.drift.profile import Profile
from pytest_mlready.measure.drift.sample_size import rows_needed

Word = Literal["pass", "fail", "inconclusive"]
ALPHA = 0.01
PAIRS_SHARE = 0.2
"""Of alpha, for correlations; the rest is for the columns."""


@dataclass(frozen=True)
class Judged:
    """One column: its verdict, and where it is inconclusive why.

    `distance` is the KS distance of numbers, None for levels and where nothing was compared.
    """

    name: str
    verdict: Word
    alarms: tuple[Alarm, ...] = ()
    reason: str = ""
    distance: float | None = None


@dataclass(frozen=True)
class Panel:
    """The verdict on a data set: `fail` if anything alarms, `pass` if nothing does and there were rows enough to.

    `effective` is n * m / (n + m) of the column with the fewest values, `needed` what it takes for a pass. `more` is
    how many current rows in all would decide, if as many of them have values in each column: 0 where all columns are
    decided, None where the reference has too few values for any number of rows.
    """

    verdict: Word
    columns: tuple[Judged, ...]
    correlations: tuple[Alarm, ...]
    rows: int
    reference_rows: int
    effective: float
    needed: float
    more: int | None

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All, hard errors first, then the largest beside their floors."""
        found = [alarm for one in self.columns for alarm in one.alarms] + list(self.correlations)
        return tuple(sorted(found, key=lambda one: (one.test not in HARD, -(one.effect or 0) / (one.floor or 1))))

    def of(self, *tests: Test) -> tuple[Alarm, ...]:
        """The alarms of some tests."""
        return tuple(one for one in self.alarms if one.test in tests)


def judge(
    reference: Profile,
    current: Profile,
    *,
    alpha: float = ALPHA,
    looks: int = 1,
    smallest_shift: float = 0.2,
    rows_together: float = 1.0,
) -> Panel:
    """Compare current data with a reference; both are profiles, the current one made with the reference's plan.

    Args:
        reference: what the model was trained on.
        current: what it gets now.
        alpha: how often data sets without drift may fail.
        looks: how often the question is asked; each look gets its share of alpha.
        smallest_shift: the smallest shift of a mean that matters, in standard deviations: it decides how many rows a
            pass needs.
        rows_together: rows that resemble each other, of one session or one patient, count as one: their mean number.

    Raises:
        ProfileError: the plans differ in more than the current data's own ties.
    """
    names = [one.name for one in reference.plan]
    names += [one.name for one in current.plan if one.name not in set(names)]
    m, alpha = max(1, len(names)), alpha / looks
    column = Level(alpha * (1 - PAIRS_SHARE) / m, rows_together)
    needed = rows_needed(m, smallest_shift, alpha) * rows_together
    sides = [Sides(name, reference, current) for name in names]
    alarms = {one.name: list(one.alarms(column)) for one in sides}
    both = [found for one in sides if not one.too_few and (found := one.numbers) is not None]
    shape, distances = numbers.shape_alarms(both, Level(column.alpha / numbers.TESTS, rows_together))
    for alarm in shape:
        alarms[alarm.column].append(alarm)
    pairs = _correlated(both, reference, current, Level(alpha * PAIRS_SHARE, rows_together))
    far = dict(zip([one.plan.name for one in both], distances, strict=True))
    judged = tuple(_judged(one, tuple(alarms[one.name]), needed, far.get(one.name)) for one in sides)
    return Panel(
        _verdict([one.verdict for one in judged], bool(pairs)),
        judged,
        pairs,
        current.rows,
        reference.rows,
        min((one.effective for one in sides), default=0.0),
        needed,
        _more([one for one, found in zip(sides, judged, strict=True) if found.verdict == "inconclusive"], needed),
    )


def _more(undecided: Sequence[Sides], needed: float) -> int | None:
    rows = [one.decided_by(needed) for one in undecided]
    known = [one for one in rows if one is not None]
    return max(known, default=0) if len(known) == len(rows) else None


def _verdict(verdicts: Sequence[Word], correlated: bool) -> Word:
    if correlated or "fail" in verdicts:
        return "fail"
    return "inconclusive" if "inconclusive" in verdicts or not verdicts else "pass"


def _judged(sides: Sides, alarms: tuple[Alarm, ...], needed: float, distance: float | None) -> Judged:
    if alarms:
        return Judged(sides.name, "fail", alarms, distance=distance)
    n, other_n = sides.weighed
    if min(n, other_n) < FEWEST:
        return Judged(sides.name, "inconclusive", (), f"{n} values beside {other_n}, of each {FEWEST} are needed")
    if sides.effective < needed:
        why = f"{sides.effective:.0f} effective rows, {needed:.0f} are needed"
        return Judged(sides.name, "inconclusive", (), why, distance)
    return Judged(sides.name, "pass", distance=distance)


def _correlated(both: list[Compared], reference: Profile, current: Profile, level: Level) -> tuple[Alarm, ...]:
    paired = set(reference.paired) & set(current.paired)
    kept = [one for one in both if one.plan.name in paired]
    if len(kept) < 2:
        return ()
    names = [one.plan.name for one in kept]
    sides = (reference.pairs_of(names), current.pairs_of(names))
    columns = ([one.reference for one in kept], [one.current for one in kept])
    return tuple(correlation_alarms(names, sides, columns, level))
