"""What evidence there is: the turn it takes at the target, what it needs, and how long it may take in each profile."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_mlready import records
from pytest_mlready.settings import PROFILES, Permission, Profile

Turn = Literal["shared", "load", "destructive", "closing"]


@dataclass(frozen=True)
class Program:
    """A command that evidence needs and that is no dependency: its `name`, and the words that `install` it."""

    name: str
    install: str

    def found(self) -> str | None:
        """Where it is: beside this interpreter, else on the PATH; None where it is not."""
        return shutil.which(self.name, path=str(Path(sys.executable).parent)) or shutil.which(self.name)


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence, gathered by `pytest_mlready.evidence.<name>`.

    `shared` gatherers may overlap each other; `load` and `destructive` ones overlap nothing; `closing` evidence is the
    run itself, known when it ends. `fresh` ones start an instance of their own; a `program`
    that is not installed defers what needs it. `fixtures` are those that it is given, which a user may override.
    `parts` are made only where a selected check reads them; the rest always.
    `seconds` is the budget by profile; a profile that is missing defers it.
    """

    name: str
    record: type
    seconds: dict[Profile, float]
    turn: Turn = "shared"
    permission: Permission | None = None
    fresh: bool = False
    needs: tuple[str, ...] = ()
    program: Program | None = None
    fixtures: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def patient(self) -> bool:
        """Whether it asks again what a rate limit refused: not where what is refused is counted."""
        return self.permission == "fuzz" or (self.permission is None and self.turn != "destructive")

    def in_profile(self, profile: Profile) -> bool:
        """Whether this profile, or a smaller one, has time for it."""
        return any(one in self.seconds for one in PROFILES[: PROFILES.index(profile) + 1])

    def budget_s(self, profile: Profile) -> float:
        """Seconds it may take: those of the largest profile up to this one, else of the smallest it is in."""
        upto = PROFILES[: PROFILES.index(profile) + 1]
        named = [one for one in upto if one in self.seconds]
        return self.seconds[named[-1]] if named else next(iter(self.seconds.values()))


@dataclass(frozen=True)
class Schedule:
    """All evidence by name, in the order in which it is best gathered: fast first, destructive last."""

    evidence: dict[str, Evidence] = field(default_factory=dict)

    def rank(self, names: tuple[str, ...]) -> int:
        """Where a check that needs these comes in the order."""
        order = list(self.evidence)
        return max((order.index(name) for name in names), default=0)


def _schedule(*evidence: Evidence) -> Schedule:
    return Schedule({one.name: one for one in evidence})


SCHEMATHESIS = Program("schemathesis", "pip install 'pytest-mlready[schemathesis]'")
SCHEDULE = _schedule(
    Evidence("identity", records.Identity, {"smoke": 0.5}),
    Evidence("artefact", records.Artefact, {"smoke": 0.5}, needs=("registry", "inputs.rows")),
    Evidence("golden", records.Golden, {"smoke": 0.5}, needs=("inputs.golden",)),
    Evidence("answers", records.Answers, {"smoke": 1}, needs=("inputs.rows",)),
    Evidence("scrape", records.Scrape, {"smoke": 0.5}),
    Evidence("interface_document", records.InterfaceDocument, {"smoke": 0.5}),
    Evidence("live_routes", records.LiveRoutes, {"smoke": 0.5}),
    Evidence("bad_requests", records.BadRequests, {"smoke": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("bad_items", records.BadItems, {"smoke": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("drift_data", records.DriftData, {"quick": 0.5}, needs=("drift.data",)),
    Evidence(
        "drift_reference",
        records.DriftReferenceTold,
        {"quick": 0.5},
        needs=("drift.signal.reference", "inputs.rows"),
    ),
    Evidence("corpus", records.Corpus, {"quick": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("spellings", records.Spellings, {"quick": 0.5}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("edits", records.Edits, {"quick": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("batch_sizes", records.BatchSizes, {"quick": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("limits", records.Limits, {"smoke": 1}, permission="fuzz", needs=("inputs.rows",)),
    Evidence("edge_cases", records.EdgeCases, {"quick": 0.2}, needs=("quality.edge_cases",)),
    Evidence("labelled_answers", records.LabelledAnswers, {"quick": 1, "full": 12}, needs=("quality.rows",)),
    Evidence("retraining", records.Retraining, {"full": 8}, needs=("quality.training",)),
    Evidence("cache_drill", records.CacheDrill, {"quick": 3}, needs=("cache", "inputs.rows")),
    Evidence(
        "assignments",
        records.Assignments,
        {"quick": 1.5, "full": 45},
        turn="load",
        needs=("experiments.declared", "inputs.rows"),
    ),
    Evidence("analysis_trials", records.AnalysisTrials, {"full": 10}, needs=("experiments.analysis",)),
    Evidence("concurrency", records.Concurrency, {"quick": 1}, turn="load", permission="fuzz", needs=("inputs.rows",)),
    Evidence("scaling", records.Scaling, {"quick": 1.5}, turn="load", permission="fuzz", needs=("inputs.rows",)),
    Evidence("counters", records.Counters, {"smoke": 3}, turn="load", permission="load", needs=("inputs.rows",)),
    Evidence(
        "steady_load",
        records.LoadRun,
        {"quick": 16, "full": 60},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows"),
    ),
    Evidence(
        "paired_load",
        records.LoadRun,
        {"quick": 16, "full": 46},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows", "base", "base.allow"),
    ),
    Evidence(
        "saturation",
        records.Saturation,
        {"quick": 4.5},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows"),
    ),
    Evidence("soak", records.LoadRun, {"full": 90}, turn="load", permission="load", needs=("latency", "inputs.rows")),
    Evidence(
        "batch_throughput",
        records.BatchThroughput,
        {"full": 6},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows"),
    ),
    Evidence(
        "mixed_load",
        records.MixedLoad,
        {"full": 30},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows"),
    ),
    Evidence(
        "capacity",
        records.Sweep,
        {"full": 75},
        turn="load",
        permission="load",
        needs=("latency", "inputs.rows"),
    ),
    Evidence(
        "schemathesis_run",
        records.SchemathesisRun,
        {"full": 42},
        turn="load",
        permission="fuzz",
        program=SCHEMATHESIS,
    ),
    Evidence("rudeness", records.Rudeness, {"quick": 2}, turn="destructive", permission="fuzz", needs=("inputs.rows",)),
    Evidence(
        "start_timeline", records.StartTimeline, {"quick": 3}, turn="destructive", fresh=True, needs=("inputs.rows",)
    ),
    Evidence(
        "experiment_drill",
        records.ExperimentDrill,
        {"quick": 3, "full": 8},
        turn="destructive",
        fresh=True,
        needs=("experiments.declared", "inputs.rows"),
    ),
    Evidence("broken_model", records.BrokenModel, {"quick": 3}, turn="destructive", needs=("drills.broken_model",)),
    Evidence(
        "drift_drill",
        records.DriftDrill,
        {"full": 30},
        turn="destructive",
        permission="load",
        needs=("drift.signal", "inputs.rows"),
    ),
    Evidence(
        "drain",
        records.Drain,
        {"quick": 4},
        turn="destructive",
        permission="kill",
        fresh=True,
        needs=("inputs.rows",),
    ),
    Evidence(
        "replicas",
        records.Replicas,
        {"full": 15},
        turn="destructive",
        permission="load",
        needs=("latency", "latency.replicas", "inputs.rows"),
    ),
    Evidence(
        "canary_run",
        records.Canary,
        {"quick": 6},
        turn="load",
        permission="load",
        needs=("deployment.canary", "inputs.rows"),
        fixtures=("mlready_deployment",),
    ),
    Evidence(
        "rollback_drill",
        records.RollbackDrill,
        {"quick": 8.5, "full": 30},
        turn="destructive",
        permission="deploy",
        needs=("deployment", "deployment.token", "inputs.rows"),
        fixtures=("mlready_deployment",),
        parts=("refusals", "swaps", "crowd", "automatic", "kills"),
    ),
    Evidence("closing", records.Closing, {"smoke": 0}, turn="closing"),
)
