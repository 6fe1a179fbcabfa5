"""Defects of what must come back: after a kill, after a version that proved bad, and after a drill."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from reference_service.components import Components
from reference_service.deployments.automatic_rollback import AutomaticRollback
from reference_service.deployments.changes import Changes, State
from reference_service.deployments.outcomes import Score
from reference_service.settings import Settings
from tests.defects.judging import ROOT
from tests.defects.planting import RunDirectory, defect

KNOWN = ("--tokens", str(ROOT / "tests/defects/tokens.json"))
SOON = "undone_s = 3\n"
"""A sound service needs a tenth of it."""
TEAM = """
import pytest
from pytest_mlready.deployment import Recipe, Refused, make
from pytest_mlready.evidence import keeping
from pytest_mlready.settings import Deployment

keeping.PATIENCE_S = 1.0  # nobody comes to help


class Team:
    remembers, newest, changes = False, "", 0

    def __init__(self, url):
        self.service = make(Recipe(Deployment(), url, "only-for-the-planted-defects"))
        self.versions, self.current, self.history = self.service.versions, self.service.current, self.service.history

    def promote(self, version):
        return self.ordered("promote", version)

    def rollback(self, to=None):
        return self.ordered("rollback", to)

    def ordered(self, action, version):
        if {refuses}:
            raise Refused("409", "{why}")
        made = getattr(self.service, action)(version)
        self.newest, self.changes = max(self.newest, version), self.changes + bool(made.changed)
        return made


@pytest.fixture(scope="session")
def mlready_deployment(mlready_target):
    return Team(mlready_target.url)
"""
"""A team's own way to change versions, which cannot follow a drill to another instance: the target itself is drilled.

Its token is the one whose digest stands in `tokens.json`.
"""


@defect("deployment.survives_kill")
def what_is_in_force_is_forgotten_with_the_process(components: Components) -> Components:
    """State is kept beside the process and not for its successor: a restart serves the first version again."""
    return replace(components, changes=Changes(components.settings.state_directory / f"run-{os.getppid()}"))


@defect("deployment.survives_kill", sealed=True)
def state_is_written_in_place(components: Components) -> Components:
    """State and history are one JSON file that is written over: a kill in the middle leaves half of it."""

    class InPlace(Changes):
        def append(self, connection: Any, after: State, *arguments: Any) -> None:
            super().append(connection, after, *arguments)
            path = self.directory / "state.json"
            with path.open("wb") as file:
                for part in (msgspec.json.encode(after), b"\n"):
                    file.write(part)
                    file.flush()
                    time.sleep(0.002)

        def begin(self, first: Callable[[], State]) -> State:
            path = self.directory / "state.json"
            if path.exists() and not path.read_bytes().endswith(b"\n"):
                raise RuntimeError("the state cannot be read")
            return super().begin(first)

    return replace(components, changes=InPlace(components.settings.state_directory))


@defect("deployment.survives_kill")
def a_killed_process_leaves_its_pid_file(settings: Settings) -> Settings:
    """The next one takes the file for a running instance and ends: only an orderly stop removes it."""
    file = settings.state_directory / "pid"
    if file.exists():
        sys.exit(f"another instance is running, see {file}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(str(os.getpid()))
    atexit.register(file.unlink)
    return settings


@defect("deployment.auto_rollback", declares=SOON)
def nobody_reads_the_threshold(components: Components) -> Components:
    """The bound is declared, the labels are counted, and nothing compares the two."""

    class Asleep(AutomaticRollback):
        async def look(self) -> None:
            pass

    parts = (components.contract.task, components.serving, components.outcomes, components.deployments)
    return replace(components, automatic_rollback=Asleep(components.settings, *parts))


@defect("deployment.auto_rollback", declares=SOON)
def a_bad_version_waits_for_a_thousand_labels(components: Components) -> Components:
    """The bound is compared once there are "enough" labels, which take weeks to come."""

    class Patient(AutomaticRollback):
        def is_worse(self, score: Score, bound: float) -> bool:
            return score.labels >= 1000 and super().is_worse(score, bound)

    parts = (components.contract.task, components.serving, components.outcomes, components.deployments)
    return replace(components, automatic_rollback=Patient(components.settings, *parts))


@defect("deployment.left_as_found", arguments=KNOWN)
def the_pipeline_goes_forward_only(directory: RunDirectory) -> None:
    """An older version than was ever deployed is refused: what served before cannot be promoted again."""
    with (directory / "conftest.py").open("a") as conftest:
        conftest.write(
            TEAM.format(
                refuses='action == "promote" and version < self.newest', why="an older version than was deployed"
            )
        )


@defect("deployment.left_as_found", also={"deployment.rollback_restores"}, arguments=KNOWN)
def the_pipeline_takes_five_changes_a_day(directory: RunDirectory) -> None:
    """A limit on changes counts the way back as well: it is reached with the wrong version in force."""
    with (directory / "conftest.py").open("a") as conftest:
        conftest.write(TEAM.format(refuses="self.changes >= 5", why="no more changes today"))
