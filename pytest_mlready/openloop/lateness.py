"""How late a generator was: actual minus intended time of sending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def lateness(series: Mapping[str, NDArray[Any]]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum over all requests that were sent, in seconds; zeros where none was."""
    late = (series["sent_s"] - series["intended_s"])[np.isfinite(series["sent_s"])]
    if not late.size:
        return 0.0, 0.0, 0.0
    p50, p99, most = np.quantile(late, [0.5, 0.99, 1.0], method="inverted_cdf").tolist()
    return p50, p99, most
