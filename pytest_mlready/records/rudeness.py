"""Records of clients that do not behave, and of known rows asked after each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mlready.records.exchange import Exchange
from pytest_mlready.records.probes import Answered


@dataclass(frozen=True)
class Rude:
    """One client that did not behave, and the canary rows that were asked after it, on new and on kept connections.

    `manner` says what it did ("left in the middle of its body"). `exchange` has what it sent, its length as declared,
    and what it heard. `answered` is the decoded answer where what it sent was a whole and valid row, though slowly.
    `how` is what a replay needs to do the same: `pieces`, `seconds`, `ends`, `listens`, `stays`; `times` is how many of
    these came at once.
    """

    manner: str
    exchange: Exchange
    canaries: tuple[Answered, ...]
    answered: Answered | None = None
    how: Mapping[str, str | int | float] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class Rudeness:
    """Canary rows asked before anything else, then one rude client after the other.

    `chunked` is the client whose body has no declared length and no end in sight, `chunked_bytes` how much of it was
    there to be taken (None: not sent, because so large a body is within the declared cap). Its exchange keeps the
    valid row that it ended with, not the white space before it. It ends early when a canary got no answer: what comes
    after shows nothing more.
    """

    first: tuple[Answered, ...]
    rude: tuple[Rude, ...]
    chunked: Rude | None = None
    chunked_bytes: int = 0
