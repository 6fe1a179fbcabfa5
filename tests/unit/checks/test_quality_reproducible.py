"""Whether the model can be made again, on literal records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks.quality_reproducible import reproducible
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Retraining, TrainingRun
from tests.unit.records_made import settings

RUN = TrainingRun(0, 1.0, {"accuracy": 0.9, "loss": 20.0}, {"seed": 7, "parameters": {"depth": 2, "rate": 0.1}})


def judge(*runs: TrainingRun, recorded: TrainingRun | None = RUN, **declared: Any) -> Finding:
    table = {"command": "train", "same": ["seed", "parameters"], **declared}
    return reproducible(Retraining(runs, recorded, "1.0.0"), settings(quality={"training": table}))


def changed(**metrics: float) -> TrainingRun:
    return replace(RUN, metrics={**RUN.metrics, **metrics})


def test_the_same_metrics_pass() -> None:
    found = judge(RUN, RUN)
    assert found.status is Status.PASS
    assert found.summary == "trained twice, 2 metrics are the same, as recorded with 1.0.0"
    assert judge(RUN, RUN, recorded=None).summary == "trained twice, 2 metrics are the same"


@pytest.mark.parametrize(
    ("other", "tolerance", "status"),
    [
        (changed(accuracy=0.9004), 0.0005, Status.PASS),
        (changed(accuracy=0.9006), 0.0005, Status.FAIL),
        (changed(loss=20.009), 0.0005, Status.PASS),
        (changed(loss=20.02), 0.0005, Status.FAIL),
        (changed(accuracy=0.9 + 1e-12), 0.0, Status.FAIL),
    ],
)
def test_numbers_have_a_tolerance(other: TrainingRun, tolerance: float, status: Status) -> None:
    assert judge(RUN, other, recorded=None, tolerance=tolerance).status is status
    assert judge(RUN, RUN, recorded=other, tolerance=tolerance).status is status


def test_what_differs_is_named_with_both_figures_and_where() -> None:
    twice, recorded = judge(RUN, changed(accuracy=0.8)), judge(RUN, RUN, recorded=changed(accuracy=0.8))
    assert "accuracy is 0.9 and 0.8 in two runs of the same training: 0.1 apart, 1e-06 allowed" in twice.summary
    assert "accuracy is 0.9 and 0.8 when trained again, and recorded with the model" in recorded.summary
    assert twice.measurement is not None
    assert twice.measurement.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("same", "said"),
    [
        ({**RUN.same, "seed": 8}, "seed differs when trained again, and recorded with the model: 7, 8"),
        (
            {**RUN.same, "parameters": {"depth": 3, "rate": 0.1}},
            "parameters differs when trained again, and recorded with the model: depth 2, 3",
        ),
        ({"parameters": RUN.same["parameters"]}, "seed is not told when trained again, and recorded with the model"),
    ],
)
def test_what_it_is_made_from_is_named_before_the_metrics(same: dict[str, Any], said: str) -> None:
    found = judge(RUN, RUN, recorded=replace(changed(accuracy=0.8), same=same))
    assert (found.status, found.summary) == (Status.FAIL, said)


def test_metrics_of_one_run_only() -> None:
    found = judge(RUN, changed(auc=0.9))
    assert (found.status, found.summary) == (Status.FAIL, "auc is told by one of two runs")


def test_recorded_metrics_that_are_told_no_more_are_listed() -> None:
    found = judge(RUN, RUN, recorded=changed(auc=0.9))
    assert found.status is Status.PASS
    assert "recorded, and not told by the training: auc" in found.details
    none = judge(RUN, RUN, recorded=replace(RUN, metrics={"auc": 0.9}))
    assert none.status is Status.FAIL
    assert none.summary == "the training tells accuracy, loss, recorded is auc: no metric is both"


@pytest.mark.parametrize(
    ("exit_code", "status"), [(1, Status.FAIL), (-9, Status.FAIL), (None, Status.INCONCLUSIVE), (0, Status.ERROR)]
)
def test_a_run_that_tells_nothing(exit_code: int | None, status: Status) -> None:
    broken = TrainingRun(exit_code, 1.0, problem="it broke", last_line="KeyError: 'seed'")
    found = judge(RUN, broken)
    assert found.status is status
    assert found.summary == "the training cannot be repeated: it broke; its last line: KeyError: 'seed'"
    assert judge(replace(broken, last_line="")).summary.endswith("it printed nothing")


def test_one_run_compares_with_nothing() -> None:
    assert judge(RUN).status is Status.INCONCLUSIVE
