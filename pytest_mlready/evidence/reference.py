"""The user's own callable that says what the service should answer: the model offline."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import Prediction, Row

REFERENCE = "[relations] reference"


def expected_of(
    reference: str | None, directory: str, rows: Sequence[Row], key: str = REFERENCE
) -> tuple[Prediction, ...]:
    """What the reference says of each row; () where none is declared.

    Args:
        key: the setting that declares it, for errors.
        directory: where `mlready.toml` lies; modules are looked for there, too.

    Raises:
        GatherError: it cannot be imported, is not callable, raises, or does not answer every row.
    """
    if reference is None:
        return ()
    callable_ = imported(reference, directory, f'{key} must be "module:name" of a callable that takes a list of rows')
    try:
        with importable(directory):
            answers = list(callable_([dict(row) for row in rows]))
    except Exception as error:
        raise GatherError(f"{key} {reference}: {type(error).__name__}: {error}") from error
    if len(answers) != len(rows):
        raise GatherError(f"{key} {reference} answered {len(answers)} of {len(rows)} rows")
    return tuple(_prediction(f"{key} {reference}", one) for one in answers)


@contextlib.contextmanager
def importable(directory: str) -> Iterator[None]:
    """Modules are looked for in the directory, too, also those that a callable imports when it is called."""
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.path.remove(directory)


def imported(named: str, directory: str, form: str) -> Callable[..., Any]:
    """The user's callable "module:name".

    Args:
        directory: see `importable`.
        form: a sentence on what was expected, for the error; it begins with the key of `mlready.toml`.

    Raises:
        GatherError: it cannot be imported, or is not callable.
    """
    module, _, name = named.partition(":")
    if not module or not name.isidentifier():
        raise GatherError(f"{form}, not {named!r}")
    try:
        with importable(directory):
            found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise GatherError(f"{form.partition(' must')[0]} {named}: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise GatherError(f"{form}, and {named!r} is not callable")
    return found  # type: ignore[no-any-return]


def _prediction(who: str, answer: Any) -> Prediction:
    """A bare label or number, or a mapping; what numpy returns is made plain."""
    found = answer if isinstance(answer, Mapping) else {"prediction": answer}
    prediction = _plain(found.get("prediction"))
    if not isinstance(prediction, str | int | float):
        raise GatherError(f"{who} answered {answer!r}, not a label, a number or a mapping")
    probabilities = found.get("probabilities")
    if isinstance(probabilities, Mapping):
        classes = tuple(str(one) for one in probabilities)
        return Prediction(prediction, tuple(float(one) for one in probabilities.values()), classes=classes)
    return Prediction(prediction, None if probabilities is None else tuple(float(one) for one in probabilities))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
