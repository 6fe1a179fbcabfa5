"""Record of what the model was trained on, and of what its service gets now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DriftData:
    """Profiles as documents (`measure.drift.from_plain`): of the reference, and of current data by the same plan.

    `served` are the columns that the service is sent, as the
    sample rows name them, () where none are known; `ordered` says that a row travels as an array, without names.
    """

    reference: Mapping[str, Any]
    current: Mapping[str, Any]
    gathered_at: float
    served: tuple[str, ...] = ()
    ordered: bool = False
