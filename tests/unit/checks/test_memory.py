"""Memory over generated rows, on literal records."""

from __future__ import annotations

import pytest

from pytest_mlready.checks.memory import memory_steady
from pytest_mlready.finding import Status
from pytest_mlready.records import BadItem, BadItems, Corpus, Generated
from tests.unit.records_made import answered

MIB = 1024 * 1024
ONE = Generated(0, {}, answered())


@pytest.mark.parametrize(
    ("mib", "status", "words"),
    [
        ((100, 106, 112, 118), Status.FAIL, "18 MiB over 60 answers"),
        ((100, 106, 112, 118, 124), Status.FAIL, "307 to 307 KiB each"),
        ((100, 106, 112, 112, 124), Status.PASS, "307.2 KiB each over 80 answers"),
        ((100, 101, 102, 103, 104), Status.PASS, "51.2 KiB each"),
        ((100, 102, 104, 106), Status.PASS, "102.4 KiB each"),
        ((100, 140, 140, 140, 140), Status.PASS, "512.0 KiB"),
        ((100, 90, 95, 92, 91), Status.PASS, "0.0 KiB each over 80 answers; a leak below 96 KiB"),
        ((100, 106, 112), Status.INCONCLUSIVE, "60 are needed"),
        ((), Status.NOT_APPLICABLE, "not started by the run"),
    ],
)
def test_growth_without_a_pause_fails(mib: tuple[int, ...], status: Status, words: str) -> None:
    found = memory_steady(Corpus((), 80 * (ONE,), memory=tuple(one * MIB for one in mib)))
    assert found.status is status
    assert words in found.summary


def test_growth_belongs_to_answers_where_only_they_leave_something() -> None:
    refused = Generated(0, {}, answered(status=422))
    cases = (*(5 * (ONE,) + 15 * (refused,)) * 3, *20 * (refused,))
    found = memory_steady(Corpus((), cases, memory=tuple(one * MIB for one in (100, 103, 106, 109, 109))))
    assert found.status is Status.FAIL
    assert "9 MiB over 15 answers" in found.summary
    assert found.script is not None
    assert len(found.script.requests) == 15


def test_what_refusals_leave_is_seen_as_well() -> None:
    refused = Generated(0, {}, answered(status=422))
    found = memory_steady(Corpus((), 80 * (refused,), memory=tuple(one * MIB for one in (100, 105, 110, 115, 120))))
    assert found.status is Status.FAIL
    assert "20 MiB over 80 refusals" in found.summary
    assert memory_steady(Corpus((), 80 * (refused,), memory=5 * (100 * MIB,))).status is Status.PASS


def test_what_bad_rows_leave_is_seen_where_no_generated_row_is_refused() -> None:
    corpus = Corpus((), 80 * (ONE,), memory=5 * (100 * MIB,))
    items = tuple(BadItem("NaN", "a", answered(status=422).exchange, ()) for _ in range(45))
    looks = tuple((count, (100 + mib) * MIB) for count, mib in ((0, 0), (11, 3), (22, 6), (45, 12)))
    found = memory_steady(corpus, BadItems((), items, memory=looks))
    assert found.status is Status.FAIL
    assert "12 MiB over 45 bad rows refused" in found.summary
    assert found.script is not None
    assert found.script.requests[0].path == items[0].exchange.path
    steady = tuple((count, 100 * MIB) for count, _ in looks)
    assert memory_steady(corpus, BadItems((), items, memory=steady)).status is Status.PASS
    once = (looks[0], *((count, 112 * MIB) for count, _ in looks[1:]))
    assert memory_steady(corpus, BadItems((), items, memory=once)).status is Status.PASS
