"""How many rounds are timed: as few as clear a request of growing, all of them where it seems to grow."""

from __future__ import annotations

import time

import pytest

from pytest_mlready.evidence.timed_rounds import FEWEST_ROUNDS, ROUNDS, timed_rounds
from pytest_mlready.records import Exchange

PART_S = 0.01


@pytest.mark.parametrize(
    ("whole_s", "rounds"),
    [
        ((0.03,), FEWEST_ROUNDS),
        ((0.039,), FEWEST_ROUNDS),
        ((0.09,), ROUNDS),
        ((0.09, 0.09, 0.09, 0.09, 0.03), FEWEST_ROUNDS + 2),
        ((0.03, 0.09), FEWEST_ROUNDS),
    ],
)
def test_rounds_end_once_the_whole_is_not_odd(whole_s: tuple[float, ...], rounds: int) -> None:
    asked = iter(whole_s)
    last = whole_s[-1]

    def send(body: bytes, whole: bool) -> Exchange:
        seconds = next(asked, last) if whole else PART_S
        return Exchange("a batch", "POST", "/", 200, elapsed_s=seconds, request_body=body)

    whole = send(b"abc", False)
    times, problem = timed_rounds(None, send, 1, [b"a", b"b", b"c"], whole, time.monotonic() + 60)
    assert problem is None
    assert times is not None
    assert len(times.whole) == len(times.three) == rounds
    assert bool(times.exchange.request_body) == (min(times.whole) > 1.3 * min(times.three))


class Working:
    """An instance that works for as long as its requests take, or for a share of that."""

    def __init__(self, share: float) -> None:
        self.share, self.seconds = share, 0.0

    def processes(self) -> list[int]:
        return [1]

    def cpu_s(self, pids: list[int]) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("whole_s", "share", "rounds"),
    [
        ((0.09,), 1.0, FEWEST_ROUNDS),
        ((0.06,), 1.0, ROUNDS),
        ((0.09, 0.05), 1.0, ROUNDS),
        ((0.09,), 0.1, ROUNDS),
    ],
    ids=["in every round", "by less", "but for one round", "in what is no work"],
)
def test_rounds_end_once_it_is_certain_that_the_whole_grows(
    whole_s: tuple[float, ...], share: float, rounds: int
) -> None:
    asked = iter(whole_s)
    instance = Working(share)

    def send(body: bytes, whole: bool) -> Exchange:
        seconds = next(asked, whole_s[0]) if whole else PART_S
        instance.seconds += share * seconds
        return Exchange("a batch", "POST", "/", 200, elapsed_s=seconds, request_body=body)

    whole = send(b"abc", False)
    times, _ = timed_rounds(instance, send, 1, [b"a", b"b", b"c"], whole, time.monotonic() + 60)  # type: ignore[arg-type]
    assert times is not None
    assert len(times.whole) == rounds


def test_no_more_than_the_fewest_rounds_where_time_is_up() -> None:
    def send(body: bytes, whole: bool) -> Exchange:
        return Exchange("a batch", "POST", "/", 200, elapsed_s=9.0 if whole else 1.0, request_body=body)

    times, _ = timed_rounds(None, send, 1, [b"a", b"b", b"c"], send(b"abc", True), time.monotonic())
    assert times is not None
    assert len(times.whole) == FEWEST_ROUNDS
