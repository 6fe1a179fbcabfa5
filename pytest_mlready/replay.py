"""A finding's replay as data: which requests to send again, and what must hold of their answers.

Checks describe it; `report/replay_files.py` writes it into a directory, `player/` is what plays it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Holds = Literal[
    "refused",  # is answered with 4xx
    "survived",  # is answered or refused, without a server error, and can be read
    "well_formed",  # is answered with 2xx, strict JSON, as many predictions as rows
    "alike",  # is answered alike however often it is asked
    "apart",  # no answer has the id of another request's
    "same",  # has in one place the answer that another request has in its own
    "vary",  # the answers of these requests are not all the same
    "ordered",  # the score of the first is at least that of the second
    "within",  # the prediction lies between two bounds
    "equals",  # the prediction is the expected one
    "faster",  # is answered in less than a limit, at best
    "steady",  # memory does not grow by more than a limit a request, round after round
    "linear",  # three parts, then the whole: the exponent of time over rows is below a limit
]


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire, without its target.

    `white_space` is how many bytes of it come before the body, in chunks. `rude` says how a client sends it that does
    not behave (None: one that does): `pieces`, `seconds`, `ends`, `listens`.
    """

    case: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    white_space: int = 0
    rude: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Expect:
    """What must hold of the answers to some requests.

    `of` are positions in the replay's `requests`. `told` has the rest, by what must hold: `rows` (the number of
    predictions, or the places that are compared), `lenient` (a refusal, or no answer, is right as well), `low`,
    `high`, `limit`, `least`, `score`, `expected`, `tolerance`, `schema`.
    """

    holds: Holds
    of: tuple[int, ...]
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Replay:
    """Requests, the order in which they are asked round after round, and what must hold.

    With `together` each request of `order` is asked twice alone, then by a connection of its own, all at once.
    """

    requests: tuple[Request, ...]
    expects: tuple[Expect, ...]
    order: tuple[int, ...] = ()
    rounds: int = 1
    together: bool = False
