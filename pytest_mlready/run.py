"""One run in one process: its settings, its target and its evidence.

The controller makes it and starts the target; an xdist worker makes a view of it from `describe()`.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pytest_mlready import left_behind
from pytest_mlready.records import LeftBehind, LoadRun
from pytest_mlready.schedule import SCHEDULE, Evidence
from pytest_mlready.settings import Profile, Settings, SettingsError

if TYPE_CHECKING:
    from pytest_mlready.deployment import Recipe
    from pytest_mlready.evidence.context import Spare
    from pytest_mlready.records import Row
    from pytest_mlready.service.patience import RateLimited
    from pytest_mlready.service.target import Target

RECOVERY_S = 5.0
"""How long a target may need after a load or a drill until it answers again, before it counts as lost."""

PATIENCE_S = 3.0
"""So long, in all, one kind of evidence waits for a service that limits the rate of our requests."""

MAPPING = "mapping.json"
"""Beside the evidence: a replay of it needs to say how answers are read."""


class Unavailable(Exception):
    """There is no target to ask: in a replay, or because it was lost."""


@dataclass
class Run:
    """What all of a run's evidence is gathered with.

    `directory` takes reports, evidence and the service's log; `evidence_directory` is where evidence is kept, or,
    in a replay, read from.
    """

    settings: Settings
    profile: Profile
    seed: int
    rows: tuple[Row, ...]
    directory: Path
    evidence_directory: Path
    replay: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started_at: float = field(default_factory=time.time)
    target: Target | None = None
    problem: str | None = None
    before: dict[str, str] | None = None
    after: dict[str, str] | None = None
    progress: Callable[[str], None] = lambda text: None
    _held: contextlib.ExitStack | None = None
    _spare: Spare | None = None
    _patience: RateLimited | None = None

    @property
    def today(self) -> datetime.date:
        """The day against which waivers and attestations expire."""
        return datetime.datetime.fromtimestamp(self.started_at, datetime.UTC).date()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that stand in no output: the values of the headers that we were told to send."""
        of_base = self.settings.base.headers if self.settings.base is not None else None
        values = (
            *self.settings.service.headers.values(),
            *(of_base or {}).values(),
            *filter(None, (self.admin_token,)),
        )
        return tuple(part for value in values for part in {value, value.rpartition(" ")[2]} if len(part) >= 6)

    @property
    def admin_token(self) -> str | None:
        """The right to change versions, from the environment."""
        table = self.settings.deployment
        if table is None or table.token_env is None:
            return None
        return os.environ.get(table.token_env)

    def deployment_recipe(self, target: Target) -> Recipe | None:
        """How the declared deployment of a target is made, None where none is declared."""
        table = self.settings.deployment
        if table is None:
            return None
        from pytest_mlready.deployment import Recipe

        directory = self.settings.directory
        return Recipe(table, target.url, self.admin_token, target.headers, directory, target.ca_file, target.verify)

    def describe(self) -> str:
        """What an xdist worker needs to know, as one JSON string."""
        target = self.target.describe() if self.target is not None else None
        return msgspec.json.encode({"id": self.id, "started_at": self.started_at, "target": target}).decode()

    def join(self, description: str) -> None:
        """Become a worker's view of the run that the controller described."""
        from pytest_mlready.service.target import Target

        told = msgspec.json.decode(description)
        self.id, self.started_at = told["id"], told["started_at"]
        self.target = Target.from_description(told["target"]) if told["target"] else None

    @property
    def name(self) -> str:
        """What people call the service: as declared, else as its info route has it."""
        facts = self.before or {}
        said = [facts.get(f"info.{key}", "") for key in ("name", "model_name", "version", "model_version")]
        return self.settings.service.name or " ".join(one for one in said if one) or "the service"

    def start(self, evidence: Iterable[str] = ()) -> None:
        """Start the service, or attach to its URL; `problem` says in one line why that failed.

        Meanwhile what will gather this `evidence` is imported.

        Raises:
            SettingsError: how to speak to it cannot be found out and is not declared, or is declared wrong.
        """
        from pytest_mlready.evidence.acquaintance import reached
        from pytest_mlready.evidence.importing import imported_meanwhile
        from pytest_mlready.protocols.detect import DetectError
        from pytest_mlready.service.scrub import redact, scrub
        from pytest_mlready.service.target import StartError

        try:
            allow = tuple(self.settings.allow)
            with imported_meanwhile(evidence):
                self.target = reached(self.settings, self.settings.service, self.rows, self.directory, allow=allow)
            self._save_mapping(self.target)
        except StartError as error:
            self.problem = redact(scrub(str(error)), self.secrets)
        except (DetectError, ValueError) as error:
            raise SettingsError(redact(scrub(str(error)), self.secrets)) from None

    @property
    def url(self) -> str | None:
        """Where the service is asked; in a replay of saved evidence, where it is declared to be."""
        return self.target.url if self.target is not None else self.settings.service.url

    @property
    def mapping(self) -> dict[str, Any] | None:
        """How the service's bodies are laid out, in a replay as it was saved; None where that is not known."""
        if self.target is not None:
            return self.target.mapping.describe()
        with contextlib.suppress(OSError, msgspec.DecodeError):
            saved: dict[str, Any] = msgspec.json.decode((self.evidence_directory / MAPPING).read_bytes())
            return saved
        return None

    def _save_mapping(self, target: Target) -> None:
        self.evidence_directory.mkdir(parents=True, exist_ok=True)
        (self.evidence_directory / MAPPING).write_bytes(msgspec.json.encode(target.mapping.describe()))

    def note_identity(self, when: Literal["before", "after"]) -> None:
        """Remember what the target says of itself at one end of the run."""
        from pytest_mlready.evidence import whoami

        if self.target is not None:
            setattr(self, when, whoami.facts(self.target, self.secrets))

    def generator(self) -> dict[str, Any]:
        """How the load generator kept its schedule, where there was load; for the report."""
        from pytest_mlready.evidence import store

        load = store.read(self.evidence_directory / "steady_load.json")
        return msgspec.to_builtins(load.generator) if isinstance(load, LoadRun) else {}

    def evidence(
        self,
        name: str,
        target: Target | None,
        rows: tuple[Row, ...],
        given: Mapping[str, Any] = MappingProxyType({}),
        parts: frozenset[str] | None = None,
    ) -> object:
        """The record `name`, gathered once per run; `Errored` or `NotGathered` where there is none.

        `given` are the fixtures that it asks for, `parts` those of it that are read (None: all).
        """
        from pytest_mlready.evidence.context import Context, Spare
        from pytest_mlready.evidence.store import Store

        self._spare = self._spare or Spare()
        spec = SCHEDULE.evidence[name]
        gatherer = importlib.import_module(f"pytest_mlready.evidence.{name}")
        budget_s = spec.budget_s(self.profile)
        context = Context(
            target,  # type: ignore[arg-type]
            self.settings,
            rows,
            self.seed,
            budget_s,
            directory=self.directory,
            progress=self.progress,
            spare=self._spare,
            parts=frozenset(spec.parts) if parts is None else parts,
        )
        if target is not None:
            context = replace(context, given=given, deployment_recipe=self.deployment_recipe(target))
        made_with = {**gatherer.made_with(context), "rows": _digest(rows), "seed": self.seed}
        if spec.turn in {"load", "destructive"}:
            made_with["budget_s"] = context.budget_s
        store = Store(self.evidence_directory, self.replay, self.secrets)
        return store.get(name, made_with, lambda: self._gather(spec, gatherer.gather, context))

    def _gather(self, spec: Evidence, gather: Callable[[Any], object], context: Any) -> object:
        from pytest_mlready.service.patience import RateLimited

        self.refuse_lost()
        if spec.permission is not None:
            self.require_target().require(spec.permission)
        if spec.patient:
            self._patience = RateLimited(PATIENCE_S) if self._patience is None else self._patience.renewed()
            context = replace(context, target=replace(context.target, patience=self._patience))
        with self.turn(exclusive=spec.turn != "shared") as turn_fd:
            record = gather(replace(context, turn_fd=turn_fd))
            if spec.turn != "shared":
                self._probe(f"by {spec.name}")
        return record

    def require_target(self) -> Target:
        """The target. Raises Unavailable in a replay."""
        if self.target is None:
            raise Unavailable("there is no target in a replay")
        return self.target

    @contextlib.contextmanager
    def turn(self, *, exclusive: bool) -> Iterator[int | None]:
        """Hold a turn at the target. A shared turn that this process holds already is given back meanwhile."""
        turns = self.require_target().turns
        resume = self._held is not None
        self.release()
        try:
            if exclusive:
                with turns.exclusive() as turn_fd:
                    yield turn_fd
            else:
                with turns.shared():
                    yield None
        finally:
            if resume:
                self.hold()

    def hold(self) -> None:
        """Take a shared turn for a user's test."""
        self._held = contextlib.ExitStack()
        self._held.enter_context(self.require_target().turns.shared())

    def release(self) -> None:
        """Give the shared turn back."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def stop(self) -> None:
        """End what the run started and still has."""
        if self._spare is not None:
            self._spare.end()
        if self.target is not None:
            self.target.stop()

    def left_behind(self) -> LeftBehind | None:
        """What a drill, of this run or an earlier one, found at the target and has not put back."""
        if self.target is None or self.target.recipe is not None:
            return None
        note = left_behind.read(left_behind.path_in(self.target.turns.directory), self.target.url)
        if note is None or note.found in (self.after or {}).values():
            return None
        return LeftBehind(note.found, None, note.problem or "it is not put back yet", note.restore)

    def refuse_lost(self) -> None:
        """Raise Unavailable if the target is gone, naming what it was lost by."""
        mark = self.directory / "service.lost"
        reason = self.require_target().alive_or_reason()
        if mark.exists():
            raise Unavailable(mark.read_text("utf-8"))
        if reason is not None:
            raise Unavailable(f"the service was lost: {reason}")

    def _probe(self, how: str) -> None:
        """See that the target survived; if not, leave a mark so that later evidence names the right cause."""
        deadline = time.monotonic() + RECOVERY_S
        while (reason := self.require_target().alive_or_reason()) is not None:
            if time.monotonic() > deadline:
                (self.directory / "service.lost").write_text(f"the service was lost {how}: {reason}", "utf-8")
                return
            time.sleep(0.1)


def _digest(rows: tuple[Row, ...]) -> str:
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()[:16]
