"""The catalogue: every check with its id, severity, remedy and the evidence it asks for."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from pytest_mlready.finding import Finding, Severity, Status, errored, finite
from pytest_mlready.records import Errored, NotGathered
from pytest_mlready.schedule import SCHEDULE, Evidence
from pytest_mlready.settings import Profile, Settings

Judgement = Callable[..., Finding]
ALWAYS_CLAIMED = frozenset({"harness", "identity", "contract", "fuzz", "lifecycle"})


@dataclass(frozen=True)
class Check:
    """A judgement over evidence.

    The function's parameters name its evidence (and `settings`); the first paragraph of its docstring says what must
    hold, the rest why that matters in production. It is judged without what broke of evidence that has a default.
    `reads` are the parts of its evidence that it looks at (None: all).
    """

    id: str
    severity: Severity
    remedy: str
    function: Judgement
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None

    @property
    def family(self) -> str:
        """The part of the id before the dot: the capability that the check belongs to."""
        return self.id.partition(".")[0]

    @property
    def holds(self) -> str:
        """What must hold, in one sentence."""
        return " ".join(_docstring(self.function).partition("\n\n")[0].split())

    @property
    def why(self) -> str:
        """Why it matters in production."""
        return " ".join(_docstring(self.function).partition("\n\n")[2].split())

    @property
    def arguments(self) -> tuple[str, ...]:
        """The function's parameters: evidence names, and `settings` where it takes them."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence it asks for."""
        return tuple(SCHEDULE.evidence[name] for name in self.arguments if name != "settings")

    @property
    def parts(self) -> frozenset[str]:
        """The parts of its evidence that it cannot be judged without."""
        return frozenset(
            part for one in self.evidence for part in one.parts if self.reads is None or part in self.reads
        )

    @property
    def closing(self) -> bool:
        """Whether it judges the run itself, when it ends, and so is no test item."""
        return any(one.turn == "closing" for one in self.evidence)

    def in_profile(self, profile: Profile) -> bool:
        """Whether the profile has time for all its evidence."""
        return all(one.in_profile(profile) for one in self.evidence)

    def not_installed(self) -> str | None:
        """How to install the first program that its evidence needs and that is not there; None if all are."""
        programs = [one.program for one in self.evidence if one.program is not None]
        return next((f"needs {one.name}: {one.install}" for one in programs if one.found() is None), None)

    def judge(self, arguments: Mapping[str, object]) -> Finding:
        """Judge the evidence; what broke instead of being gathered becomes `error` or `not_run`, never a pass."""
        parameters = inspect.signature(self.function).parameters
        optional = {name for name, one in parameters.items() if one.default is not inspect.Parameter.empty}
        broken = {name for name, value in arguments.items() if isinstance(value, Errored)}
        arguments = {name: value for name, value in arguments.items() if name not in optional & broken}
        for value in arguments.values():
            if isinstance(value, Errored):
                return self.sign(errored(f"no {value.name} evidence: {value.reason}"))
            if isinstance(value, NotGathered):
                return self.sign(Finding(Status.NOT_RUN, value.reason))
        return self.sign(self.function(**arguments))

    def sign(self, finding: Finding) -> Finding:
        """Complete a finding with what the catalogue knows."""
        measurement = finite(finding.measurement) if finding.measurement is not None else None
        return replace(
            finding,
            check=self.id,
            severity=self.severity,
            measurement=measurement,
            why=self.why,
            remedy="" if finding.status is Status.PASS else self.remedy,
            evidence=tuple(one.name for one in self.evidence),
        )

    def unmet(self, settings: Settings) -> str | None:
        """The line to add to `mlready.toml` before this check can be made, None if nothing is missing."""
        if self.family not in ALWAYS_CLAIMED and getattr(settings, self.family, None) is None:
            return f"[{self.family}]"
        for need in dict.fromkeys((*self.needs, *(need for one in self.evidence for need in one.needs))):
            if (line := unmet_need(need, settings)) is not None:
                return line
        if any(one.fresh for one in self.evidence) and settings.service.command is None:
            return '[service] command = "…{port}…"   (this check starts an instance of its own)'
        for one in self.evidence:
            if one.permission is not None and one.permission not in settings.allow:
                return f'[service] allow = ["{one.permission}"]'
        return None


def _of_deployment(name: str) -> Callable[[Settings], object]:
    """Whether `[deployment]` declares something."""
    return lambda settings: settings.deployment is not None and getattr(settings.deployment, name)


NEEDS: dict[str, tuple[Callable[[Settings], object], str]] = {
    "inputs.rows": (lambda s: s.inputs.rows, '[inputs] rows = "sample.csv"'),
    "inputs.golden": (lambda s: s.inputs.golden, '[inputs] golden = "golden.json"'),
    "relations": (lambda s: s.relations, '[relations] increasing = ["…"]   (or invariant, active, reference …)'),
    "registry": (lambda s: s.registry, '[registry] path = "models/…"'),
    "latency": (lambda s: s.latency, "[latency] rate = …, p99_ms = …"),
    "latency.resources": (
        lambda s: s.latency and (s.latency.cpu_ms_per_request or s.latency.rss_mib or s.latency.gpu_mib),
        "[latency] cpu_ms_per_request = …, rss_mib = …, gpu_mib = …",
    ),
    "latency.replicas": (
        lambda s: s.latency and s.latency.replicas,
        '[latency.replicas] count = …, header = "x-served-by"   (or path = "/whoami", field = "name")',
    ),
    "base": (
        lambda s: s.base and s.base.given,
        '[base] command = "…{port}…"   (or --mlready-base-command)',
    ),
    "base.allow": (lambda s: s.base and s.base.released, '[base] allow = ["load"]   (for a url)'),
    "drift.data": (lambda s: s.drift and s.drift.reference and s.drift.current, "[drift] reference = …, current = …"),
    "drift.prediction": (lambda s: s.drift and s.drift.prediction, '[drift] prediction = "…"'),
    "drift.max_age_days": (lambda s: s.drift and s.drift.max_age_days, "[drift] max_age_days = …"),
    "drift.signal": (
        lambda s: s.drift and s.drift.signal,
        '[drift.signal] metric = "…", above = 0.5, feature_label = "…"   (or preset = "…")',
    ),
    "drift.signal.reference": (
        lambda s: s.drift and s.drift.signal and s.drift.signal.reference,
        '[drift.signal.reference] path = "/drift", key = "…"   (or metric and label)',
    ),
    "cache": (lambda s: s.cache, '[cache] header = "x-cache"'),
    "quality.rows": (lambda s: s.labelled, '[quality] rows = "held_out.csv", label = "…"'),
    "quality.threshold": (lambda s: s.quality and s.quality.threshold is not None, "[quality] threshold = …"),
    "quality.previous": (lambda s: s.quality and s.quality.previous, '[quality] previous = "answers.json"'),
    "quality.slices": (lambda s: s.quality and s.quality.slices, '[quality] slices = ["…"], slice_floor = …'),
    "quality.group": (lambda s: s.group, '[quality] group = "…"   (or [inputs] protected)'),
    "quality.noise": (lambda s: s.quality and s.quality.noise, "[quality] noise = 0.01"),
    "quality.offline": (lambda s: s.quality and s.quality.offline is not None, '[quality] offline = "module:name"'),
    "quality.unoptimised": (lambda s: s.quality and s.quality.unoptimised, '[quality] unoptimised = "module:name"'),
    "quality.training": (lambda s: s.quality and s.quality.training, '[quality.training] command = "…"'),
    "experiments.declared": (
        lambda s: s.experiments and s.experiments.declared,
        '[[experiments.declared]] name = "…", function = "…", salt = "…", variants = [{ name = "…", weight = … }, …]',
    ),
    "experiments.ramp": (
        lambda s: s.experiments and any(one.ramp for one in s.experiments.declared),
        "[[experiments.declared]] ramp = [0.05, 0.2, 0.5]",
    ),
    "experiments.change": (
        lambda s: s.experiments and s.experiments.change,
        '[experiments.change.NAME] path = "/experiments/NAME", body = { … }',
    ),
    "experiments.analysis": (
        lambda s: s.experiments and s.experiments.analysis,
        '[experiments] analysis = "module:name"',
    ),
    "deployment": (lambda s: s.deployment, "[deployment]"),
    "deployment.token": (
        lambda s: bool(s.service.command) or not (name := _of_deployment("token_env")(s)) or os.environ.get(str(name)),
        "the environment variable that [deployment] token_env names",
    ),
    "deployment.token_env": (_of_deployment("token_env"), '[deployment] token_env = "ADMIN_TOKEN"'),
    "deployment.registry": (_of_deployment("registry"), '[deployment] registry = "models", command = "… {registry}"'),
    "deployment.history": (_of_deployment("keeps_history"), '[deployment.calls.history] path = "…"'),
    "deployment.canary": (_of_deployment("canary"), '[deployment] canary = "2.0.0"'),
    "deployment.feedback": (_of_deployment("feedback"), '[deployment] feedback = "/feedback"'),
    "service.kill": (
        lambda s: s.service.command and "kill" in s.allow,
        '[service] command = "…{port}…", allow = ["kill"]',
    ),
    "quality.edge_cases": (lambda s: s.quality and s.quality.edge_cases, '[quality] edge_cases = "edge_cases.json"'),
    "quality.forbidden": (lambda s: s.quality and s.quality.forbidden, '[quality] forbidden = ["…"]'),
    "quality.collected_until": (
        lambda s: s.quality and s.quality.collected_until,
        "[quality] collected_until = 2026-01-31",
    ),
    "drills.broken_model": (lambda s: s.drills.broken_model, '[drills] broken_model = "…{port}…"'),
}
"""What a check may need declared: how to see that it is, and the line that declares it."""


def unmet_need(need: str, settings: Settings) -> str | None:
    """The line to add for one need, None if it is met."""
    met, line = NEEDS[need]
    return None if met(settings) else line


REGISTERED: dict[str, Check] = {}
"""Filled by importing the modules of `checks/`, each of which registers its own; read it through `checks()`."""


def check(
    id: str,
    severity: Literal["must", "should", "may"],
    *,
    remedy: str,
    needs: tuple[str, ...] = (),
    reads: tuple[str, ...] | None = None,
) -> Callable[[Judgement], Judgement]:
    """Register a pure judgement as a check.

    Args:
        id: "family.name"; public and stable.
        severity: only a `must` blocks a release.
        remedy: what to do about a failure, in one or two sentences.
        needs: declarations beyond those of the evidence, keys of `NEEDS`.
        reads: the parts of its evidence that it looks at, where that has parts; all, unless said.

    Raises:
        ValueError: the id is taken, the docstring lacks what must hold or why, a parameter names no evidence, or its
            evidence has no such part.
    """

    def register(function: Judgement) -> Judgement:
        made = Check(id, Severity(severity), remedy, function, needs, reads)
        if id in REGISTERED:
            raise ValueError(f"check id {id!r} is taken")
        if not made.holds or not made.why:
            raise ValueError(f"{id}: the docstring needs two paragraphs: what must hold, and why it matters")
        if unknown := [name for name in made.arguments if name != "settings" and name not in SCHEDULE.evidence]:
            raise ValueError(f"{id}: no such evidence: {unknown}")
        if unknown := sorted(set(reads or ()) - made.parts):
            raise ValueError(f"{id}: its evidence has no such parts: {unknown}")
        REGISTERED[id] = made
        return function

    return register


@cache
def checks() -> Mapping[str, Check]:
    """Every built-in check by id, in the order in which they are best judged: fast evidence first."""
    from pytest_mlready import checks as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    # Of the same evidence, identity first: an answer that names no model also breaks schemas, not the other way round.
    order = sorted(
        REGISTERED.values(),
        key=lambda one: (SCHEDULE.rank(tuple(e.name for e in one.evidence)), one.family != "identity"),
    )
    return {one.id: one for one in order}


def families() -> Iterator[str]:
    """The families that have checks."""
    return iter(dict.fromkeys(one.family for one in checks().values()))


def _docstring(function: Judgement) -> str:
    return inspect.getdoc(function) or ""
