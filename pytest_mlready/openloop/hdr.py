"""HDR histograms of microseconds (Tene, HdrHistogram): 1 µs to an hour, error at most 0.1%, mergeable exactly."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LONGEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3


class Histogram:
    """Counts durations; seconds in, seconds out."""

    def __init__(self) -> None:
        self._hdr = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)

    def record(self, seconds: float) -> None:
        """Count one duration, cut to the histogram's range."""
        self._hdr.record_value(min(max(int(seconds * 1e6 + 0.5), 1), LONGEST_US))

    def record_all(self, seconds: NDArray[np.float64]) -> None:
        """Count many durations, as `record` would each."""
        microseconds = np.clip(np.floor(seconds * 1e6 + 0.5), 1, LONGEST_US).astype(np.int64)
        for value, count in zip(*(one.tolist() for one in np.unique(microseconds, return_counts=True)), strict=True):
            self._hdr.record_value(value, count)

    def quantile(self, q: float) -> float:
        """The smallest recorded duration that at least a share `q` of all does not exceed; 0.0 where there is none."""
        return float(self._hdr.get_value_at_percentile(q * 100)) / 1e6

    @property
    def count(self) -> int:
        """How many durations were recorded."""
        return int(self._hdr.get_total_count())

    def encoded(self) -> str:
        """V2 compressed, base64."""
        return str(self._hdr.encode().decode("ascii"))

    @classmethod
    def merged(cls, encoded: Iterable[str]) -> Histogram:
        """The sum of encoded histograms, exact: bucket counts are added."""
        total = cls()
        for one in encoded:
            total._hdr.decode_and_add(one)
        return total
