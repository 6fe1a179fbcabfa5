"""The check of a canary on literal series."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_mlready.checks.canary import canary_abort
from pytest_mlready.finding import Status
from pytest_mlready.records import Canary

STEADY: Mapping[str, tuple[float, ...]] = {
    "latency_s": (0.0101, 0.0099, 0.01) * 20,
    "slowest_s": (0.02, 0.021) * 30,
    "errors": (0.0,) * 60,
    "score": (0.4, 0.41, 0.39) * 20,
    "wrong": (0.1, 0.11) * 30,
}


def canary(**changed: tuple[float, ...]) -> Canary:
    return Canary(("2", "1"), 8, 4.0, {**STEADY, **changed}, STEADY)


def test_a_candidate_like_its_control_passes() -> None:
    assert canary_abort(canary()).status is Status.PASS


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("latency_s", tuple(1.25 * one for one in STEADY["latency_s"])),
        ("slowest_s", tuple(2.5 * one for one in STEADY["slowest_s"])),
        ("errors", (0.125, 0.0, 0.125) * 20),
        ("score", tuple(0.8 * one for one in STEADY["score"])),
        ("score", tuple(1.2 * one for one in STEADY["score"])),
        ("wrong", tuple(1.5 * one for one in STEADY["wrong"])),
    ],
)
def test_one_that_is_worse_is_aborted_for_that(metric: str, values: tuple[float, ...]) -> None:
    found = canary_abort(canary(**{metric: values}))
    assert found.status is Status.FAIL
    assert found.summary.startswith(f"abort 2 beside 1: {metric} worse by ")


def test_a_noisy_one_says_how_long_it_would_take() -> None:
    found = canary_abort(canary(latency_s=(0.001, 0.02, 0.009) * 20))
    assert found.status is Status.INCONCLUSIVE
    assert "points would decide, 60 were asked" in found.summary


def test_too_few_points_are_no_verdict() -> None:
    few = {name: values[:20] for name, values in STEADY.items()}
    assert canary_abort(Canary(("2", "1"), 8, 1.0, few, few)).status is Status.INCONCLUSIVE
