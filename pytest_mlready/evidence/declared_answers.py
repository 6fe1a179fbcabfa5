"""Rows and answers that a file declares: golden ones, of a simple model, of the version before."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.store import GatherError
from pytest_mlready.inputs import rows_of_csv
from pytest_mlready.records import Label, Prediction, Row
from pytest_mlready.records.quality import Answers

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context


def declared_answer(answer: Any, where: str) -> Prediction:
    """One answer: a label or number, or an object with "prediction" and perhaps "probabilities" (and "classes").

    Raises:
        GatherError: it is none of these; the message begins with `where`.
    """
    if not isinstance(answer, Mapping):
        answer = {"prediction": answer}
    prediction, probabilities = answer.get("prediction"), answer.get("probabilities")
    classes = answer.get("classes")
    if isinstance(probabilities, Mapping):
        classes, probabilities = tuple(probabilities), list(probabilities.values())
    if prediction is None or not isinstance(prediction, str | int | float):
        raise GatherError(f"{where}: expected a prediction, got {prediction!r}")
    if probabilities is not None and not (isinstance(probabilities, list) and all(map(_is_number, probabilities))):
        raise GatherError(f"{where}: probabilities: expected numbers")
    numbers = None if probabilities is None else tuple(float(one) for one in probabilities)
    return Prediction(prediction, numbers, classes=None if classes is None else tuple(map(str, classes)))


def named_row(context: Context, row: Any, where: str) -> Row:
    """A declared row by feature name, in the order of the sample rows where these name the same features.

    Raises:
        GatherError: it is no row, or names are needed that nobody gives; the message begins with `where`.
    """
    names = list(context.rows[0]) if context.rows else []
    if isinstance(row, Mapping):
        return {name: row[name] for name in names} if set(names) == set(row) else dict(row)
    if not isinstance(row, list):
        raise GatherError(f"{where}: expected a list or an object")
    if len(names) != len(row):
        if context.target.mapping.row_shape == "object":
            raise GatherError(f"{where} has {len(row)} values, [inputs] rows names {len(names)}")
        names = [str(position) for position in range(len(row))]
    return dict(zip(names, row, strict=True))


def answers_of_file(path: Path, key: str, truth: Sequence[Label]) -> Answers:
    """The answers that a file holds, one for each labelled row; None where it holds null.

    JSON: a list, or an object with the list at "answers", or the `labelled_answers.json` that an earlier run left among
    its evidence. CSV: a column `prediction`, and a column for each class with its probability, if any.

    Args:
        truth: the true answer of each labelled row. A file that holds its own, at "truth" as an earlier run's does, has
            to hold the same: by position alone other rows would be taken for these.

    Raises:
        GatherError: it cannot be read as such, or is not about these rows.
    """
    where = f"quality.{key}: {path.name}"
    try:
        answers, about = (_of_csv(path), None) if path.suffix == ".csv" else _listed(json.loads(path.read_bytes()))
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise GatherError(f"{where} cannot be read: {error}") from None
    if answers is None:
        raise GatherError(f'{where}: expected a list of answers, {{"answers": […]}}, or CSV with a column prediction')
    if len(answers) != len(truth):
        raise GatherError(f"{where} has {len(answers)} answers, there are {len(truth)} labelled rows")
    if about is not None:
        _refuse_other_rows(about, truth, where)
    return tuple(
        None if one is None else declared_answer(one, f"{where}: answers[{at}]") for at, one in enumerate(answers)
    )


def _listed(document: Any) -> tuple[Sequence[Any] | None, Sequence[Any] | None]:
    """The answers of a document, and the truth of their rows where it is told."""
    for held in (document, document.get("record") if isinstance(document, Mapping) else None):
        if isinstance(held, list):
            return held, None
        if isinstance(held, Mapping) and isinstance(held.get("answers"), list):
            about = held.get("truth")
            return list(held["answers"]), about if isinstance(about, list) else None
    return None, None


def _refuse_other_rows(about: Sequence[Any], truth: Sequence[Label], where: str) -> None:
    """Raises GatherError where answers are about rows of another truth than the labelled ones."""
    both = enumerate(zip_longest(about, truth))
    other = [at for at, (then, now) in both if then != now and str(then) != str(now)]
    if not other:
        return
    at = other[0]
    raise GatherError(
        f"{where} is about other rows, or the same in another order: the true answer of {len(other)} of {len(truth)} "
        f"is another, of row {at + 1} {_told(about, at)} there and {_told(truth, at)} now; have today's rows answered"
    )


def _told(truth: Sequence[Any], at: int) -> str:
    return repr(truth[at]) if at < len(truth) else "none"


def _of_csv(path: Path) -> list[Any] | None:
    rows = rows_of_csv(path)
    if rows and "prediction" not in rows[0]:
        return None
    return [
        {
            "prediction": row["prediction"],
            "probabilities": {name: value for name, value in row.items() if name != "prediction"} or None,
        }
        for row in rows
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
