"""Evidence against declared shares: its value by hand, its error rate, and what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_mlready.measure import split
from pytest_mlready.measure.split import log_evidence, smallest_shift

SHARES = (0.9, 0.1)


def test_nobody_is_no_evidence() -> None:
    assert log_evidence((0, 0), SHARES) == pytest.approx(0.0, abs=1e-9)


def test_the_first_user_is_no_evidence_either() -> None:
    """The mean of the law around the shares is the shares."""
    assert log_evidence((1, 0), SHARES) == pytest.approx(0.0, abs=1e-9)


def test_two_users_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pólya's urn with 10 balls: 1/10 then 2/11, against 1/100."""
    monkeypatch.setattr(split, "_CONCENTRATIONS", (10.0,))
    assert log_evidence((0, 2), SHARES) == pytest.approx(math.log((1 / 10) * (2 / 11) / 0.01))


def test_groups_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "_CONCENTRATIONS", (100.0,))
    apart = log_evidence((70, 30), SHARES) + log_evidence((100, 0), SHARES)
    assert log_evidence(((70, 30), (100, 0)), SHARES) == pytest.approx(apart)


def test_a_share_of_zero_that_is_hit_is_proof() -> None:
    assert log_evidence((99, 0, 1), (0.5, 0.5, 0.0)) == math.inf
    assert log_evidence((50, 50, 0), (0.5, 0.5, 0.0)) == pytest.approx(log_evidence((50, 50), (0.5, 0.5)))


@pytest.mark.parametrize("shares", [(0.5, 0.6), (0.5, 0.25, 0.25)])
def test_shares_that_are_none_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        log_evidence((1, 1), shares)


def test_looking_at_every_tenth_of_the_users_is_within_its_error_rate() -> None:
    rng = np.random.default_rng(7)
    alpha, wrong, runs = 0.05, 0, 200
    for _ in range(runs):
        seen = rng.binomial(100, SHARES[1], 10).cumsum()
        wrong += any(log_evidence((100 * (i + 1) - k, k), SHARES) >= -math.log(alpha) for i, k in enumerate(seen))
    assert wrong <= 0.05 * runs


def test_a_dependence_on_the_id_is_found_where_the_whole_keeps_its_shares() -> None:
    """user_id % 100 < 10: every hundredth user is as his hundredth, and one in ten is treated."""
    groups = [(0, 20) if residue < 10 else (20, 0) for residue in range(100)]
    assert log_evidence(np.sum(groups, axis=0), SHARES) < 0
    assert log_evidence(groups, SHARES) > 100


def test_the_shift_that_n_users_show_becomes_smaller_with_n() -> None:
    found = [smallest_shift(n, 0.1, math.log(1e4)) for n in (100, 1000, 10_000, 100_000)]
    assert None not in found
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert found[2] == pytest.approx(0.0175, abs=0.003)


def test_the_shift_is_shown_with_the_power_that_is_said() -> None:
    n, threshold = 5000, math.log(1e4)
    shift = smallest_shift(n, 0.1, threshold)
    assert shift is not None
    seen = np.random.default_rng(3).binomial(n, 0.1 + shift, 400)
    assert np.mean([log_evidence((n - k, k), SHARES) >= threshold for k in seen]) == pytest.approx(0.95, abs=0.04)


def test_a_handful_shows_nothing() -> None:
    assert smallest_shift(0, 0.1, math.log(1e4)) is None
    assert smallest_shift(3, 0.5, math.log(1e4)) is None
