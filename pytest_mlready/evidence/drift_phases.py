"""QUIET, FIRE and RECOVER: what is sent to a drift monitor, and when it is looked at, whatever carries the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pytest_mlready.evidence.drift_shifts import ALL_FEATURES, HALF_SD, Column, columns_of, kinds_of, shifted
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import DriftDrill, DriftLook, DriftTrial, Exchange, Row
from pytest_mlready.records.drift import QUIET_LOOKS, named

MOST_TRIALS = 6


class Monitored(Protocol):
    """A service, or what stands for one."""

    def send(self, rows: Sequence[Row]) -> Exchange | None:
        """Have rows predicted; the answer that refused one of them, if any did."""

    def look(self, rows: int) -> DriftLook:
        """Give it the time that it asks for, and read its signal; `rows` were sent in this phase."""

    def rest(self) -> None:
        """Give it far more time than it asks for: on a busy machine a look may come late."""

    def room(self, rows: int) -> bool:
        """Whether there are time and requests for so many more rows."""


@dataclass
class Phases:
    """A drill of one monitor.

    Attributes:
        pool: reference rows, of which traffic is drawn with replacement.
        look_rows: rows between two looks.
        within: rows in which it is to tell of a shift, and to be quiet again; it is watched for twice as many.
        missing: whether a row may lack a value.
    """

    service: Monitored
    pool: Sequence[Row]
    rng: random.Random
    look_rows: int
    within: int
    missing: bool
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the reference once."""
        self.columns = columns_of(self.pool)

    def drill(self, empty: DriftDrill) -> DriftDrill:
        """All phases, as far as what was seen of one leaves a sense to the next. Ends with reference traffic."""
        quiet = tuple(self._reference(QUIET_LOOKS))
        done = replace(empty, quiet=quiet)
        if not any(look.numbers for look in quiet):
            return done
        if any(look.firing for look in quiet):
            calmed = tuple(self._until_quiet())
            again = tuple(self._reference(QUIET_LOOKS)) if calmed and not calmed[-1].firing else calmed
            done = replace(done, again=again)
            if any(look.firing for look in again):
                return done
        try:
            trials, left_out = self._trials()
        except BaseException:
            list(self._until_quiet())
            raise
        return replace(done, trials=trials, left_out=left_out)

    def _trials(self) -> tuple[tuple[DriftTrial, ...], tuple[str, ...]]:
        """One shift after another, each kind before any comes again; who misses one gets it a second time."""
        made: list[DriftTrial] = []
        order = list(self._order())
        while order and len(made) < MOST_TRIALS and self.service.room(3 * self.within):
            shift, column = order.pop(0)
            made.append(self._trial(shift, (column,)))
            if made[-1].refused is None and not made[-1].seen(self.within) and not made[-1].stuck:
                if self.service.room(3 * self.within):
                    made.append(self._trial(shift, (column,)))
                if not made[-1].seen(self.within):
                    break
            if made[-1].stuck:
                break
        tried = {one.shift for one in made}
        kinds = kinds_of(self.columns, missing=self.missing)
        every = kinds.get(HALF_SD, ())
        if every and made and made[-1].missed and not made[-1].stuck:
            made.append(replace(self._trial(ALL_FEATURES, every), feature=None))
        return tuple(made), tuple(one for one in kinds if one not in tried)

    def _order(self) -> Iterator[tuple[str, Column]]:
        """Kinds in turn; each time another feature, as long as there are some."""
        kinds = kinds_of(self.columns, missing=self.missing)
        drawn = {kind: self.rng.sample(ones, len(ones)) for kind, ones in kinds.items()}
        had: set[str] = set()
        while any(drawn.values()):
            for kind, ones in drawn.items():
                if ones:
                    column = next((one for one in ones if one.name not in had), ones[0])
                    ones.remove(column)
                    had.add(column.name)
                    yield kind, column

    def _trial(self, shift: str, columns: Sequence[Column]) -> DriftTrial:
        feature, fire, sent = columns[0].name, list[DriftLook](), 0
        while sent < 2 * self.within and self.service.room(self.within + self.look_rows):
            rows = shifted(self._drawn(), shift, columns, self.rng)
            refused = self.service.send(rows)
            if refused is not None:
                return DriftTrial(shift, feature, tuple(fire), tuple(self._until_quiet()), refused)
            due = sent < self.within <= sent + len(rows)
            sent += len(rows)
            fire.append(self.service.look(sent))
            if due and not fire[-1].firing:
                self.service.rest()
                fire.append(self.service.look(sent))
            if named(fire[-1].firing, feature) or (shift == ALL_FEATURES and fire[-1].firing):
                break
        return DriftTrial(shift, feature, tuple(fire), tuple(self._until_quiet()))

    def _until_quiet(self) -> Iterator[DriftLook]:
        """Reference traffic until it is quiet, or twice the rows in which it should be, however long that takes."""
        for look in self._reference(2 * -(-self.within // self.look_rows), always=True):
            yield look
            if look.numbers and not look.firing:
                return
        self.service.rest()
        yield self.service.look(look.rows)

    def _reference(self, looks: int, *, always: bool = False) -> Iterator[DriftLook]:
        for n in range(1, looks + 1):
            if not always and not self.service.room(self.look_rows):
                return
            refused = self.service.send(self._drawn())
            if refused is not None:
                raise GatherError(f"rows of the reference were answered {refused.outcome}: {refused.text[:200]}")
            yield self.service.look(n * self.look_rows)

    def _drawn(self) -> list[Row]:
        return self.rng.choices(self.pool, k=self.look_rows)
