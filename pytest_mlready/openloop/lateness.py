"""How late a generator was by its own fault: actual minus intended time of sending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lateness(series: Mapping[str, NDArray[Any]]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum in seconds; zeros where nothing was sent.

    Over the requests that were sent as soon as the generator could. Those that found every connection taken
    (`queued`) waited for the service: that is response time, and no reason to doubt the generator.
    """
    own = np.isfinite(series["sent_s"]) & ~series["queued"]
    late = (series["sent_s"] - series["intended_s"])[own]
    if not late.size:
        return 0.0, 0.0, 0.0
    p50, p99, most = np.quantile(late, [0.5, 0.99, 1.0], method="inverted_cdf").tolist()
    return p50, p99, most
