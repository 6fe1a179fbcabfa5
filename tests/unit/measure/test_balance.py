"""Shares of requests: which are provably too uneven, which provably not, and how often that is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlready.measure.balance import judge_balance

RNG = np.random.default_rng(11)


def drawn(shares: tuple[float, ...], n: int = 300) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return RNG.choice(len(shares), size=n, p=shares)


@pytest.mark.parametrize(
    ("who", "count", "verdict"),
    [
        (np.arange(300) % 3, 3, "pass"),
        (drawn((1 / 3, 1 / 3, 1 / 3)), 3, "pass"),
        (drawn((0.45, 0.3, 0.25)), 3, "pass"),
        (drawn((0.94, 0.03, 0.03)), 3, "fail"),
        (drawn((0.5, 0.45, 0.05)), 3, "fail"),
        (np.where(np.arange(300) % 30 < 2, 1 + np.arange(300) % 2, 0), 3, "fail"),
        (np.zeros(100, dtype=int), 3, "fail"),
        (np.arange(300) % 2, 3, "fail"),
        (drawn((0.6, 0.2, 0.2), 60), 3, "inconclusive"),
        (drawn((0.25, 0.75), 200), 2, "inconclusive"),
        (drawn((0.4, 0.6), 200), 2, "pass"),
        (np.arange(12) % 3, 3, "inconclusive"),
    ],
)
def test_shares_are_judged_by_their_bounds(who: np.ndarray[tuple[int], np.dtype[np.int64]], count: int, verdict: str) -> None:  # fmt: skip  # noqa: E501
    assert judge_balance(who, count, 2.0).verdict == verdict


def test_what_is_tolerated_is_the_even_share_times_the_ratio_and_divided_by_it() -> None:
    seen = judge_balance(drawn((0.7, 0.15, 0.15)), 3, 2.0)
    assert [seen.least, seen.most] == pytest.approx([1 / 6, 2 / 3])
    assert judge_balance(np.zeros(100, dtype=int), 3, 3.0).verdict == "fail"  # the other two get nothing
    assert judge_balance(drawn((0.7, 0.15, 0.15), 1000), 3, 4.0).verdict == "pass"


def test_each_share_has_its_exact_interval() -> None:
    seen = judge_balance(np.repeat([0, 1, 0, 1], 25), 2, 2.0)
    share = seen.shares[0]
    assert (share.count, share.share) == (50, 0.5)
    assert share.interval[0] < 0.5 < share.interval[1]


def test_how_many_requests_would_decide_is_said_and_does() -> None:
    seen = judge_balance(np.arange(12) % 3, 3, 2.0)
    assert seen.n_needed is not None
    assert 12 < seen.n_needed < 200
    assert judge_balance(np.arange(round(1.1 * seen.n_needed)) % 3, 3, 2.0).verdict == "pass"
    assert judge_balance(np.arange(seen.n_needed // 2) % 3, 3, 2.0).verdict == "inconclusive"


def test_at_the_limit_it_is_wrong_as_rarely_as_it_says() -> None:
    verdicts = [judge_balance(drawn((2 / 3, 1 / 6, 1 / 6)), 3, 2.0).verdict for _ in range(1000)]
    assert verdicts.count("fail") <= 20
    assert verdicts.count("pass") <= 20


def test_requests_that_come_in_bursts_count_for_less() -> None:
    bursts = np.repeat(RNG.permutation(np.arange(12) % 3), 25)
    assert judge_balance(np.arange(300) % 3, 3, 2.0).verdict == "pass"
    assert judge_balance(bursts, 3, 2.0).verdict == "inconclusive"


@pytest.mark.parametrize(("who", "count"), [([], 3), ([0, 1, 3], 3), ([0, -1], 2), ([0, 0], 1)])
def test_what_cannot_be_is_refused(who: list[int], count: int) -> None:
    with pytest.raises(ValueError, match="two or more to share them"):
        judge_balance(who, count, 2.0)
