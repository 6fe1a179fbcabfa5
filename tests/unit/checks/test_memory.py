"""Memory over generated rows, on literal records."""

from __future__ import annotations

import pytest

from pytest_mlready.checks.memory import memory_steady
from pytest_mlready.finding import Status
from pytest_mlready.records import Corpus

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("mib", "status", "words"),
    [
        ((100, 106, 112, 118, 124), Status.FAIL, "24 MiB over 120 requests"),
        ((100, 106, 112, 112, 124), Status.PASS, "204.8 KiB a request"),
        ((100, 102, 104, 106, 108), Status.PASS, "68.3 KiB a request"),
        ((100, 140, 140, 140, 140), Status.PASS, "341.3 KiB"),
        ((100, 90, 95, 92, 91), Status.PASS, "0.0 KiB a request over 120"),
        ((100, 106, 112, 118), Status.INCONCLUSIVE, "120 are needed"),
        ((), Status.NOT_APPLICABLE, "not started by the run"),
    ],
)
def test_growth_without_a_pause_fails(mib: tuple[int, ...], status: Status, words: str) -> None:
    found = memory_steady(Corpus((), (), memory=tuple(one * MIB for one in mib)))
    assert found.status is status
    assert words in found.summary
