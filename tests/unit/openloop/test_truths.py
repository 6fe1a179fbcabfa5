"""The known latencies that the generator is judged by: formulas against what the servers' laws draw."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.laws import LAWS


@pytest.mark.parametrize("name", ["stall", "mixture", "lognormal"])
@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_quantiles_are_those_of_what_is_drawn(name: str, arrivals: str) -> None:
    law, rng, n = LAWS[name], random.Random(3), 20_000
    times = (np.arange(n) + 0.5) / 500 if arrivals == "constant" else [rng.uniform(0, n / 500) for _ in range(n)]
    held = np.array([law.held(one, rng) for one in times])
    for q in (0.5, 0.95, 0.99, 0.999):
        low, high = np.quantile(held, [q - 4 * (q * (1 - q) / n) ** 0.5, q + 4 * (q * (1 - q) / n) ** 0.5])
        assert low - 1e-9 <= law.quantile(q) <= high + 1e-9


def test_the_stated_truths() -> None:
    told = {name: [round(1000 * LAWS[name].quantile(q), 2) for q in (0.5, 0.95, 0.99, 0.999, 1)] for name in LAWS}
    assert told == {
        "instant": [0, 0, 0, 0, 0],
        "stall": [0, 200, 280, 298, 300],
        "mixture": [7.4, 7.4, 54.4, 146, 146],
        "lognormal": [20, 53.66, 80.76, 127.72, np.inf],
    }
