"""Which of two versions made an answer: told by its content, from what each answered while it was in force."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

from pytest_mlready.evidence.asking import ask_one
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import spread
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.measure.agreement import difference, span_of
from pytest_mlready.records import FAILED, MIXED, OTHER, Answered, GoldenRound, Label, Prediction
from pytest_mlready.service.transport import Transport

MOST_ROWS = 24
TELLING_ROWS = 8
"""Rows that are kept of those on which the versions differ."""
BATCH = 256
SWITCHED_WITHIN_S = 3.0
"""So long somebody is looked for who answers otherwise after a change."""


class Witness:
    """Learns the answers of both versions, then tells who made an answer.

    Rows are indices of the sample rows: first many, then those few by whose answers the versions can be told apart.
    """

    def __init__(self, context: Context, versions: tuple[str, str]) -> None:
        self.context = context
        self.versions = versions
        self.rows = spread(len(context.rows), min(MOST_ROWS, len(context.rows)))
        self._singles: dict[str, dict[int, Prediction]] = {}
        self._span = 0.0

    @property
    def batched(self) -> bool:
        """Whether there is a route for several rows."""
        return self.context.target.mapping.batch_route is not None

    @property
    def batch_rows(self) -> list[int]:
        """The telling rows again and again, as many as the service takes in one batch."""
        most = self.context.max_batch_rows or BATCH
        return [self.rows[at % len(self.rows)] for at in range(min(BATCH, most))]

    def learn(self, version: str, when: str, transport: Transport) -> GoldenRound:
        """Ask while a version is in force, one row after the other on one connection.

        Raises:
            GatherError: a row is not answered, so nothing could be told by its answer.
        """
        found, answers = self.round(version, when, transport)
        if None in answers:
            raise GatherError(f"{when}, a sample row got no usable answer from {version}")
        self._singles[version] = {row: one for row, one in zip(self.rows, answers, strict=True) if one is not None}
        return found

    def learn_changed(
        self, version: str, before: str, when: str, kept: Transport, others: Sequence[Transport]
    ) -> GoldenRound:
        """The same after a change from `before`; the round is the one on the kept connection, whoever answered it.

        `others` are connections to the other workers: its first answer is the fastest of all of theirs. On a busy
        machine one may be late; a version that nobody had loaded is late everywhere.

        Where that one goes on answering as before, others are asked: somebody must have changed, else the two versions
        are alike.

        Raises:
            GatherError: as `learn`.
        """
        found = self.learn(version, when, kept)
        first = [ask_one(self.context, self.rows[0], keep_alive=True, transport=one).exchange for one in others]
        found = replace(found, first_s=min([found.first_s, *(one.elapsed_s for one in first if one.ok)]))
        until = time.monotonic() + SWITCHED_WITHIN_S
        while not self._differing(version, before) and time.monotonic() < until:
            with self.context.target.transport() as other:
                self.learn(version, when, other)
        return found

    def round(self, version: str, when: str, transport: Transport) -> tuple[GoldenRound, tuple[Prediction | None, ...]]:
        """Ask every row once, whoever answers."""
        asked = [ask_one(self.context, row, keep_alive=True, transport=transport) for row in self.rows]
        times = [one.exchange.elapsed_s for one in asked]
        answers = tuple(one.only for one in asked)
        return GoldenRound(version, when, answers, times[0], statistics.median(times)), answers

    def tell_apart(self) -> tuple[int, ...]:
        """Keep the rows by which the versions can be told apart; their places among those asked so far.

        Raises:
            GatherError: there is none.
        """
        self._span = span_of([one for known in self._singles.values() for one in known.values()])
        places = self._differing(*self.versions)[:TELLING_ROWS]
        if not places:
            raise GatherError(
                f"{' and '.join(self.versions)} answer {len(self.rows)} sample rows alike, so nobody could say which "
                "of them answered: declare two `versions` in [deployment] that differ, or rows on which they do"
            )
        self.rows = [self.rows[at] for at in places]
        return tuple(places)

    def labels(self) -> list[Label]:
        """Every prediction that either version made."""
        return list(dict.fromkeys(one.prediction for known in self._singles.values() for one in known.values()))

    def made_by(self, answered: Answered) -> int:
        """0 or 1: the version that made it, else OTHER, MIXED or FAILED."""
        if not answered.exchange.ok:
            return FAILED
        if len(answered.predictions) != len(answered.rows):
            return OTHER
        whose = {self._whose(found, row) for found, row in zip(answered.predictions, answered.rows, strict=True)}
        return MIXED if whose == {0, 1} else whose.pop() if len(whose) == 1 else OTHER

    def told(self, answered: Answered) -> int:
        """The version that it names, -1 for none or another."""
        named = {one.version for one in answered.predictions}
        return next((index for index, version in enumerate(self.versions) if named == {version}), -1)

    def _differing(self, first: str, second: str) -> list[int]:
        """The places of the rows that two versions answer differently."""
        one, other = self._singles[first], self._singles[second]
        return [at for at, row in enumerate(self.rows) if self._differ(one[row], other[row])]

    def _whose(self, found: Prediction, row: int) -> int:
        known = (self._singles[version][row] for version in self.versions)
        return next((index for index, one in enumerate(known) if not self._differ(found, one)), OTHER)

    def _differ(self, one: Prediction, other: Prediction) -> bool:
        """By content only: which version an answer names is judged apart."""
        if (one.prediction, one.probabilities) == (other.prediction, other.probabilities):
            return False
        return difference(replace(one, version=None), other, span=self._span) is not None
