"""What is in force, and every change of it: durable before it is acknowledged, and known to all workers at once.

History and state are one SQLite row per change, so that neither can tell another story than the other. Beside the
database lies one number in shared memory, the generation: a worker compares it at the head of every request and reads
the database only if it moved. It moves after the change is durable and before the change is acknowledged.
"""

from __future__ import annotations

import datetime
import mmap
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from reference_service import durable
from reference_service.experiments.experiment import Experiment

_TABLE = """
    CREATE TABLE IF NOT EXISTS changes (
        generation INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        before TEXT, after TEXT, reason TEXT NOT NULL, state BLOB NOT NULL
    ) STRICT
"""
_MOST_EARLIER = 20
_BUSY_SECONDS = 10.0


class StaleGeneration(Exception):
    """The change was meant for a state that is no longer in force."""

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(f"generation {expected} was expected, {current} is in force")
        self.current = current


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force since one generation.

    Attributes:
        serving: the version that answers who asks for none.
        earlier: the versions that a rollback returns to, newest last.
        digests: the sha256 of every version that ever served here; a version never gets another one.
        experiments: by name.
    """

    serving: str
    earlier: tuple[str, ...] = ()
    digests: dict[str, str] = {}
    experiments: dict[str, Experiment] = {}
    generation: int = 0

    def in_use(self) -> set[str]:
        """The versions that may answer who asks for none."""
        variants = [variant for each in self.experiments.values() for variant in each.variants]
        return {self.serving, *(variant.version for variant in variants if variant.version is not None)}


class Change(msgspec.Struct, frozen=True):
    """One line of the history; `before` and `after` are versions that served."""

    generation: int
    at: str
    actor: str
    action: str
    before: str | None
    after: str | None
    reason: str


class Changes:
    """The changes of one instance, shared by its workers through a directory.

    Args:
        directory: where they are kept; an instance that comes back with it serves what it served.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state: State | None = None
        self.shared: memoryview | None = None
        self.reader: sqlite3.Connection | None = None

    def begin(self, first: Callable[[], State]) -> State:
        """Join the instance; who comes first of all also decides what is in force first."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.exclusive(), closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_TABLE)
            found = self.newest(connection)
            if found is None:
                found = first()
                self.append(connection, found, None, "service", "start", "a new instance")
            self.shared = self.share()
            self.publish(found)  # whoever should have done so may have died between the two steps
        self.reader = self.connect()
        return found

    def current(self) -> State:
        """What is in force now. Cheap: call it once for each request, from the event loop only."""
        state, shared = self.state, self.shared
        if state is not None and shared is not None and shared[0] == state.generation:
            return state
        return self.reread()

    def apply(
        self,
        actor: str,
        action: str,
        reason: str,
        decide: Callable[[State], State | None],
        expected: int | None = None,
    ) -> State:
        """Make one change after all others, and return what is in force then; blocks until that is durable.

        Args:
            actor, action, reason: who did what and why, for the history.
            decide: gives the new state for the current one, or None to leave it; may raise to refuse.
            expected: the generation that must be in force, if it matters.

        Raises:
            StaleGeneration: another one is.
        """
        with self.exclusive(), closing(self.connect()) as connection:
            before = self.newest(connection)
            if before is None:
                raise RuntimeError("an instance must begin before it can change")
            if expected is not None and expected != before.generation:
                raise StaleGeneration(expected, before.generation)
            after = decide(before)
            if after is None or after == before:
                return before
            earlier = after.earlier[-_MOST_EARLIER:]
            after = msgspec.structs.replace(after, generation=before.generation + 1, earlier=earlier)
            self.append(connection, after, before.serving, actor, action, reason)
            self.publish(after)
            return after

    def history(self, limit: int = 1000) -> list[Change]:
        """The newest changes, newest first; blocks."""
        columns = "generation, at, actor, action, before, after, reason"
        with closing(self.connect()) as connection:
            rows = connection.execute(f"SELECT {columns} FROM changes ORDER BY generation DESC LIMIT ?", (limit,))
            return [Change(*row) for row in rows]

    def close(self) -> None:
        """Leave the instance."""
        if self.reader is not None:
            self.reader.close()

    def reread(self) -> State:
        """The newest state from the database."""
        if self.reader is None:
            raise RuntimeError("an instance must begin before it has a state")
        self.state = self.newest(self.reader)
        if self.state is None:
            raise RuntimeError("the changes of this instance are gone")
        return self.state

    def newest(self, connection: sqlite3.Connection) -> State | None:
        """The state of the last change."""
        row = connection.execute("SELECT state FROM changes ORDER BY generation DESC LIMIT 1").fetchone()
        return msgspec.json.decode(row[0], type=State) if row else None

    def append(
        self, connection: sqlite3.Connection, state: State, before: str | None, actor: str, action: str, reason: str
    ) -> None:
        """Add one change; when this returns it survives a crash and a power cut."""
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        row = (state.generation, at, actor, action, before, state.serving, reason, msgspec.json.encode(state))
        connection.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def publish(self, state: State) -> None:
        """Tell all workers that there is something new to read."""
        if self.shared is not None:
            self.shared[0] = state.generation

    def share(self) -> memoryview:
        """The generation as one machine word of shared memory, which is written and read whole."""
        handle = os.open(self.directory / "generation", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(handle, mmap.PAGESIZE)
            return memoryview(mmap.mmap(handle, mmap.PAGESIZE)).cast("Q")
        finally:
            os.close(handle)

    def connect(self) -> sqlite3.Connection:
        """The database, each statement a transaction of its own that is on the disk when it ends."""
        connection = sqlite3.connect(
            self.directory / "changes.db", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One change at a time, over all workers: the database and the shared generation must move together."""
        with durable.exclusive(self.directory / ".changes.lock"):
            yield
