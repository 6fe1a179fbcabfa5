"""The table `[drift]`: data of now beside data of then."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mlready.settings.tables import not_above_zero


@dataclass(frozen=True)
class Drift:
    """Data that the service gets now, and what its model was trained on.

    `reference` is a profile (.json) or data, `current` data: CSV or Parquet. `columns` are compared, by default all but
    those in `ignore`; `prediction` is the column that holds what the model answered. `smallest_shift`, in standard
    deviations, is the smallest that matters; `rows_together` rows resemble each other on average; `looks` is how often
    the question is asked.
    """

    reference: str | None = None
    current: str | None = None
    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    prediction: str | None = None
    smallest_shift: float = 0.2
    rows_together: float = 1.0
    looks: int = 1
    max_age_days: float | None = None

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if 0 < self.rows_together < 1:
            return f"rows_together: expected 1 or more, not {self.rows_together}"
        return not_above_zero(self)
