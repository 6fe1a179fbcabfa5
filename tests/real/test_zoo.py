"""Healthy services of many kinds raise no alarm, and are judged at all: what cannot pass there has its reason."""

from __future__ import annotations

import pytest

from pytest_mlready.finding import Status
from tests.zoo.judging import answers_still, drawn, judged, started
from tests.zoo.kept import ZOO, Kept

SEED = 11
UNHURRIED = {
    "fuzz.memory_steady": "memory is seen over a number of requests",
    "fuzz.time_scales_linearly": "batches are timed, in rounds",
}
"""What a busy machine may leave undecided, for want of time."""


@pytest.mark.parametrize("kept", ZOO, ids=lambda one: one.name)
def test_a_healthy_service_raises_no_alarm(kept: Kept) -> None:
    with started(kept) as context:
        own = drawn(context, SEED)
        findings = judged(own)
        still = answers_still(own.target, own)
    told = {check: f"{one.status}: {one.summary}" for check, one in findings.items()}
    assert {check for check, one in findings.items() if one.status is Status.FAIL} == set(kept.lacks), told
    undecided = {check for check, one in findings.items() if one.status is not Status.PASS} - set(kept.lacks)
    assert undecided - set(UNHURRIED) == set(kept.unproven), told
    for check, reason in {**kept.unproven, **kept.lacks}.items():
        assert reason in findings[check].summary
    assert still


def test_there_are_services_of_many_kinds() -> None:
    assert len(ZOO) >= 7
