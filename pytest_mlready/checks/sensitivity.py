"""Checks of what moves an answer and what must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Answers, Edit, Edits, Prediction
from pytest_mlready.replay import Replay
from pytest_mlready.settings import Relations, Settings

VARIED = 20
ENOUGH = 8
"""So many distinct rows with one and the same answer are no accident where the samples have several labels."""
NOISE = 1e-9
"""A score may move against its direction by so much, relatively: the last bits of a sum."""


@check(
    "fuzz.input_matters",
    "should",
    remedy="Look for a constant, a default that swallows the input, or a column that is dropped before the model.",
)
def input_matters(answers: Answers, edits: Edits, settings: Settings) -> Finding:
    """Answers vary over the sample rows, and each feature that is declared active can change some answer.

    A service that answers everybody alike (a fallback, an empty feature store, zeros for what did not parse) is up,
    fast, deterministic and useless, and passes every other check.
    """
    first = [one.only for one in (*answers.singles, *answers.mixed, *edits.originals) if one.only is not None]
    distinct = [one for at, one in enumerate(first) if all(difference(one, other) for other in first[:at])][:2]
    measured = Measurement(len(distinct), "1", n=len(first), limit=2)
    if len(first) < ENOUGH:
        return inconclusive(f"{len(first)} rows were answered, {ENOUGH} are needed to say that answers vary", measured)
    samples = {row for one in (*answers.singles, *edits.originals) if one.only is not None for row in one.rows}
    if len(distinct) < 2 and len(samples) < ENOUGH:
        return inconclusive(f"{len(samples)} sample rows get one answer, {ENOUGH} are needed to blame it", measured)
    if len(distinct) < 2:
        what = f"relation: all {len(first)} rows get one answer, {first[0].prediction!r}"
        return failed(
            what, measured, script=replays.varying(replays.distinct([*answers.singles, *edits.originals], VARIED))
        )
    declared = (settings.relations or Relations()).active
    asked_of = {one.column for one in edits.edits}
    idle = {column: _rows_of(edits, column) for column in declared if column in asked_of and not _moves(edits, column)}
    blamed = [column for column, rows in idle.items() if rows >= ENOUGH]
    if blamed:
        what = f"relation: no edit of {', '.join(blamed)} changed any answer, though declared active"
        return failed(what, Measurement(len(blamed), "1", n=len(declared), limit=0), script=_moving(edits, blamed[0]))
    if idle:
        few = ", ".join(f"{column} in {rows} rows" for column, rows in idle.items())
        return inconclusive(f"edits of {few} changed no answer, {ENOUGH} rows are needed to blame a declared column")
    unasked = [column for column in declared if column not in asked_of]
    if unasked:
        return inconclusive(f"{', '.join(unasked)}, declared active, could not be edited: the samples have one value")
    moved = {one.column for one in edits.edits if _moves(edits, one.column)}
    return passed(f"answers vary; {len(moved)} of {len(asked_of)} features changed some answer", measured)


@check(
    "fuzz.declared_relations",
    "should",
    remedy="Compare the features as they reach the model with those of training: sign, order, unit, scale.",
    needs=("relations",),
)
def declared_relations(edits: Edits, settings: Settings) -> Finding:
    """What is declared of the model holds: directions, invariances, bounds, and agreement with a reference.

    A sign flipped or a column swapped on the way to the model leaves every answer plausible. Only somebody who knows
    that a longer delay must not improve the score can tell.
    """
    relations = settings.relations or Relations()
    judged = list(_judged(edits, relations))
    broken = [(what, shown) for what, shown in judged if what is not None]
    measured = Measurement(len(broken), "1", n=len(judged), limit=0)
    if broken:
        what, shown = broken[0]
        summary = f"relation: {what}; {len(broken)} of {len(judged)} relations are broken"
        return failed(summary, measured, details=tuple(how or "" for how, _ in broken[1:20]), script=shown)
    if not judged:
        if replace(relations, active=(), score=None) == Relations(tolerance=relations.tolerance):
            return Finding(Status.NOT_APPLICABLE, "no relation is declared but active columns: see fuzz.input_matters")
        return inconclusive("no answer could be compared: see fuzz.well_formed_answers", measured)
    return passed(f"{len(judged)} declared relations hold", measured)


Judged = tuple[str | None, Replay]


def _judged(edits: Edits, relations: Relations) -> Iterator[Judged]:
    """Every relation that could be looked at: how it is broken (None: it holds), and the replay that shows it."""
    for column in relations.increasing:
        yield from _direction(edits, relations, column, 1)
    for column in relations.decreasing:
        yield from _direction(edits, relations, column, -1)
    for column in relations.invariant:
        yield from _invariance(edits, column)
    for one in (*edits.originals, *(edit.answered for edit in edits.edits)):
        yield from _bounds(relations, one)
    told_of = [*zip(edits.originals, edits.expected, strict=False)]
    told_of += zip(edits.beyond, edits.beyond_expected, strict=False)
    for one, expected in told_of:
        if one.only is not None:
            what = difference(expected, one.only, relations.tolerance)
            told = {"expected": asdict(expected), "tolerance": relations.tolerance}
            shown = replays.once(one.exchange, "equals", **told)
            yield (f"{one.exchange.case}: the reference says otherwise: {what}" if what else None), shown


def _direction(edits: Edits, relations: Relations, column: str, sign: int) -> Iterator[Judged]:
    """Along the values of one column, in each row, the score moves one way only."""
    for row, ladder in _ladders(edits, column).items():
        for (low, first), (high, second) in pairwise(sorted(ladder, key=lambda step: step[0])):
            before, after = _score(first.only, relations), _score(second.only, relations)
            if before is None or after is None:
                continue
            against = sign * (before - after) > NOISE * max(1.0, abs(before))
            verb = "lowers" if sign > 0 else "raises"
            what = f"sample row {row}: {column} from {low:g} to {high:g} {verb} the score from {before:g} to {after:g}"
            higher, lower = (second, first) if sign > 0 else (first, second)
            shown = replays.compared(higher.exchange, lower.exchange, "ordered", score=relations.score)
            yield (what if against else None), shown


def _ladders(edits: Edits, column: str) -> dict[int, list[tuple[float, Answered]]]:
    """The answers by the value of a numeric column, for each row that was edited there."""
    own = {one.rows[0]: one for one in edits.originals}
    ladders: dict[int, list[tuple[float, Answered]]] = {}
    for edit in edits.edits:
        if edit.column == column and isinstance(edit.value, int | float):
            start = [(edit.was, own[edit.row])] if isinstance(edit.was, int | float) and edit.row in own else []
            ladders.setdefault(edit.row, [*start]).append((edit.value, edit.answered))
    return ladders


def _invariance(edits: Edits, column: str) -> Iterator[Judged]:
    for edit, before, after in _edited(edits, column):
        what = difference(before.only, after.only) if before.only and after.only else None
        shown = replays.compared(before.exchange, after.exchange)
        yield (f"{edit.answered.exchange.case} changes the answer: {what}" if what else None), shown


def _bounds(relations: Relations, one: Answered) -> Iterator[Judged]:
    value = one.only.prediction if one.only is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    for bound, beyond in ((relations.minimum, -1), (relations.maximum, 1)):
        if bound is not None:
            over = beyond * (value - bound) > 0
            shown = replays.once(one.exchange, "within", **{"low" if beyond < 0 else "high": bound})
            yield (f"{one.exchange.case} is answered {value:g}, beyond {bound:g}" if over else None), shown


def _moves(edits: Edits, column: str) -> bool:
    return any(difference(before.only, after.only) is not None
               for _, before, after in _edited(edits, column) if before.only and after.only)  # fmt: skip


def _rows_of(edits: Edits, column: str) -> int:
    """In how many rows an edit of the column was answered."""
    return len({edit.row for edit, _, _ in _edited(edits, column)})


def _moving(edits: Edits, column: str) -> Replay:
    """A row with every value that a column was given in it: some answer must differ."""
    edited = [edit for edit in edits.edits if edit.column == column]
    own = [one.exchange for one in edits.originals if one.rows[0] == edited[0].row]
    return replays.varying([*own, *(edit.answered.exchange for edit in edited if edit.row == edited[0].row)])


def _edited(edits: Edits, column: str) -> Iterator[tuple[Edit, Answered, Answered]]:
    """Each edit of a column, with the answers before and after it, where both were answered."""
    own = {one.rows[0]: one for one in edits.originals}
    for edit in edits.edits:
        before = own.get(edit.row)
        if edit.column == column and before is not None and before.only is not None and edit.answered.only is not None:
            yield edit, before, edit.answered


def _score(prediction: Prediction | None, relations: Relations) -> float | None:
    """The number that a direction speaks of."""
    if prediction is None:
        return None
    if prediction.probabilities:
        names = prediction.classes or ()
        if relations.score is not None and str(relations.score) in names:
            return prediction.probabilities[names.index(str(relations.score))]
        if isinstance(relations.score, int) and not names and relations.score < len(prediction.probabilities):
            return prediction.probabilities[relations.score]
        return prediction.probabilities[-1]
    value = prediction.prediction
    return float(value) if isinstance(value, int | float) else None
