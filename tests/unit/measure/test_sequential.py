"""The e-processes: they start at 1, are supermartingales under their null, and grow under the alternative."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlready.measure.sequential import log_evidence_above, log_evidence_below

SHARE = 0.01


@pytest.mark.parametrize("evidence", [log_evidence_above, log_evidence_below])
@pytest.mark.parametrize(("k", "n"), [(0, 0), (0, 300), (3, 300), (20, 1000)])
def test_one_more_request_leaves_the_mean_at_the_boundary(
    evidence: Callable[[float, float, float], float], k: int, n: int
) -> None:
    now = math.exp(evidence(k, n, SHARE))
    then = SHARE * math.exp(evidence(k + 1, n + 1, SHARE)) + (1 - SHARE) * math.exp(evidence(k, n + 1, SHARE))
    assert then == pytest.approx(now, rel=1e-6)


def test_starts_at_one() -> None:
    assert log_evidence_above(0, 0, SHARE) == pytest.approx(0.0, abs=1e-9)
    assert log_evidence_below(0, 0, SHARE) == pytest.approx(0.0, abs=1e-9)


def test_grows_on_its_own_side_only() -> None:
    assert log_evidence_above(60, 2000, SHARE) > math.log(1000)
    assert log_evidence_below(60, 2000, SHARE) < 0
    assert log_evidence_below(0, 2000, SHARE) > math.log(1000)
    assert log_evidence_above(0, 2000, SHARE) < 0


def test_looking_all_the_time_is_wrong_at_most_alpha() -> None:
    rng = np.random.default_rng(7)
    wrong_above = wrong_below = 0
    for _ in range(200):
        counts = np.cumsum(rng.random(4000) < SHARE)
        looks = range(100, 4001, 100)
        wrong_above += any(log_evidence_above(int(counts[n - 1]), n, SHARE) > math.log(20) for n in looks)
        wrong_below += any(log_evidence_below(int(counts[n - 1]), n, SHARE) > math.log(20) for n in looks)
    assert wrong_above <= 19
    assert wrong_below <= 19


def test_evidence_too_small_for_a_float_is_minus_infinity() -> None:
    assert log_evidence_above(0, 10_000_000, SHARE) == -math.inf


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        log_evidence_above(5, 3, SHARE)
