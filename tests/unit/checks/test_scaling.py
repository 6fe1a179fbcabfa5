"""What answers cost, on literal records: linear and slow throughout is green, pairs of rows and slow values are red."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks.scaling import exponent, time_scales_linearly
from pytest_mlready.finding import Status
from pytest_mlready.records import BatchTimes, Scaling, SlowRow, TextTimes
from tests.unit.records_made import exchange

BATCH = exchange(case="a batch of 300 rows", path="/predict/batch")
ROWS = (0.002,) * 90


def batch(power: float, *, ms: float = 20.0, noise: tuple[float, ...] = (1.0, 1.1, 1.5)) -> BatchTimes:
    """Rounds of a service that takes `ms` for a batch of 100 and time by the power of the number of rows."""
    three = tuple(3 * ms / 1000 * one for one in noise)
    whole = tuple(3**power * ms / 1000 * one for one in reversed(noise))
    return BatchTimes(100, three, whole, BATCH)


def slow(*seconds: float, between: tuple[float, ...] = (0.002, 0.002, 0.002)) -> SlowRow:
    return SlowRow(exchange(case="a row with area at its largest (2501.0)"), seconds, between)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_exponent_is_that_of_the_best_rounds(power: float) -> None:
    assert exponent(batch(power, noise=(1.0,) * 3)) == pytest.approx(power)


@pytest.mark.parametrize("steep", [1, 5, 6])
def test_three_rounds_in_four_have_to_say_it(steep: int) -> None:
    """The best of n had no pause, each of 3n had one: three of eight rounds that are linear make it doubtful."""
    three = (0.02,) * steep + (0.06,) * (8 - steep)
    found = exponent(BatchTimes(100, three, (0.062,) * 8, BATCH))
    assert (found > 1.5) is (steep == 6)


@pytest.mark.parametrize(
    ("three_cpu_s", "whole_cpu_s", "power"), [(0.3, 0.3, 1.0), (0.3, 0.9, 2.0), (0.0, 0.09, 1.5), (0.0, 0.3, 2.0)]
)
def test_cpu_seconds_decide_where_they_are_known_and_long(three_cpu_s: float, whole_cpu_s: float, power: float) -> None:
    """The rounds say 1.5 and the best of each 2."""
    rounds = BatchTimes(100, (0.02, 0.04, 0.04), (0.06, 0.0693, 0.0693), BATCH, three_cpu_s, whole_cpu_s)
    assert exponent(rounds) == pytest.approx(power, abs=0.01)


@pytest.mark.parametrize("power", [0.2, 1.0, 1.2])
def test_about_linear_passes(power: float) -> None:
    found = time_scales_linearly(Scaling(ROWS, 90, (), batch(power, noise=(1.0,) * 3)))
    assert found.status is Status.PASS
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(power)


def test_pairs_of_rows_fail() -> None:
    found = time_scales_linearly(Scaling(ROWS, 90, (), batch(2.0)))
    assert found.status is Status.FAIL
    assert "20.0 ms for 100 rows, 180.0 ms for 300" in found.summary
    assert found.measurement is not None
    assert found.measurement.limit == 1.5
    assert found.script is not None
    assert [(one.holds, one.of) for one in found.script.expects] == [("linear", (0, 1, 2, 3))]
    empty = replace(batch(2.0), exchange=replace(BATCH, request_body=b""))
    assert time_scales_linearly(Scaling(ROWS, 90, (), empty)).script is None


@pytest.mark.parametrize(
    ("scaling", "word"),
    [
        (Scaling(ROWS, 90, (), batch(2.0, ms=0.5)), "too fast"),
        (Scaling(ROWS, 90, (), batch(2.0, noise=(1.0, 1.0))), "only 2 rounds"),
        (Scaling(ROWS, 90, (), None, "a batch of 30 rows was answered 413"), "30 rows was answered 413"),
        (Scaling((), 90), "no row was answered"),
    ],
)
def test_what_cannot_be_judged_is_inconclusive(scaling: Scaling, word: str) -> None:
    found = time_scales_linearly(scaling)
    assert found.status is Status.INCONCLUSIVE
    assert word in found.summary


def test_fast_and_linear_passes() -> None:
    assert time_scales_linearly(Scaling(ROWS, 90, (), batch(1.0, ms=0.5))).status is Status.PASS


class TestSlowValues:
    def test_a_value_that_is_slow_each_time_fails_and_is_named(self) -> None:
        found = time_scales_linearly(Scaling(ROWS, 90, (slow(0.3, 1.6, 2.0), slow(1.5, 1.6, 1.51)), batch(2.0)))
        assert found.status is Status.FAIL
        assert "area at its largest (2501.0) takes 0.30 s at best of 3, an ordinary one 2.0 ms" in found.summary
        assert "curl" in found.replay

    @pytest.mark.parametrize(
        "suspect",
        [
            slow(1.5, 1.6, 0.002),
            slow(1.5, 0.2),
            slow(0.24, 0.24, 0.24),
            slow(1.5, 1.6, 1.5, between=(0.002, 0.9, 1.2)),
        ],
        ids=["once fast", "fast when asked again", "not that slow", "all were slow at the moment"],
    )
    def test_a_pause_of_the_machine_does_not(self, suspect: SlowRow) -> None:
        assert time_scales_linearly(Scaling(ROWS, 90, (suspect,), batch(1.0))).status is Status.PASS

    def test_nor_does_a_service_that_is_slow_throughout(self) -> None:
        suspect = slow(1.5, 1.6, 1.5, between=(0.4, 0.4, 0.4))
        assert time_scales_linearly(Scaling((0.4,) * 9, 9, (suspect,), batch(1.0))).status is Status.PASS


def test_without_batches_only_values_are_judged() -> None:
    found = time_scales_linearly(Scaling(ROWS, 90))
    assert found.status is Status.PASS
    assert "one row at a time" in found.summary
    assert time_scales_linearly(Scaling((), 0)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("shorter", "longer", "status"),
    [
        (batch(2.0), batch(2.0), Status.FAIL),
        (batch(1.4), batch(2.0), Status.FAIL),  # what is fixed a request is the larger part of a short one's time
        (batch(1.0), batch(2.0), Status.PASS),  # one window, and then windows that overlap
        (batch(2.0), batch(1.2), Status.PASS),
        (batch(2.0, ms=0.1), batch(2.0), Status.PASS),
        (batch(2.0), batch(2.0, ms=0.5), Status.PASS),
        (batch(2.0), replace(batch(1.0), three_cpu_s=0.3, whole_cpu_s=0.3), Status.PASS),
    ],
)
def test_a_text_is_outgrown_at_both_scales(shorter: BatchTimes, longer: BatchTimes, status: Status) -> None:
    part = exchange(case="a row with text of 100 characters", sent=b'{"text":"a"}')
    found = time_scales_linearly(Scaling(ROWS, 90, (), None, None, (TextTimes("text", shorter, longer, (part,) * 3),)))
    assert found.status is status, found.summary
    if status is Status.FAIL:
        assert (
            "with the length of text to the power of 1.63: 20.0 ms for 100 characters, 180.0 ms for 300"
            in found.summary
        )
        assert found.script is not None
        assert [one.holds for one in found.script.expects] == ["linear"]
