from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from pytest import approx, mark, raises

from pytest_mlready.measure.drift import Columns, Profile, ProfileError, judge, rows_needed
from pytest_mlready.measure.drift.sample_size import current_needed
from tests.unit.measure.drift.made import Rng, columns, compared, reference, seen

ROWS = 5000
Change = Callable[[Rng, dict[str, Any]], Any]


@cache
def known() -> Profile:
    return reference(columns(np.random.default_rng(11), 30_000))


def some(share: float, value: float) -> Change:
    """A share of the normal column's rows have this value."""
    return lambda rng, data: np.where(rng.random(ROWS) < share, value, data["normal"])


SHIFTS: dict[str, tuple[str, Change, str]] = {
    "half a standard deviation": ("normal", lambda rng, data: data["normal"] + 5, "wilcoxon"),
    "a tenth": ("normal", lambda rng, data: data["normal"] + 1.5, "wilcoxon"),
    "variance": ("normal", lambda rng, data: 50 + (data["normal"] - 50) * 1.5**0.5, "spread wilcoxon"),
    "two bumps": ("uniform", lambda rng, data: np.where(data["uniform"] < 0.5, 0.25, 0.75) + rng.normal(0, 0.01, ROWS),
                  "ks"),
    "spread of two bumps": (
        "normal", lambda rng, data: 50 + 10 * rng.choice([-1, 1], ROWS) + rng.normal(0, 1, ROWS), "spread ks"),
    "sentinel": ("normal", some(0.05, -999), "atom"),
    "zeros": ("normal", some(0.05, 50), "atom"),
    "no zeros any more": ("zeros", lambda rng, data: np.abs(data["zeros"]) + rng.exponential(size=ROWS), "atom"),
    "out of range": ("normal", lambda rng, data: np.where(rng.random(ROWS) < 0.02, rng.normal(500, 50, ROWS),
                                                          data["normal"]), "range"),
    "thousandfold": ("normal", lambda rng, data: np.where(rng.random(ROWS) < 0.1, 1000, 1) * data["normal"], "range"),
    "missing": ("normal", some(0.02, np.nan), "missing"),
    "no longer missing": ("gaps", lambda rng, data: np.nan_to_num(data["gaps"], nan=0.1), "missing"),
    "all missing": ("normal", some(1.1, np.nan), "all missing"),
    "infinite": ("normal", some(0.001, np.inf), "infinite"),
    "constant": ("normal", some(1.1, 50.0), "constant"),
    "texts": ("normal", lambda rng, data: Counter({"12.5": ROWS}), "type"),
    "numbers": ("level", lambda rng, data: rng.random(ROWS), "type"),
    "levels": ("level", lambda rng, data: Counter(a=2000, b=1750, c=1000, d=250), "levels"),
    "one level": ("level", lambda rng, data: Counter(a=2700, b=1300, c=750, d=250), "level"),
    "missing levels": ("level", lambda rng, data: Counter({"a": 2400, "b": 1400, "c": 700, "d": 250, None: 250}),
                       "level"),
    "an unseen level": ("level", lambda rng, data: Counter(a=2470, b=1480, c=750, d=250, e=50), "unseen level"),
    "one level only": ("level", lambda rng, data: Counter(a=ROWS), "constant"),
    "lost column": ("normal", lambda rng, data: None, "schema"),
}  # fmt: skip


@mark.parametrize("name", list(SHIFTS))
def test_a_shift_is_found_by_its_test_and_in_its_column_only(name: str) -> None:
    rng = np.random.default_rng(12)
    column, change, test = SHIFTS[name]
    data = columns(rng, ROWS)
    data = {one: value for one, value in {**data, column: change(rng, data)}.items() if value is not None}
    panel = compared(known(), data)
    assert panel.verdict == "fail"
    assert {alarm.column for alarm in panel.alarms} == {column}
    assert test in {alarm.test for alarm in panel.alarms}


def test_data_like_the_reference_pass() -> None:
    panel = compared(known(), columns(np.random.default_rng(13), ROWS))
    assert (panel.verdict, panel.alarms, panel.rows, panel.reference_rows) == ("pass", (), ROWS, 30_000)
    assert {one.verdict for one in panel.columns} == {"pass"}


def test_shifts_too_small_to_matter_pass() -> None:
    rng = np.random.default_rng(14)
    data = columns(rng, 200_000)
    assert compared(known(), {**data, "normal": data["normal"] + 0.2}).verdict == "pass"


def test_the_dependence_of_two_columns() -> None:
    rng = np.random.default_rng(15)
    data = columns(rng, 2000)
    mixed = 0.5 * np.argsort(np.argsort(data["normal"])) + rng.random(2000) * 1000
    data["uniform"] = np.sort(data["uniform"])[np.argsort(np.argsort(mixed))]
    panel = compared(known(), data)
    assert [(alarm.column, alarm.test) for alarm in panel.alarms] == [("normal and uniform", "correlation")]


def test_a_pair_whose_correlation_varies_much_is_left_alone() -> None:
    failed = 0
    for seed in range(100):
        rng = np.random.default_rng([19, seed])
        x = rng.normal(size=800)
        before, after = np.split(np.stack([x, np.where(rng.random(x.size) < 0.1, -x, x)]), 2, axis=1)
        profile = reference({"x": before[0], "y": before[1]})
        failed += bool(compared(profile, {"x": after[0], "y": after[1]}).correlations)
    assert failed <= 1


@mark.parametrize("rows", [0, 1, 5, 19])
def test_a_few_rows_decide_nothing(rows: int) -> None:
    panel = compared(known(), columns(np.random.default_rng(16), rows))
    assert (panel.verdict, panel.alarms) == ("inconclusive", ())
    assert panel.columns[0].reason == f"{rows} values beside 30000, of each 20 are needed"


def test_lost_columns_are_found_without_rows() -> None:
    panel = compared(known(), {"other": np.array([])})
    assert panel.verdict == "fail"
    assert [alarm.test for alarm in panel.alarms] == ["schema"] * 9


def test_too_few_rows_for_a_pass_say_how_many_are_needed() -> None:
    panel = compared(known(), columns(np.random.default_rng(17), 200))
    assert panel.verdict == "inconclusive"
    values = current_needed(panel.needed, 27_000) or 0  # of the column with gaps, in one row of ten
    assert panel.more == approx(values / 0.9, rel=0.01)
    enough = compared(known(), columns(np.random.default_rng(17), panel.more or 0))
    assert (enough.verdict, enough.more) == ("pass", 0)


@mark.parametrize("rows", [5, 3000])
def test_a_column_that_is_mostly_missing_needs_more_rows(rows: int) -> None:
    """One in ten is there: of 30,000 reference rows 3,000 values, of which a part is needed in the current data."""
    before = reference(mostly_missing(30_000))
    panel = compared(before, mostly_missing(rows))
    undecided = {one.name for one in panel.columns if one.verdict == "inconclusive"}
    assert undecided == ({"rare"} if rows == 3000 else {"rare", "x"})
    assert panel.more == approx(10 * (current_needed(panel.needed, 3000) or 0), rel=0.1)
    assert compared(before, mostly_missing(int((panel.more or 0) * 1.1))).verdict == "pass"


def test_a_column_of_which_the_reference_has_too_few_values_is_never_decided() -> None:
    panel = compared(reference(mostly_missing(5000)), mostly_missing(100_000))
    assert (panel.verdict, panel.more) == ("inconclusive", None)


def mostly_missing(rows: int) -> Columns:
    rng = np.random.default_rng([24, rows])
    return {"x": rng.normal(size=rows), "rare": np.where(np.arange(rows) % 10 < 9, np.nan, rng.normal(size=rows))}


def test_what_is_missing_on_both_sides_is_as_it_was() -> None:
    empty: Columns = {"numbers": np.full(3000, np.nan), "levels": Counter({None: 3000})}
    panel = compared(reference(empty), empty)
    assert (panel.verdict, [one.verdict for one in panel.columns]) == ("pass", ["pass", "pass"])
    few = compared(reference(empty), {"numbers": np.full(100, np.nan), "levels": Counter({None: 100})})
    assert (few.verdict, few.more) == ("inconclusive", current_needed(few.needed, 3000))
    assert compared(reference(empty), {**empty, "numbers": np.ones(3000)}).verdict == "fail"


@mark.parametrize(("shift", "rows"), [(0.5, 180), (0.2, 1080), (0.1, 4300)])
def test_rows_needed_for_thirty_columns(shift: float, rows: int) -> None:
    assert rows_needed(30, shift) == approx(rows, rel=0.02)


def test_a_reference_can_be_too_small_for_any_pass() -> None:
    assert current_needed(1000, 900) is None
    assert current_needed(1000, 2000) == 2000


def test_a_rare_level_or_value_that_chance_left_out_is_no_constant() -> None:
    rng = np.random.default_rng(18)
    rare: Columns = {"x": np.where(rng.random(30_000) < 0.01, 1.0, 0.0), "level": seen(a=29_700, b=300)}
    panel = compared(reference(rare), {"x": np.zeros(60), "level": seen(a=60)})
    assert (panel.verdict, panel.alarms) == ("inconclusive", ())


@mark.parametrize("rows", [400, 3000, 50_000])
@mark.parametrize("levels", [250, 1000, 10**9])
def test_many_levels_alike_do_not_seem_to_drift(levels: int, rows: int) -> None:
    """The most frequent of them are so by chance, in the reference and in the current data."""
    rng = np.random.default_rng(23)
    drawn = (Counter(map(str, rng.integers(0, levels, size).tolist())) for size in (2000, rows))
    before, after = (seen(**one) for one in drawn)
    assert compared(reference({"id": before}), {"id": after}).alarms == ()


def test_looks_share_the_level() -> None:
    data = columns(np.random.default_rng(19), 600)
    data["normal"] = data["normal"] + 1.93
    assert compared(known(), data).verdict == "fail"
    assert compared(known(), data, looks=1000).verdict == "inconclusive"


def test_rows_that_come_together_count_as_one() -> None:
    rng = np.random.default_rng(20)
    sessions = {name: np.repeat(rng.normal(size=300), 10) for name in "abcdef"}
    before = reference({name: rng.normal(size=30_000) for name in "abcdef"})
    assert compared(before, sessions).verdict == "fail"
    assert compared(before, sessions, rows_together=10).verdict == "inconclusive"


@mark.parametrize("swapped", [False, True])
@mark.parametrize("kind", ["numbers", "levels"])
def test_one_session_is_no_proof_that_a_column_has_become_constant_or_varies(kind: str, swapped: bool) -> None:
    """A flag that is rare among 100 sessions of 20 rows is in all rows of one of them, on one side only."""
    sessions = np.repeat([1.0, *[0.0] * 99], 20), np.zeros(2000)
    sides: list[dict[str, Any]] = [
        {"flag": one if kind == "numbers" else Counter(map(str, one.tolist()))} for one in sessions
    ]
    before, after = sides[::-1] if swapped else sides
    assert [one.test for one in compared(reference(before), after).alarms] == ["constant"]
    assert compared(reference(before), after, rows_together=20).alarms == ()


def test_current_profiles_of_another_plan_are_refused() -> None:
    other = reference(columns(np.random.default_rng(21), 500))
    with raises(ProfileError, match="'normal' of the two profiles was counted by different plans"):
        judge(known(), other)


def test_a_profile_stands_for_its_data() -> None:
    assert judge(known(), known()).verdict == "pass"


def test_thirty_clean_data_sets_do_not_fail() -> None:
    rng = np.random.default_rng(22)
    assert all(compared(known(), columns(rng, 300)).verdict == "inconclusive" for _ in range(30))
