"""Hypothesis strategies for your own tests: valid rows near the samples, and bodies that fit a published schema.

    from hypothesis import given
    from pytest_mlready.strategies import rows

    @given(row=rows())
    def test_the_score_is_a_share(row, mlready_predict):
        assert 0 <= mlready_predict(row).probabilities[1] <= 1

Needs the `strategies` extra: `pip install 'pytest-mlready[strategies]'`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pytest_mlready.inputs import read_rows
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.schemas import schema_errors
from pytest_mlready.records import Row
from pytest_mlready.schema_values import values_of
from pytest_mlready.settings import SettingsError, load

__all__ = ["bodies", "rows"]

Cell = str | bool | int | float | None
SETTINGS = "mlready.toml"


def rows(samples: Sequence[Row] | None = None, *, most_edits: int = 3) -> st.SearchStrategy[dict[str, Cell]]:
    """A sample row with up to `most_edits` values replaced, each within what the samples of its column span.

    Random values over the declared ranges leave a model saturated; near the samples its answers vary. What fails
    shrinks to a sample row with as few edits as show the fault.

    Args:
        samples: rows with the same columns; by default those of `[inputs] rows` in the working directory's
            `mlready.toml`.

    Raises:
        SettingsError: there is no such file, or it declares no rows.
        ValueError: `samples` is empty.
    """
    given = _declared() if samples is None else tuple(samples)
    if not given:
        raise ValueError("rows() needs at least one sample row")
    columns = {name: _column([row[name] for row in given]) for name in given[0]}
    return _edited(given, columns, most_edits)


def bodies(schema: Mapping[str, Any], path: str = "/predict", method: str = "POST") -> st.SearchStrategy[Any]:
    """JSON values that fit a schema: what may be sent, for you to see that it is answered.

    Args:
        schema: a JSON Schema, or an OpenAPI 3 document, of which the request body of `method` and `path` is meant.

    Raises:
        ValueError: the document has no JSON request body there.
    """
    wanted = OpenAPI.parse(schema).request_schema(method, path) if "openapi" in schema else schema
    if wanted is None:
        raise ValueError(f"the document has no JSON request body for {method} {path}")
    fitting = wanted

    def fits(value: Any) -> bool:
        return not schema_errors(fitting, value)

    return values_of(fitting, fitting).filter(fits)


def _declared() -> tuple[Row, ...]:
    path = Path(SETTINGS)
    if not path.is_file():
        raise SettingsError(f"rows() without samples reads {SETTINGS}, and {Path.cwd().name}/ has none")
    found = read_rows(load(path))
    if not found:
        raise SettingsError(f'{SETTINGS}: rows() needs [inputs] rows = "sample.csv"')
    return found


def _column(seen: Sequence[Cell]) -> st.SearchStrategy[Any]:
    """Values that a column may have: those of the samples, and for numbers all between; true and false are none."""
    samples = st.sampled_from(list(dict.fromkeys(seen)))
    numbers = [one for one in seen if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len([one for one in seen if one is not None]) or not numbers:
        return samples
    low, high = min(numbers), max(numbers)
    if all(isinstance(one, int) for one in numbers):
        return samples | st.integers(int(low), int(high))
    return samples | st.floats(float(low), float(high))


@st.composite
def _edited(
    draw: st.DrawFn, samples: Sequence[Row], columns: Mapping[str, st.SearchStrategy[Any]], most_edits: int
) -> dict[str, Cell]:
    row = dict(samples[draw(st.integers(0, len(samples) - 1))])
    for name in draw(st.lists(st.sampled_from(list(columns)), max_size=most_edits, unique=True)):
        row[name] = draw(columns[name])
    return row
