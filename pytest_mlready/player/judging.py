"""What must hold of a replay's answers: each function says what it looked at, and what is wrong or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pytest_mlready.measure.agreement import TOLERANCE, difference
from pytest_mlready.player.documented import breaks
from pytest_mlready.protocols.json_mapping import BadAnswer, JsonMapping
from pytest_mlready.records.exchange import Exchange, NotStrictJSON

NOT_IMPLEMENTED = 501
NOISE = 1e-9
FEWEST_LOOKS = 3


class CannotSay(Exception):
    """What is to be compared is not there: the plain request itself is not answered."""


@dataclass(frozen=True)
class Predicted:
    """One row's answer as it is compared."""

    prediction: Any
    probabilities: tuple[float, ...] | None
    version: str | None
    classes: tuple[str, ...] | None
    request_id: str | None = None


@dataclass(frozen=True)
class Heard:
    """One answer, decoded where it has a 2xx status; `problem` says why it cannot be read."""

    exchange: Exchange
    rows: tuple[Predicted, ...] = ()
    problem: str | None = None

    @property
    def became(self) -> str:
        """What became of the request, in words."""
        status = self.exchange.status
        outcome = f"answered {status}" if status is not None else f"got no answer ({self.exchange.failure})"
        return f"{outcome}, {self.problem}" if self.problem else outcome


def decoded(mapping: JsonMapping, exchange: Exchange) -> Heard:
    """An exchange with its predictions."""
    if not exchange.ok:
        return Heard(exchange)
    together = exchange.path == mapping.batch_path or (mapping.batch_path is None and mapping.nested)
    try:
        answers = mapping.answers(exchange) if together else [mapping.answer(exchange)]
    except BadAnswer as error:
        return Heard(exchange, problem=f"which cannot be read: {error}")
    body = exchange.json_or_none
    unmapped = body.get("model_version") if mapping.version_key is None and isinstance(body, Mapping) else None
    rows = []
    for one in answers:
        named = one.probabilities if isinstance(one.probabilities, dict) else None
        probabilities = one.probabilities if named is None else tuple(named.values())
        version = one.version if one.version is not None else (None if unmapped is None else str(unmapped))
        classes = None if named is None else tuple(named)
        rows.append(Predicted(one.prediction, probabilities, version, classes, one.request_id))  # type: ignore[arg-type]
    return Heard(exchange, tuple(rows))


Answers = Mapping[int, Sequence[Heard]]
Judgement = tuple[str, str | None]


def refused(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    status = one[0].exchange.status
    if one[0].exchange.undecided:
        raise CannotSay(f"{one[0].exchange.case}: {one[0].became}, for another reason than the input")
    right = (status is None and told.get("lenient", False)) or (status is not None and 400 <= status < 500)
    return "must be refused with 4xx", None if right or status == NOT_IMPLEMENTED else one[0].became


def survived(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    bad = [each for each in one if each.exchange.status is None or each.exchange.status >= 500 or each.problem]
    return "must be answered or refused, and readable", bad[0].became if bad else None


def well_formed(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    wanted = told["rows"]
    for each in one:
        exchange = each.exchange
        if not exchange.ok:
            return "must be answered with 2xx", each.became
        try:
            body = exchange.json
        except NotStrictJSON as error:
            return "must be strict JSON", str(error)
        if exchange.media_fault is not None:
            return "must call itself JSON", exchange.media_fault
        if each.problem or len(each.rows) != wanted:
            return f"must hold {wanted} predictions", each.problem or f"{len(each.rows)} predictions"
        if told.get("schema") is not None and (wrong := breaks(told["schema"], body)) is not None:
            return "must be as the interface document has it", wrong
    return f"must be JSON with {wanted} predictions, as documented", None


def alike(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    _row(one[0])
    wrong = [what for each in one[1:] if (what := _against(one[0], each)) is not None]
    asked = f"asked {len(one)} times, must be answered alike"
    share = f"{len(wrong)} of {len(one)} answers ({len(wrong) / len(one):.1%}) differ: {wrong[0]}" if wrong else None
    return asked, share


def apart(told: Mapping[str, Any], *several: Sequence[Heard]) -> Judgement:
    owner: dict[str, int] = {}
    wrong = 0
    for at, heard in enumerate(several):
        for name in [row.request_id for one in heard for row in one.rows[:1]]:
            wrong += name is not None and owner.setdefault(name, at) != at
    return "no answer may have the id of another request's", f"{wrong} do" if wrong else None


def same(told: Mapping[str, Any], one: Sequence[Heard], other: Sequence[Heard]) -> Judgement:
    place, there = told.get("rows", (0, 0))
    what = f"must be answered in row {there} of {other[0].exchange.case!r} as in its own row {place}"
    plain, spelled = one[0], other[0]
    status = spelled.exchange.status
    turned_down = status is not None and (400 <= status < 500 or (status == NOT_IMPLEMENTED and told.get("lenient")))
    if not plain.rows:
        if plain.exchange.status is None or not 400 <= plain.exchange.status < 500:
            raise CannotSay(f"{plain.exchange.case}: {plain.became}")
        return what, None if turned_down else f"alone {plain.became}, there {spelled.became}"
    if turned_down and told.get("lenient"):
        return what, None
    if there >= len(spelled.rows):
        return what, f"{spelled.became}, {len(spelled.rows)} predictions"
    return what, difference(_row(plain, place), spelled.rows[there])  # type: ignore[arg-type]


def vary(told: Mapping[str, Any], *several: Sequence[Heard]) -> Judgement:
    rows = [_row(one[0]) for one in several]
    moved = any(difference(rows[0], other) is not None for other in rows[1:])  # type: ignore[arg-type]
    return f"of {len(rows)} requests the answers must differ", None if moved else f"all {rows[0].prediction!r}"


def ordered(told: Mapping[str, Any], high: Sequence[Heard], low: Sequence[Heard]) -> Judgement:
    upper, lower = _score(_row(high[0]), told.get("score")), _score(_row(low[0]), told.get("score"))
    what = f"must have no smaller score than {low[0].exchange.case!r}"
    return what, f"{upper:g} and {lower:g}" if lower - upper > NOISE * max(1.0, abs(lower)) else None


def within(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    value = _row(one[0]).prediction
    low, high = told.get("low"), told.get("high")
    beyond = (low is not None and value < low) or (high is not None and value > high)
    return f"must lie between {low} and {high}", f"{value:g}" if beyond else None


def equals(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    expected = dict(told["expected"])
    probabilities = expected.get("probabilities")
    wanted = Predicted(expected["prediction"], tuple(probabilities) if probabilities else None, None, None)
    tolerance = told.get("tolerance", TOLERANCE)
    what = f"must be answered as the reference does, {expected['prediction']!r}"
    return what, difference(wanted, _row(one[0]), tolerance)  # type: ignore[arg-type]


def faster(told: Mapping[str, Any], one: Sequence[Heard]) -> Judgement:
    best = min(each.exchange.elapsed_s for each in one)
    what = f"must take less than {told['limit']:.2f} s at best of {len(one)}"
    return what, f"{best:.2f} s" if best > told["limit"] else None


def linear(told: Mapping[str, Any], *parts_and_whole: Sequence[Heard]) -> Judgement:
    for one in parts_and_whole:
        _row(one[0])
    *parts, whole = [[each.exchange.elapsed_s for each in one] for one in parts_and_whole]
    apart, together = min(map(sum, zip(*parts, strict=True))), min(whole)
    exponent = 1 + math.log(max(together, 1e-9) / max(apart, 1e-9)) / math.log(len(parts))
    what = f"time must grow with rows to a power below {told['limit']}"
    shown = f"{exponent:.2f}: {apart / len(parts) * 1000:.1f} ms a part, {together * 1000:.1f} ms for {len(parts)}"
    return what, shown if exponent > told["limit"] else None


def steady(told: Mapping[str, Any], *several: Sequence[Heard]) -> Judgement:
    seen = [one for one in told["memory"] if one is not None]
    if len(seen) < FEWEST_LOOKS:
        raise CannotSay("memory is seen on the machine where the service runs only, and under Linux")
    grown = [(after - before) / len(several) for before, after in pairwise(seen)]
    shown = f"{min(grown) / 1024:.0f} to {max(grown) / 1024:.0f} KiB in each of {len(grown)} rounds"
    grows = min(grown) > told["limit"] and seen[-1] - seen[0] > told["least"]
    return f"and {len(several) - 1} more: memory must not grow with each request", shown if grows else None


JUDGES: Mapping[str, Callable[..., Judgement]] = {
    one.__name__: one
    for one in (
        refused,
        survived,
        well_formed,
        alike,
        apart,
        same,
        vary,
        ordered,
        within,
        equals,
        faster,
        linear,
        steady,
    )
}


def _row(heard: Heard, place: int = 0) -> Predicted:
    if place >= len(heard.rows):
        raise CannotSay(f"{heard.exchange.case}: {heard.became}")
    return heard.rows[place]


def _against(first: Heard, heard: Heard) -> str | None:
    if len(heard.rows) != len(first.rows):
        return f"{heard.became}, {len(heard.rows)} predictions"
    pairs = zip(first.rows, heard.rows, strict=True)
    return next((what for one, other in pairs if (what := difference(one, other)) is not None), None)  # type: ignore[arg-type]


def _score(row: Predicted, score: object) -> float:
    if row.probabilities:
        names = row.classes or ()
        if score is not None and str(score) in names:
            return row.probabilities[names.index(str(score))]
        if isinstance(score, int) and not names and score < len(row.probabilities):
            return row.probabilities[score]
        return row.probabilities[-1]
    return float(row.prediction)
