"""What was predicted and what turned out to be true: how good the answers of each version are in production.

Predictions are remembered by request id, the newest hundred thousand of them, in one SQLite file for all workers, so
that a label finds its prediction at whichever worker it arrives. A request only appends to a list; a quarter of a
second later the list goes into the file as one statement, which runs without Python's lock. These are statistics: a
power cut may take the last moments with it, and in return nothing here waits for the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from reference_service import durable
from reference_service.model.predictor import Answer
from reference_service.telemetry import Telemetry
from reference_service.web.request_log import RequestLog

Label = str | float
FLUSH_SECONDS = 0.25
MOST_PREDICTIONS = 100_000
MOST_LABELS = 10_000
WINDOW_LABELS = 1_000
"""The newest labels of a version that its live quality is made of."""

_TABLES = """
    CREATE TABLE IF NOT EXISTS predictions (
        number INTEGER PRIMARY KEY, request_id TEXT NOT NULL, version TEXT NOT NULL, prediction ANY NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS predictions_by_request ON predictions (request_id);
    CREATE TABLE IF NOT EXISTS labels (
        number INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, version TEXT NOT NULL,
        label ANY NOT NULL, loss REAL NOT NULL, at REAL NOT NULL
    ) STRICT;
"""
_REMEMBER = """
    INSERT INTO predictions (request_id, version, prediction)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) ORDER BY key
"""
_FORGET = "DELETE FROM {0} WHERE number <= (SELECT max(number) FROM {0}) - ?"
_FIND = """
    SELECT predictions.version, prediction, label FROM predictions
    LEFT JOIN labels ON labels.request_id = predictions.request_id AND labels.version = predictions.version
    WHERE predictions.request_id = ? ORDER BY predictions.number DESC LIMIT 1
"""
_LABEL = "INSERT OR REPLACE INTO labels (request_id, version, label, loss, at) VALUES (?, ?, ?, ?, ?)"
_SCORES = """
    SELECT version, count(*), avg(loss), avg(loss * loss) FROM (
        SELECT version, loss, at, row_number() OVER (PARTITION BY version ORDER BY number DESC) AS age FROM labels
    ) WHERE age <= ? AND at >= ? GROUP BY version ORDER BY version
"""


class Labelled(msgspec.Struct, frozen=True):
    """A label that found its prediction. `status` is "recorded", "unchanged" (said before) or "replaced"."""

    request_id: str
    model_version: str
    prediction: Label
    label: Label
    status: str


class Score(msgspec.Struct, frozen=True):
    """The labelled answers of one version.

    Attributes:
        labels: how many.
        loss: the mean of their losses: of a class 1 if it was wrong, of a number how far it was off.
        square: the mean of the squares of these.
    """

    version: str
    labels: int
    loss: float
    square: float

    def quality(self, task: str) -> tuple[str, float]:
        """The name and the value of what people call it."""
        return ("accuracy", 1 - self.loss) if task == "classification" else ("mean_absolute_error", self.loss)


class Outcomes:
    """Remembers predictions, takes labels, and scores versions.

    Args:
        directory: where this instance writes.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.clock = clock
        # Bounded, too: a disk that takes nothing more must not fill the memory.
        self.pending: deque[tuple[str, str, Label]] = deque(maxlen=MOST_PREDICTIONS)
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None
        self.labelled = True
        """Whether there may be scores that were not told yet; at first, those of the time before a restart."""

    def start(self) -> None:
        """Open the file; blocks."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.lock, durable.exclusive(self.directory / ".outcomes.lock"):  # SQLite itself waits for nobody here
            if self.connection is None:
                self.connection = sqlite3.connect(
                    self.directory / "outcomes.db", timeout=10, isolation_level=None, check_same_thread=False
                )
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute("PRAGMA synchronous = NORMAL")
                self.connection.executescript(_TABLES)

    def close(self) -> None:
        """Write what is left and let go of the file."""
        with contextlib.suppress(sqlite3.Error):
            self.flush()
        with self.lock:
            if self.connection is not None:
                self.connection.close()
                self.connection = None

    async def follow(self, telemetry: Telemetry, log: RequestLog) -> None:
        """Write what was predicted and tell how good it was, as long as the service runs."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                if self.pending:
                    await asyncio.to_thread(self.flush)
                if self.labelled:
                    self.labelled = False
                    telemetry.live_quality(await asyncio.to_thread(self.scores))
            except sqlite3.Error as error:  # predictions go on without being remembered
                log.failure("outcomes", error)

    def predicted(self, request_id: str, version: str, answer: Answer) -> None:
        """One row was predicted. If an id comes twice, because a client chose it so, the later prediction counts."""
        self.pending.append((request_id, version, answer.prediction))

    def flush(self) -> None:
        """Write what was predicted since the last time; blocks."""
        batch = [self.pending.popleft() for _ in range(len(self.pending))]
        with self.lock:
            if batch and self.connection is not None:
                self.connection.execute(_REMEMBER, (msgspec.json.encode(batch).decode(),))
                self.connection.execute(_FORGET.format("predictions"), (MOST_PREDICTIONS,))

    def label(self, request_id: str, label: Label) -> Labelled | None:
        """Take the label of a prediction, or return None if none is remembered by this id; blocks.

        A label that comes again changes nothing; another one takes the place of the first.
        """
        self.flush()
        with self.lock:
            if self.connection is None:
                return None
            found = self.connection.execute(_FIND, (request_id,)).fetchone()
            if found is None:
                return None
            version, prediction, before = found
            if before == label:
                return Labelled(request_id, version, prediction, label, "unchanged")
            row = (request_id, version, label, loss(prediction, label), self.clock())
            self.connection.execute(_LABEL, row)
            self.connection.execute(_FORGET.format("labels"), (MOST_LABELS,))
            self.labelled = True
            return Labelled(request_id, version, prediction, label, "recorded" if before is None else "replaced")

    def scores(self, since: float = 0.0) -> list[Score]:
        """The live quality of every version, by its newest labels that came after a time; blocks."""
        with self.lock:
            if self.connection is None:
                return []
            return [Score(*row) for row in self.connection.execute(_SCORES, (WINDOW_LABELS, since))]


def loss(prediction: Label, label: Label) -> float:
    """How bad a prediction was: how far off a number, 1 for a wrong class, 0 for the right one."""
    if isinstance(prediction, str) or isinstance(label, str):
        return float(prediction != label)
    return abs(prediction - label)
