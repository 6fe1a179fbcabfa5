"""What clients saw while versions were swapped, kept so that it can be judged afterwards."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field

from live_server import Answer

REQUEST_ID = re.compile(rb'"request_id":"[^"]*"')


@dataclass
class Timeline:
    """What the admin did: generations by the time their change was asked for, and acknowledged."""

    version_of: dict[int, str] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)

    def allowed(self, answer: Judged) -> range:
        """The generations in which an answer may have been made, by nothing but the times of all messages.

        From the last one that was acknowledged before the request left, to the last that was asked for before the
        answer arrived.
        """
        first = bisect_right(self.acknowledged, answer.sent)
        last = bisect_right(self.asked, answer.received)
        return range(first, last + 1)


@dataclass
class Question:
    """A request, and the bytes with which each version answers it."""

    content: bytes
    answers: dict[str, bytes]
    rows: int

    def made_by(self, answer: Answer) -> str:
        """The version whose answer this is, byte for byte; else "mixed" if it is of both row by row, or "other"."""
        body = without_id(answer.body)
        for version, expected in self.answers.items():
            if expected == body:
                return version
        found = answer.json().get("predictions", ())
        known = [json.loads(each).get("predictions", ()) for each in self.answers.values()]
        if len(found) != len(known[0]):
            return "other"
        of_either = all(row in pair for row, *pair in zip(found, *known, strict=True))
        return "mixed" if found and of_either else "other"


@dataclass(frozen=True)
class Judged:
    """What remains of an answer with status 200: bodies would fill the memory."""

    rows: int
    made_by: str
    version: str
    generation: int
    sent: float
    received: float


@dataclass
class Seen:
    """What one client saw."""

    answers: list[Judged] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, question: Question, answer: Answer) -> None:
        """Take an answer down."""
        if answer.status != 200:
            self.failures[f"{answer.status} {answer.body[:200].decode()}"] += 1
            return
        self.answers.append(
            Judged(
                question.rows,
                question.made_by(answer),
                answer.version,
                answer.generation,
                answer.sent,
                answer.received,
            )
        )


def without_id(body: bytes) -> bytes:
    """An answer but for what no two answers share."""
    return REQUEST_ID.sub(b'"request_id":""', body)
