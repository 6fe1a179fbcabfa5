"""What stands in a column of a row: a number or a category, and in some columns sometimes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cell = float | str | None
Row = Sequence[Cell]
NUMBER, CATEGORY = "number", "category"
LONGEST_CATEGORY = 64


@dataclass(frozen=True)
class Column:
    """One feature of a model.

    Any text that is not too long is a category. One that training never saw is a new level, not a fault: the encoder
    ignores it and the drift monitor tells.

    Attributes:
        type: NUMBER or CATEGORY.
        nullable: whether the value may be missing.
    """

    name: str
    type: str = NUMBER
    nullable: bool = False

    @classmethod
    def of(cls, feature: Mapping[str, Any]) -> Column:
        """The column of a feature in a version's metadata."""
        return cls(feature["name"], feature["type"], feature.get("nullable", False))

    @property
    def plain(self) -> bool:
        """Whether there always is a number."""
        return self.type == NUMBER and not self.nullable
