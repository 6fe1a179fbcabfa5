"""Optionally answering again what was answered a moment ago, within one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from reference_service.model.columns import Row
from reference_service.model.predictor import Answer


class AnswerCache:
    """Answers by model version and canonical features: equal numbers hit, however they were written.

    Args:
        seconds: how long an answer may be used; 0 keeps none.
        entries: how many are kept; the least recently used goes first.
    """

    def __init__(self, seconds: float, entries: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.entries = entries
        self.clock = clock
        self.answers: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()

    @property
    def enabled(self) -> bool:
        """Whether answers are kept at all."""
        return self.seconds > 0

    def key(self, version: str, row: Row) -> bytes:
        """What makes two questions the same. Adding 0.0 makes the two zeros one."""
        return msgspec.msgpack.encode([version, *(cell + 0.0 if isinstance(cell, float) else cell for cell in row)])

    def get(self, key: bytes) -> Answer | None:
        """The kept answer, if it is young enough."""
        kept = self.answers.get(key)
        if kept is None:
            return None
        if kept[0] <= self.clock():
            del self.answers[key]
            return None
        self.answers.move_to_end(key)
        return kept[1]

    def put(self, key: bytes, answer: Answer) -> None:
        """Keep an answer."""
        self.answers[key] = (self.clock() + self.seconds, answer)
        self.answers.move_to_end(key)
        while len(self.answers) > self.entries:
            self.answers.popitem(last=False)
