"""Labelled answers as arrays, for the checks of quality: classes coded, probabilities in the order of the classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.finding import Finding, Measurement, errored, failed, inconclusive, passed
from pytest_mlready.measure.estimates import Estimate
from pytest_mlready.measure.performance import needs
from pytest_mlready.measure.proportions import Word
from pytest_mlready.measure.scored import Array, Scored
from pytest_mlready.records import Label, LabelledAnswers, Prediction
from pytest_mlready.records.quality import Answers
from pytest_mlready.settings import Quality, Settings

MOST_CLASSES = 1000


class Unreadable(ValueError):
    """The answers and the truth cannot be compared; the message says why and what to do."""


@dataclass(frozen=True)
class Compared:
    """The rows that all of some answers are known for: their positions, the answers scored, and their entities."""

    at: NDArray[np.intp]
    scored: tuple[Scored, ...]
    clusters: NDArray[np.intp] | None

    @property
    def first(self) -> Scored:
        """What was asked for first: the service's own answers."""
        return self.scored[0]


def declared(settings: Settings) -> Quality:
    """The table `[quality]`."""
    return settings.quality or Quality()


def is_regression(settings: Settings) -> bool:
    """Whether numbers are predicted, by the metric that is declared."""
    return needs(declared(settings).metric) == "numbers"


def compared(record: LabelledAnswers, settings: Settings, *others: Answers, metric: str | None = None) -> Compared:
    """The service's answers, and `others` to the same rows, beside the truth.

    Raises:
        Unreadable: no row is known to all, or the answers are of another kind than the metric or the truth.
    """
    answers = (record.answers, *others)
    at = [row for row in range(len(record.truth)) if all(one[row] is not None for one in answers)]
    if not at:
        raise Unreadable("no labelled row was answered: see the evidence's `refused`")
    told = [[one[row] for row in at] for one in answers]
    truth = [record.truth[row] for row in at]
    wanted = metric or declared(settings).metric
    if needs(wanted) == "numbers":
        numbers = _numbers(truth, "quality.label")
        scored = tuple(Scored(numbers, _numbers([_label(one) for one in each], "the prediction")) for each in told)
    else:
        scored = _classified(truth, told, record, settings)
        if needs(wanted) == "probabilities" and any(one.probabilities is None for one in scored):
            raise Unreadable(f"quality.metric: {wanted} needs probabilities, and the answers hold none")
    entity = declared(settings).entity
    clusters = None if entity is None else _codes(record.beside[entity][row] for row in at)
    return Compared(np.array(at), scored, clusters)


def unfinished(record: LabelledAnswers) -> Finding | None:
    """A finding where rows were refused: what the model would have said of them nobody knows."""
    if not record.unanswered:
        return None
    shown = tuple(f"{one.case}: {one.outcome}: {one.text[:200]}" for one in record.refused)
    what = f"{record.unanswered} of {record.asked} labelled rows got no answer that can be read"
    return inconclusive(f"{what}: the others say nothing of these", details=shown)


def said(record: LabelledAnswers, word: Word, what: str, seen: Estimate, limit: float) -> Finding:
    """The finding of an estimate beside its limit: `what` was seen; where that decides nothing, how many rows would."""
    measured = Measurement(seen.value, "1", seen.n, (seen.lower, seen.upper), limit)
    if word == "fail":
        return failed(what, measured)
    if (doubt := unfinished(record)) is not None:
        return replace(doubt, measurement=measured)
    if word == "pass":
        return passed(what, measured)
    needed = seen.needed(limit)
    more = "no number of rows would decide" if needed is None else f"about {needed} rows would decide"
    return inconclusive(f"{what}; {more}", measured)


def shown(seen: Estimate) -> str:
    """An estimate with its interval."""
    return f"{seen.value:.4g} [{seen.lower:.4g}, {seen.upper:.4g}]"


def unreadable(problem: Unreadable | ValueError) -> Finding:
    """A finding for answers that cannot be compared with the truth."""
    return errored(str(problem))


def key(label: Label) -> str:
    """A class by name: 1, 1.0 and "1" are the same, as files of rows cannot tell them apart."""
    if isinstance(label, bool):
        return str(int(label))
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def groups_of(record: LabelledAnswers, column: str, at: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
    """The positions among `at` of the rows of each group, by its name; numbers of many values are cut in thirds."""
    values = [record.beside[column][row] for row in at]
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(set(values)) > 10 and len(numbers) == len([value for value in values if value is not None]):
        low, high = np.quantile(np.array(numbers, float), [1 / 3, 2 / 3])
        names = ["missing" if value is None else _third(float(value), low, high) for value in values]
    else:
        names = ["missing" if value is None else key(value) for value in values]
    made: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        made.setdefault(name, []).append(position)
    return {name: np.array(made[name]) for name in sorted(made)}


def _third(value: float, low: float, high: float) -> str:
    return f"up to {low:.4g}" if value <= low else f"above {high:.4g}" if value > high else f"{low:.4g} to {high:.4g}"


def _label(answer: Prediction | None) -> Label:
    return None if answer is None else answer.prediction


def _numbers(values: Sequence[Label], what: str) -> Array:
    odd = next((value for value in values if isinstance(value, str | bool) or value is None), 0.0)
    if isinstance(odd, str | bool) or odd is None:
        raise Unreadable(f"{what} should be a number and is {odd!r}: is quality.metric one for classes?")
    return np.array(values, float)


def _classified(
    truth: Sequence[Label], told: Sequence[Sequence[Prediction | None]], record: LabelledAnswers, settings: Settings
) -> tuple[Scored, ...]:
    """Codes of classes, which are those that are declared, or that answers and truth name, in sorted order."""
    named = {name for each in told for one in each if one is not None and one.classes for name in one.classes}
    classes = [key(one) for one in settings.inputs.classes or ()] or sorted({*named, *map(key, record.truth)})
    if len(classes) > MOST_CLASSES:
        raise Unreadable(f"{len(classes)} classes: for numbers declare quality.metric, such as mae or r2")
    code = {name: at for at, name in enumerate(classes)}
    if odd := sorted({key(one) for one in truth} - code.keys()):
        raise Unreadable(f"quality.label: {odd[0]!r} is none of inputs.classes: {', '.join(classes[:10])}")
    scored = tuple(_scored(truth, each, classes, code, settings) for each in told)
    if not np.any(scored[0].predicted >= 0):
        seen = ", ".join(sorted({repr(_label(one)) for one in told[0]})[:3])
        raise Unreadable(f"the service answers {seen}, the true answers are {', '.join(classes[:5])}: other names?")
    return scored


def _scored(
    truth: Sequence[Label],
    told: Sequence[Prediction | None],
    classes: Sequence[str],
    code: dict[str, int],
    settings: Settings,
) -> Scored:
    positive = declared(settings).positive
    if positive is None and settings.relations is not None:
        positive = settings.relations.score
    if positive is not None and key(positive) not in code:
        raise Unreadable(f"quality.positive: {positive!r} is none of the classes: {', '.join(classes[:10])}")
    made = Scored(
        np.array([code[key(one)] for one in truth], float),
        np.array([code.get(key(_label(one)), -1) for one in told], float),
        tuple(classes),
        positive=len(classes) - 1 if positive is None else code[key(positive)],
    )
    shares = [_shares(one, made, code) for one in told]
    known = [one for one in shares if one is not None]
    return replace(made, probabilities=np.array(known)) if len(known) == len(shares) else made


def _shares(answer: Prediction | None, made: Scored, code: dict[str, int]) -> Array | None:
    """The probabilities in the order of the classes; one alone is that of the positive one of two."""
    if answer is None or answer.probabilities is None:
        return None
    shares = np.zeros(len(made.classes))
    if answer.classes is not None:
        for name, share in zip(answer.classes, answer.probabilities, strict=True):
            if name in code:
                shares[code[name]] = share
        return shares
    if len(answer.probabilities) == len(shares):
        return np.array(answer.probabilities)
    if len(answer.probabilities) == 1 and len(shares) == 2:
        shares[:] = 1 - answer.probabilities[0]
        shares[made.positive] = answer.probabilities[0]
        return shares
    return None


def _codes(values: Iterable[Label]) -> NDArray[np.intp]:
    return np.unique([key(value) for value in values], return_inverse=True)[1].astype(np.intp)
