"""One column on both sides, and the tests that are made of it alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pytest_mlready.measure.drift import numbers
from pytest_mlready.measure.drift.alarm import Alarm, Level
from pytest_mlready.measure.drift.levels import TESTS as LEVEL_TESTS
from pytest_mlready.measure.drift.levels import constant_level, level_alarms
from pytest_mlready.measure.drift.numbers import FEWEST, Compared
from pytest_mlready.measure.drift.plan import LevelPlan, NumberPlan
from pytest_mlready.measure.drift.profile import Levels, Numbers, Profile, ProfileError
from pytest_mlready.measure.drift.sample_size import current_needed, effective


@dataclass(frozen=True)
class Sides:
    """A column by name in the reference and in the current data; it may be in one of them only."""

    name: str
    reference: Profile
    current: Profile

    @cached_property
    def numbers(self) -> Compared | None:
        """Where both hold numbers. Raises ProfileError if they were counted by different plans."""
        before, after = self.reference.column(self.name), self.current.column(self.name)
        if before is None or after is None:
            return None
        (plan, counts), (own, own_counts) = before, after
        if not isinstance(counts, Numbers) or not isinstance(own_counts, Numbers):
            return None
        if not isinstance(plan, NumberPlan) or not isinstance(own, NumberPlan) or not plan.same_cells(own):
            raise self._other_plan()
        return Compared(plan, own, counts, own_counts)

    @property
    def levels(self) -> tuple[LevelPlan, Levels, Levels] | None:
        """Where both hold levels. Raises ProfileError if they were counted by different plans."""
        before, after = self.reference.column(self.name), self.current.column(self.name)
        if before is None or after is None:
            return None
        (plan, counts), (own, own_counts) = before, after
        if not isinstance(counts, Levels) or not isinstance(own_counts, Levels):
            return None
        if not isinstance(plan, LevelPlan) or plan != own:
            raise self._other_plan()
        return plan, counts, own_counts

    def _other_plan(self) -> ProfileError:
        hint = "make the current profile with the reference's plan"
        return ProfileError(f"column {self.name!r} of the two profiles was counted by different plans: {hint}")

    @property
    def values(self) -> tuple[int, int]:
        """How many values there are in the current data and in the reference; a missing level is a value."""
        found = self.numbers
        if found is not None:
            return found.current.finite, found.reference.finite
        return self.current.rows, self.reference.rows

    @property
    def weighed(self) -> tuple[int, int]:
        """What a pass rests on: the values, or where neither side has any the rows that miss them."""
        return self.values if any(self.values) else (self.current.rows, self.reference.rows)

    @property
    def effective(self) -> float:
        """n * m / (n + m) of what a pass rests on."""
        return effective(*self.weighed)

    @property
    def too_few(self) -> bool:
        """Whether there are too few values on a side for any test of values."""
        return min(self.values) < FEWEST

    def decided_by(self, needed: float) -> int | None:
        """How many current rows would decide, if as many of them have values; None where no number of them would."""
        n, other_n = self.weighed
        least = current_needed(needed, other_n)
        if least is None or other_n < FEWEST:
            return None
        shares = [other_n / self.reference.rows] + ([n / self.current.rows] if n >= FEWEST else [])
        return math.ceil(max(FEWEST, least) / min(shares))

    def alarms(self, level: Level) -> Iterator[Alarm]:
        """Of all tests but those that are made of all columns at once; `level` is the column's."""
        numbers, levels = self.numbers, self.levels
        lost = self.reference.column(self.name) is None or self.current.column(self.name) is None
        if not lost and not (self.current.rows and self.reference.rows):
            return
        if numbers is not None:
            yield from self._of_numbers(numbers, level)
        elif levels is not None:
            yield from self._of_levels(levels, level)
        else:
            yield self._mismatch()

    def _mismatch(self) -> Alarm:
        before, after = self.reference.column(self.name), self.current.column(self.name)
        rows = f"({self.current.rows} rows)"
        if before is None or after is None:
            where = "the current data" if after is None else "the reference"
            return Alarm(self.name, "schema", f"is not in {where} {rows}")
        kinds = ["numbers" if isinstance(plan, NumberPlan) else "levels" for plan, _ in (before, after)]
        return Alarm(self.name, "type", f"held {kinds[0]}, holds {kinds[1]} {rows}")

    def _of_levels(self, found: tuple[LevelPlan, Levels, Levels], level: Level) -> Iterator[Alarm]:
        if self.too_few:
            return
        hard = constant_level(*found, level, FEWEST)
        if hard is not None:
            yield hard
        else:
            yield from level_alarms(*found, Level(level.alpha / LEVEL_TESTS, level.together))

    def _of_numbers(self, found: Compared, level: Level) -> Iterator[Alarm]:
        each = Level(level.alpha / numbers.TESTS, level.together)
        yield from self._absent(found, each)
        if self.too_few:
            return
        hard = numbers.constant_alarm(found, level)
        if hard is not None:
            yield hard
            return
        for test in (numbers.range_alarm, numbers.atom_alarm):
            alarm = test(found, each)
            if alarm is not None:
                yield alarm

    def _absent(self, found: Compared, level: Level) -> Iterator[Alarm]:
        """Missing and infinite values: new infinite ones, and all missing, are hard errors."""
        rows, other_rows = self.current.rows, self.reference.rows
        if min(rows, other_rows) < FEWEST:
            return
        alarm = numbers.missing_alarm(found, rows, other_rows, level)
        if alarm is not None and not found.current.finite:
            yield Alarm(self.name, "all missing", f"all {rows} values are missing")
        elif found.current.infinite and not found.reference.infinite:
            text = f"{found.current.infinite} of {rows} values are infinite, of the reference's {other_rows} none"
            yield Alarm(self.name, "infinite", text)
        elif alarm is not None:
            yield alarm
