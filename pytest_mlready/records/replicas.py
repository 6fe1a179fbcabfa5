"""Who answers behind one address, and what becomes of requests when one of them dies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Replicas:
    """Requests on fresh connections, several at a time, in the order in which they were begun.

    `names` are those by which answers tell who gave them; `told` holds for each request the index of a name, -1 where
    none came; `failures` counts by word what came instead of 2xx answers.

    Then `killed` (a name) was ended by SIGKILL, or `problem` says why none was. `after` are the requests from then on:
    (begun_s, outcome), seconds since the kill; `back_s` is when the one that was killed answered again, if it did.
    """

    names: tuple[str, ...]
    told: tuple[int, ...]
    failures: Mapping[str, int] = field(default_factory=dict)
    killed: str | None = None
    problem: str | None = None
    after: tuple[tuple[float, str], ...] = ()
    back_s: float | None = None
