"""What a version's metadata says of each feature: its type, and what the training rows had there."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_service.model.columns import NUMBER, Column
from reference_service.training.datasets import Dataset

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def features_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Every feature, in the order of an array."""
    return [_feature(column, dataset.train_rows[:, i]) for i, column in enumerate(dataset.columns)]


def _feature(column: Column, cells: NDArray[Any]) -> dict[str, Any]:
    """One feature; whatever is said of its values is said of those that are not missing."""
    known = [cell for cell in cells.tolist() if cell is not None]
    described: dict[str, Any] = {"name": column.name, "type": column.type, "nullable": column.nullable}
    if column.nullable:
        described["missing"] = 1 - len(known) / len(cells)
    return {**described, **(_numbers(np.array(known)) if column.type == NUMBER else _levels(known))}


def _numbers(values: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "range": {"minimum": float(values.min()), "maximum": float(values.max())},
        "statistics": {
            "mean": float(values.mean()),
            "standard_deviation": float(values.std(ddof=1)),
            "quantiles": dict(zip(map(str, QUANTILES), np.quantile(values, QUANTILES).tolist(), strict=True)),
        },
    }


def _levels(values: list[str]) -> dict[str, Any]:
    """The share of each level, the most frequent first."""
    return {"levels": {level: count / len(values) for level, count in Counter(values).most_common()}}
