"""The user's own callable that says what the service should answer: the model offline."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
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
    module, _, name = reference.partition(":")
    if not module or not name.isidentifier():
        raise GatherError(f'{key} must be "module:name" of a callable that takes a list of rows, not {reference!r}')
    sys.path.insert(0, directory)
    try:
        callable_ = getattr(importlib.import_module(module), name)
        answers = list(callable_([dict(row) for row in rows]))
    except Exception as error:
        raise GatherError(f"{key} {reference}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(directory)
    if len(answers) != len(rows):
        raise GatherError(f"{key} {reference} answered {len(answers)} of {len(rows)} rows")
    return tuple(_prediction(f"{key} {reference}", one) for one in answers)


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
