"""What to search the capacity of: the whole input of a search, as one JSON file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pytest_mlready.openloop.plan import Plan


@dataclass(frozen=True)
class SearchPlan:
    """A search for the highest rate at which 99% of the requests are answered 2xx within `limit_s` seconds.

    `plan` says whom is asked what; its first rate is where the search starts, its `pool` the most connections of any
    trial. `seconds` bound the search. With an `overload_rate`, the service is then given more than it can take for
    `overload_s` seconds, and after that so many requests a second again, or what it can take, if that is less.
    """

    plan: Plan
    limit_s: float
    seconds: float
    overload_rate: float | None = None
    overload_s: float = 8.0

    def __post_init__(self) -> None:
        if not self.limit_s > 0 or not self.seconds > 0 or not self.overload_s > 0:
            raise ValueError("limit_s, seconds and overload_s must be > 0")
        if self.overload_rate is not None and not self.overload_rate > 0:
            raise ValueError(f"overload_rate must be > 0, not {self.overload_rate!r}")

    @property
    def patience_s(self) -> float:
        """How long a caller waits: four times the limit, at least a second."""
        return max(1.0, 4 * self.limit_s)

    @property
    def longest_s(self) -> float:
        """No search takes longer than this."""
        overload = 0.0 if self.overload_rate is None else 4 * self.overload_s
        return 1.5 * self.seconds + overload + 20 * self.patience_s

    def in_directory(self, directory: Path) -> SearchPlan:
        """The same, with its result in another place."""
        return replace(self, plan=replace(self.plan, output=str(directory)))


def write_search(search: SearchPlan, path: Path) -> None:
    """Write `search` as JSON, in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(search)))
    os.replace(partial, path)


def read_search(path: Path) -> SearchPlan:
    """The reverse of `write_search`.

    Raises:
        ValueError: the file is no such plan; the message names the path of the wrong value.
    """
    return msgspec.json.decode(path.read_bytes(), type=SearchPlan)
