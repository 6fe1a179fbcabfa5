from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from pytest import approx, mark

from pytest_mlready.checks import drift
from pytest_mlready.finding import Finding
from pytest_mlready.measure.drift import to_plain
from pytest_mlready.profiling import drift as compare
from pytest_mlready.profiling import profile
from pytest_mlready.records import DriftData
from tests.unit.records_made import settings

ROWS = 3000
GATHERED = 1_800_000_000.0


@cache
def table(seed: int, rows: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    level = rng.choice(["a", "b", "c"], rows).astype(object)
    return {"x": rng.normal(50, 10, rows), "n": rng.poisson(3, rows), "level": level, "score": rng.random(rows)}


def data(current: dict[str, Any] | None = None, **given: Any) -> DriftData:
    """A record of the reference and of current data: columns that replace some, None for one that is lost."""
    columns = {name: column for name, column in {**table(2), **(current or {})}.items() if column is not None}
    before = profile(table(1))
    after = profile(columns, like=before)
    made_at = given.pop("made_at", GATHERED)
    return DriftData(to_plain(before, made_at), to_plain(after), GATHERED, **given)


def judged(check: Any, current: dict[str, Any] | None = None, declared: dict[str, Any] | None = None) -> Finding:
    found: Finding = check(data(current), settings(drift={"prediction": "score", **(declared or {})}))
    return found


def test_without_rows_nothing_is_known_of_kinds() -> None:
    empty = {name: column[:0] for name, column in table(2).items()}
    found = judged(drift.schema_skew, empty)
    assert (found.status, "0 values beside 3000" in found.summary) == ("inconclusive", True)
    assert judged(drift.schema_skew, {**empty, "x": None}).status == "fail"


CHECKS = (drift.schema_skew, drift.missing, drift.out_of_range, drift.distribution, drift.prediction)
x, level = table(2)["x"], table(2)["level"]
some = np.arange(ROWS) % 20 == 0
REDS: dict[str, tuple[dict[str, Any], set[Any], str]] = {
    "shifted": ({"x": x + 5}, {drift.distribution}, "drift: x: quartiles were"),
    "a level is rarer": (
        {"level": np.where(np.arange(ROWS) % 4 == 0, "c", level).astype(object)},
        {drift.distribution},
        "drift: level: ",
    ),
    "missing": ({"x": np.where(some, np.nan, x)}, {drift.missing}, "drift: x: 0.00% missing or infinite, now 5.00%"),
    "all missing": ({"x": np.full(ROWS, np.nan)}, {drift.missing}, "drift: x: all 3000 values are missing"),
    "infinite": ({"x": np.where(some, np.inf, x)}, {drift.missing}, "drift: x: 150 of 3000 values are infinite"),
    "new level": (
        {"level": np.where(some, "z", level).astype(object)},
        {drift.missing, drift.distribution},
        "have levels that the reference lacks: 'z'",
    ),
    "sentinel": (
        {"x": np.where(some, -999, x)},
        {drift.out_of_range, drift.distribution},
        "drift: x: 15",
    ),
    "lost": ({"x": None}, {drift.schema_skew}, "drift: x: is not in the current data (3000 rows)"),
    "texts": ({"x": x.astype(str).astype(object)}, {drift.schema_skew}, "drift: x: held numbers, holds levels"),
    "more": ({"new": x}, {drift.schema_skew}, "drift: new: is not in the reference (3000 rows)"),
    "predictions": ({"score": table(2)["score"] ** 2}, {drift.prediction}, "drift: score: quartiles were"),
}


@mark.parametrize("name", list(REDS))
def test_a_change_turns_its_checks_red_and_no_other(name: str) -> None:
    current, red, says = REDS[name]
    findings = {check: judged(check, current) for check in CHECKS}
    assert {check for check, found in findings.items() if found.status == "fail"} == red
    assert says in " ".join(found.summary for found in findings.values() if found.status == "fail")


@mark.parametrize("check", CHECKS)
def test_data_like_the_reference_pass(check: Any) -> None:
    assert judged(check).status == "pass"


@mark.parametrize("check", CHECKS[1:])
def test_too_few_rows_are_inconclusive_and_say_how_many_would_do(check: Any) -> None:
    found = judged(check, table(3, 40))
    assert found.status == "inconclusive"
    assert "current rows would decide" in found.summary


def test_the_smallest_shift_decides_how_many_rows_a_pass_needs() -> None:
    found = judged(drift.distribution, table(3, 400), {"smallest_shift": 0.5})
    assert (found.status, found.measurement and found.measurement.n) == ("pass", 400)
    assert judged(drift.distribution, table(3, 400), {"smallest_shift": 0.1}).status == "inconclusive"


def test_the_measurement_is_the_effect_beside_its_floor() -> None:
    found = judged(drift.missing, {"x": np.where(some, np.nan, x)})
    assert found.measurement is not None
    assert found.measurement.value == approx(0.05)
    assert (found.measurement.limit, found.measurement.n) == (0.005, ROWS)


def served(check: Any, names: tuple[str, ...], *, ordered: bool = True, **declared: Any) -> Finding:
    found: Finding = check(replace(data(), served=names, ordered=ordered), settings(drift=declared))
    return found


def test_rows_without_names_are_in_the_reference_s_order() -> None:
    assert served(drift.schema_skew, ("x", "n", "level")).status == "pass"
    found = served(drift.schema_skew, ("n", "x", "level"))
    assert found.summary == "rows travel without names, and 'n' is sent where the reference has 'x'"
    assert served(drift.schema_skew, ("n", "x", "level"), ordered=False).status == "pass"


def test_the_service_is_sent_what_the_reference_has() -> None:
    found = served(drift.schema_skew, ("x", "colour"))
    assert (found.status, found.summary) == ("fail", "the service is sent 'colour', which the reference does not have")
    assert served(drift.schema_skew, ("x", "colour"), ignore=["colour"]).status == "pass"


def test_all_columns_that_are_served_are_watched() -> None:
    assert served(drift.all_types, ("x", "level")).status == "pass"
    found = served(drift.all_types, ("x", "flag", "level"))
    assert (found.status, found.summary) == ("fail", "1 columns of 3 are not watched: 'flag'")
    assert served(drift.all_types, ()).status == "inconclusive"


@mark.parametrize(("days", "status"), [(10, "pass"), (90, "pass"), (91, "fail"), (None, "inconclusive")])
def test_the_age_of_the_reference(days: float | None, status: str) -> None:
    record = data(made_at=None if days is None else GATHERED - days * 86_400)
    assert drift.model_age(record, settings(drift={"max_age_days": 90})).status == status


def test_a_whole_panel_is_one_finding() -> None:
    before = {"x": np.arange(3000.0)}
    cases = ((before, "pass"), ({"x": np.arange(40.0) * 70}, "inconclusive"), ({"x": before["x"] + 500}, "fail"))
    found = [drift.of_panel(compare(before, now)) for now, _ in cases]
    assert [one.status for one in found] == [status for _, status in cases]
    assert found[0].summary == "nothing drifted: 1 columns, 3000 rows"
    assert drift.of_panel(compare(np.zeros((5, 0)), np.zeros((5, 0)))).status == "inconclusive"


def test_a_prediction_that_is_in_no_file() -> None:
    found = judged(drift.prediction, declared={"prediction": "answer"})
    assert found.summary == "neither the reference nor the current data have a column 'answer'"
