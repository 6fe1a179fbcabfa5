"""The file of `--experiments`: what is tried from the first start of an instance on.

    {"checkout": {"variants": [{"name": "control", "weight": 0.9}, {"name": "new", "version": "2.0.0", "weight": 0.1}]}}

Each definition is the body that PUT /experiments/{name} takes. An instance that comes back has those that are in force.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from reference_service.experiments import experiment_body
from reference_service.experiments.experiment import Definition, Experiment, defined
from reference_service.web.problems import Problem

NESTING = 32


class BadExperiments(Exception):
    """The file cannot be used; the message is for whoever started the service."""


@dataclass(frozen=True)
class FirstExperiments:
    """The experiments of a new instance, by name."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)

    def begun(self) -> dict[str, Experiment]:
        """All of them, begun now unless they say when."""
        now = datetime.datetime.now(datetime.UTC)
        return {name: defined(name, wanted, None, now) for name, wanted in self.definitions.items()}

    def versions(self) -> Iterator[str]:
        """The versions that their variants name, each once."""
        variants = [variant for one in self.definitions.values() for variant in one.variants]
        yield from dict.fromkeys(one.version for one in variants if one.version is not None)


def read_experiments(path: Path | None) -> FirstExperiments:
    """The experiments of a file; none without one.

    Raises:
        BadExperiments: the file cannot be read, or does not define experiments; names the file and the place in it.
    """
    if path is None:
        return FirstExperiments()
    try:
        bodies = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except OSError as error:
        raise BadExperiments(f"cannot read the experiments of {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise BadExperiments(f"{path} is no JSON object of experiments by name: {error}") from None
    found = FirstExperiments({name: _definition(path, name, bytes(body)) for name, body in bodies.items()})
    try:
        found.begun()
    except Problem as problem:
        raise BadExperiments(f"{path}: {_faults(problem)}") from None
    return found


def _definition(path: Path, name: str, body: bytes) -> Definition:
    if not experiment_body.NAME.pattern.fullmatch(name):
        raise BadExperiments(f"{path}: the name {name!r} {experiment_body.NAME.words}")
    try:
        return experiment_body.read(body, NESTING)[0]
    except Problem as problem:
        raise BadExperiments(f"{path}: {name}: {_faults(problem)}") from None


def _faults(problem: Problem) -> str:
    return "; ".join(f"{fault.path} {fault.message}" for fault in problem.faults) or problem.detail
