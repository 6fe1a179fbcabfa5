"""What a planted defect is, and the decorator that declares one.

    @defect("identity.version_not_echoed")
    def echoes_the_version_asked_for(components: Components) -> Components:
        '''Whatever version is asked for is named as the answer's. Python ML deployment guide.'''
        ...

The type of the function's parameter says where the fault sits: `Components` (the usual: one part replaced), `Settings`
(what the service is started with), `type[Registry]` (how it reads published files), `FastAPI` (around the application),
`type[Balancer]` (before several replicas, where `declares` starts them) or `RunDirectory` (where pytest runs: its
conftest, say). A fault of the published files themselves is a function of the version's directory, given as `files`.

A sealed defect was written by someone who had not read the checks, and says how much these find of what they were not
made for; or a drill meets it with luck only. It is served and judged by its name like any other, but no test demands
that it is found.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import typing
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NewType, TypeVar

from fastapi import FastAPI

from reference_service.artifacts.registry import Registry
from reference_service.components import Components
from reference_service.settings import Settings
from tests.balancer import Balancer

PLANTED = ".planted"
"""Marks a copy of the registry that has its fault already."""
BREAST_CANCER = "breast-cancer"
RunDirectory = NewType("RunDirectory", Path)
PLACES: Mapping[object, str] = {
    Components: "components",
    Settings: "settings",
    type[Registry]: "registry",
    FastAPI: "application",
    RunDirectory: "run",
    type[Balancer]: "balancer",
}
Expected = Literal["fail", "inconclusive"]
Plant = TypeVar("Plant", bound=Callable[..., Any])


@dataclass(frozen=True)
class Defect:
    """One fault and what the checklist must make of it.

    Attributes:
        check: the check that must find it.
        also: further checks that the same fault may turn red; no other one may.
        after: a check whose requests bring it out, where those of its own check do not.
        expected: the status of `check`.
        plant: the function that makes the faulty part.
        place: where the part sits, one of `PLACES`.
        files: the fault of the published version, made in a copy of the registry.
        arguments: what is added to the service's command line.
        declares: TOML that is added to `mlready.toml`; "{served}" stands for the command that serves the defect.
        golden: whether golden answers are declared; without them other checks have to find a wrong model.
        model: the reference model that is served with it.
        sealed: whether it was written without sight of the checks; `check` is then a guess.
    """

    name: str
    check: str
    also: frozenset[str]
    expected: Expected
    plant: Callable[[Any], Any]
    place: str
    files: Callable[[Path], None] | None
    arguments: tuple[str, ...]
    declares: str
    golden: bool
    sealed: bool
    model: str = BREAST_CANCER
    after: str | None = None

    def made(self, place: str, part: Any) -> Any:
        """The faulty part where the fault sits there, else the part as it is."""
        return self.plant(part) if self.place == place else part

    def registry(self, models: Path, copy: Path, model: str) -> Path:
        """The registry to serve from: a copy with the files' fault if there is one."""
        if self.files is None or (models / PLANTED).exists():
            return models
        shutil.copytree(models, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".state"))
        self.files(min((copy / model).glob("*.*.*")))
        (copy / PLANTED).touch()
        return copy


DECLARED: dict[str, Defect] = {}
"""Filled by importing the modules of the families; read it through `defects()` or `declared()`."""


def defect(
    check: str,
    *,
    also: Set[str] = frozenset(),
    expected: Expected = "fail",
    files: Callable[[Path], None] | None = None,
    arguments: tuple[str, ...] = (),
    declares: str = "",
    golden: bool = True,
    sealed: bool = False,
    model: str = BREAST_CANCER,
    after: str | None = None,
) -> Callable[[Plant], Plant]:
    """Declare a function as a planted defect; see `Defect` for the arguments.

    Raises:
        ValueError: the name is taken, or the function's parameter has none of the types of `PLACES`.
    """

    def declare(plant: Plant) -> Plant:
        name = plant.__name__
        if name in DECLARED:
            raise ValueError(f"there is a defect {name!r} already")
        takes = next(iter(typing.get_type_hints(plant).values()), None)
        if takes not in PLACES:
            raise ValueError(f"{name}: annotate the parameter as one of {', '.join(map(str, PLACES))}")
        place = PLACES[takes]
        DECLARED[name] = Defect(
            name, check, frozenset(also), expected, plant, place, files, arguments, declares, golden, sealed, model,
            after,
        )  # fmt: skip
        return plant

    return declare


@cache
def defects(*, sealed: bool = False) -> Mapping[str, Defect]:
    """Every planted defect by name, family by family: those that must be found, or the sealed ones."""
    return {name: one for name, one in declared().items() if one.sealed == sealed}


@cache
def declared() -> Mapping[str, Defect]:
    """Every planted defect by name, sealed or not."""
    from tests import defects as package

    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith(("_", "test_")):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(DECLARED)
