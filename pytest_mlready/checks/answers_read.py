"""What checks of answers have in common: all of them, their form, and how far repeats differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Answers, Exchange, NotStrictJSON

UNSTEADY = 0.2
"""So many of the repeats differ that nothing can be compared with anything."""


def everything(answers: Answers) -> list[Answered]:
    """Every answer in the record."""
    return [*answers.singles, *answers.repeats, *answers.all_batches, *answers.mixed, *answers.mixed_again]


def malformed(answered: Answered) -> str | None:
    """What is wrong with the form of a 2xx answer; None if nothing is."""
    exchange = answered.exchange
    try:
        exchange.json  # noqa: B018
    except NotStrictJSON as error:
        return f"the body is not strict JSON: {error}"
    if (what := exchange.media_fault or answered.problem) is not None:
        return what
    wanted = max(1, len(answered.rows))
    if len(answered.predictions) != wanted:
        return f"{len(answered.predictions)} predictions for {wanted} rows"
    return None


def repeated(answers: Answers) -> Iterator[tuple[Answered, Answered, str | None]]:
    """Each repeat beside the first answer to its row, and what differs."""
    for singles, repeats in ((answers.singles, answers.repeats), (answers.mixed, answers.mixed_again)):
        first = {one.rows[0]: one for one in singles if one.only is not None}
        for again in repeats:
            once = first.get(again.rows[0])
            if once is not None and once.only is not None and again.only is not None:
                yield once, again, difference(once.only, again.only)


def unsteadiness(answers: Answers) -> float:
    """The share of repeats that were answered otherwise."""
    compared = [what is not None for _, _, what in repeated(answers)]
    return sum(compared) / len(compared) if compared else 0.0


def outcomes(exchanges: Iterable[Exchange]) -> str:
    """How often each outcome came, the commonest first."""
    counted = Counter(one.outcome for one in exchanges)
    return ", ".join(f"{count} × {outcome}" for outcome, count in counted.most_common(4)) or "none asked"
