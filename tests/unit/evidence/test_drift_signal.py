"""Which samples tell of drift, and what a look makes of them; shifts that leave rows as they should be."""

from __future__ import annotations

import math
import random
from typing import Any

from pytest import approx, mark

from pytest_mlready.evidence import drift_shifts
from pytest_mlready.evidence.drift_shifts import columns_of, kinds_of, shifted
from pytest_mlready.evidence.drift_signal import PRESETS, Reader, metric_of, similar
from pytest_mlready.evidence.exposition import Samples, samples_of
from pytest_mlready.records import DriftMetric, Row
from pytest_mlready.records.drift import named
from pytest_mlready.settings import DriftSignal
from tests.unit.records_made import exchange

GAUGE = DriftMetric("drift", above=0.5, feature_label="feature")
NAN = math.nan


def samples(**values: float) -> list[tuple[str, dict[str, str], float]]:
    return [("other", {}, 9.0), *(("drift", {"feature": name}, value) for name, value in values.items())]


def test_a_declared_metric_a_preset_or_what_is_found() -> None:
    assert metric_of(DriftSignal(metric="m", below=0.1), []) == DriftMetric("m", below=0.1)
    assert metric_of(DriftSignal(preset="trustyai", labels={"model": "a"}), []) == DriftMetric(
        "trustyai_meanshift", below=0.05, labels={"model": "a"}, feature_label="subcategory"
    )
    found: Samples = [("x", {}, 1.0), ("evidently:data_drift:dataset_drift", {}, 0.0)]
    assert metric_of(DriftSignal(), found) == PRESETS["evidently"]
    assert metric_of(DriftSignal(), [("my_drift_score", {}, 0.0)]) is None
    assert similar([("my_drift_score", {}, 0.0), ("requests", {}, 0.0)]) == ("my_drift_score",)


def test_a_look_names_who_tells_of_drift() -> None:
    seen = Reader(GAUGE).look(100, samples(a=0.0, b=1.0, c=NAN))
    assert (seen.samples, seen.numbers, seen.extreme, seen.firing, seen.problem) == (3, 2, 1.0, ("b",), None)
    low = Reader(DriftMetric("drift", below=0.05, feature_label="feature")).look(1, samples(a=0.01, b=0.9))
    assert (low.extreme, low.firing) == (0.01, ("a",))
    assert Reader(GAUGE).look(1, samples(a=math.inf)).firing == ("a",)
    assert Reader(GAUGE).look(1, "no answer").problem == "no answer"
    of_one = DriftMetric("drift", above=0.5, labels={"feature": "a"})
    assert Reader(of_one).look(1, samples(a=0.0, b=1.0)).samples == 1


def test_a_label_that_no_sample_has_is_a_problem() -> None:
    seen = Reader(GAUGE).look(1, [("drift", {"column": "a"}, 1.0)])
    assert (seen.problem, seen.firing) == ("it has no label 'feature', but 'column'", ("",))
    assert Reader(GAUGE).look(1, [("drift", {}, 0.0), *samples(a=0.0)]).problem is None


def test_of_a_counter_only_what_it_grows_by_counts() -> None:
    reader = Reader(DriftMetric("drift", above=0.0, increase=True))
    seen = [reader.look(1, [("drift", {}, value)]).firing for value in (0.0, 0.0, 3.0, 3.0, 4.0)]
    assert seen == [(), (), ("",), (), ("",)]


def test_values_that_are_not_finite_are_read_as_they_are() -> None:
    text = exchange(body=b"drift NaN\ndrift_other +Inf\n", headers=(("Content-Type", "text/plain"),))
    found = samples_of(text)
    assert not isinstance(found, str)
    assert (math.isnan(found[0][2]), found[1][2]) == (True, math.inf)


@mark.parametrize(
    ("firing", "feature", "is_named"),
    [
        (("mean_radius",), "mean radius", True),
        (("mean_area",), "mean radius", False),
        (("",), "anything", True),
        (("%",), "$", False),
        ((), "x", False),
    ],
)
def test_a_feature_is_named_however_a_label_spells_it(firing: Any, feature: str, is_named: bool) -> None:
    assert named(firing, feature) is is_named


ROWS: list[Row] = [
    {"x": n / 7, "n": n * 3, "flag": n % 2, "zero": 0.0 if n % 3 else 1.0, "same": 5.0, "word": "ab"[n % 2]}
    for n in range(400)
]


def test_each_column_gets_the_shifts_that_can_be_seen_in_it() -> None:
    kinds = {kind: [one.name for one in ones] for kind, ones in kinds_of(columns_of(ROWS), missing=True).items()}
    assert kinds == {
        drift_shifts.HALF_SD: ["x", "n"],
        drift_shifts.FIVE_SENTINEL: ["x", "n", "flag", "zero"],
        drift_shifts.TIMES_1000: ["x", "n", "flag"],
        drift_shifts.FIVE_UNSEEN: ["word"],
        drift_shifts.FIVE_MISSING: ["x", "n", "flag", "zero", "same", "word"],
    }
    assert drift_shifts.FIVE_MISSING not in kinds_of(columns_of(ROWS), missing=False)


@mark.parametrize(
    ("shift", "name", "share"),
    [
        (drift_shifts.HALF_SD, "x", 1.0),
        (drift_shifts.HALF_SD, "n", 1.0),
        (drift_shifts.TIMES_1000, "x", 0.1),
        (drift_shifts.FIVE_SENTINEL, "x", 0.05),
        (drift_shifts.FIVE_MISSING, "word", 0.05),
        (drift_shifts.FIVE_UNSEEN, "word", 0.05),
    ],
)
def test_one_feature_is_shifted_and_the_others_stay(shift: str, name: str, share: float) -> None:
    columns = {one.name: one for one in columns_of(ROWS)}
    made = shifted(ROWS, shift, (columns[name],), random.Random(1))
    assert [{**row, name: 0} for row in made] == [{**row, name: 0} for row in ROWS]
    changed = [row[name] for row, was in zip(made, ROWS, strict=True) if row[name] != was[name]]
    assert len(changed) / len(ROWS) == approx(share, abs=0.04)


def test_whole_numbers_stay_whole_and_move_by_half_a_deviation_on_average() -> None:
    column = next(one for one in columns_of(ROWS) if one.name == "n")
    made = shifted(ROWS, drift_shifts.HALF_SD, (column,), random.Random(1))
    assert all(isinstance(row["n"], int) for row in made)
    moved = sum(float(row["n"] or 0) - float(was["n"] or 0) for row, was in zip(made, ROWS, strict=True)) / len(ROWS)
    assert moved == approx(column.sd / 2, abs=0.1)
