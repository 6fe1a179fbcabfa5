"""Which columns bad items go to."""

from __future__ import annotations

import pytest

from pytest_mlready.evidence.bad_items import columns_of
from pytest_mlready.records import Row

FULL: Row = {"age": 30, "income": 2000.0, "purpose": "car", "note": "late"}
GAPS: Row = {"age": 31, "income": None, "purpose": "holiday", "note": None}


@pytest.mark.parametrize(
    ("rows", "numeric", "texts"),
    [
        ([FULL, FULL], ["age", "income"], ["purpose", "note"]),
        ([FULL, GAPS], ["age"], ["purpose"]),
        ([{"a": "x", "b": None}, {"a": "y", "b": "z"}], [], ["a"]),
        ([{"a": None, "b": None}, {"a": "y", "b": 1}], [], ["a", "b"]),
        ([{"a": 1, "b": 2.5}], ["a", "b"], []),
        ([{"owns": True, "age": 3}, {"owns": False, "age": 4}], ["age"], ["owns"]),
    ],
)
def test_no_bad_item_goes_where_a_value_may_be_missing(rows: list[Row], numeric: list[str], texts: list[str]) -> None:
    assert columns_of(rows) == (numeric, texts)
