"""The table `[deployment]`: how versions are changed, and what a drill may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mlready.settings.tables import not_above_zero

_COPY = re.compile(r"\{registry\}")
Api = Literal["mlready", "http", "shell", "repository", "mlflow"]


@dataclass(frozen=True)
class DeploymentCall:
    """One HTTP call of `api = "http"`; `{version}` in path and body is filled in.

    `read` is where the answer says what was asked for, as a dotted path ("versions.*.name"): for an order the version
    that serves then. `changed` and `generation` are further paths in an order's answer; `fields` maps from, to, at,
    actor, action and generation to paths within a line of the history.
    """

    path: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    body: Mapping[str, Any] | None = None
    read: str | None = None
    changed: str | None = None
    generation: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """How versions are changed.

    `api`: "mlready" (the contract of the reference service), "http" (`calls`), "shell" (`commands`), "repository"
    (index and load of the Open Inference Protocol; `model`, and `select` if a command says which version is loaded) or
    "mlflow" (the `alias` of a registered `model`). `url` is where orders go, if not to the service itself.

    `versions` are the two that are drilled, by default the one that serves and another. `command` starts the instance
    that is drilled, by default that of `[service]`; `{registry}` in it is a copy of the directory `registry`, whose
    artefacts may be spoiled (`model` names the one that is served where it holds several). `workers` is how many
    processes answer. `token_env` names the environment variable with the admin's bearer token; for an instance that we
    start, one is made up where it is not set.

    `acknowledge_s` bounds an acknowledgement, `first_answer_s` the first answer after it. `version_field` is the field
    of a predict body that asks for a version; `canary` is a candidate that is compared with what serves. `feedback` is
    a route that takes late labels ({"request_id", "label"}), `undone_s` the bound within which a version that proves
    bad by them is undone.
    """

    api: Api = "mlready"
    url: str | None = None
    versions: tuple[str, ...] = ()
    command: str | None = None
    registry: str | None = None
    workers: int | None = None
    token_env: str | None = None
    calls: Mapping[str, DeploymentCall] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    select: str | None = None
    alias: str = "champion"
    acknowledge_s: float = 5.0
    first_answer_s: float = 1.0
    version_field: str = "model_version"
    canary: str | None = None
    feedback: str | None = None
    undone_s: float = 10.0

    def fault(self) -> str | None:
        """What is missing or cannot be, as "key: words"; None if nothing."""
        if self.versions and len(set(self.versions)) != 2:
            return f"versions: expected two different versions, got {list(self.versions)}"
        if self.api in {"repository", "mlflow"} and self.model is None:
            return f'model: api = "{self.api}" needs the name of the model'
        for api, table, given in (("http", "calls", self.calls), ("shell", "commands", self.commands)):
            known = {"versions", "current", "promote", "rollback", "history"}
            if unknown := sorted(set(given) - known):
                return f"{table}: unknown {unknown[0]!r}; known: {', '.join(sorted(known))}"
            needed = {"current", "promote"} if self.api == api else set()
            if missing := sorted(needed - set(given)):
                return f'{table}: api = "{api}" needs {missing[0]!r}'
        if self.registry is not None and not _COPY.search(self.command or ""):
            return "registry: a command must say where its copy goes, as {registry}"
        return not_above_zero(self)

    @property
    def keeps_history(self) -> bool:
        """Whether changes can be read again."""
        calls: Mapping[str, object] = self.calls if self.api == "http" else self.commands
        return self.api == "mlready" or (self.api in {"http", "shell"} and "history" in calls)
