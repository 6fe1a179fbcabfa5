"""`mlready.toml`: what may be declared in it, and what that must be."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_mlready.quality_settings import Quality, check_quality
from pytest_mlready.settings_deployment import Deployment
from pytest_mlready.settings_experiments import Experiments
from pytest_mlready.tables import SettingsError, converted, refuse_unknown

Profile = Literal["smoke", "quick", "full"]
Permission = Literal["fuzz", "load", "deploy", "kill"]
PROFILES: tuple[Profile, ...] = ("smoke", "quick", "full")
PERMISSIONS: tuple[Permission, ...] = ("fuzz", "load", "deploy", "kill")


@dataclass(frozen=True)
class Service:
    """The service under test: `command` (started by us) or `url` (already running)."""

    command: str | None = None
    url: str | None = None
    name: str | None = None
    protocol: Literal["auto", "json"] = "auto"
    allow: tuple[Permission, ...] | None = None
    ready_timeout_s: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """The version before, to compare with: `command` (started by us in the directory `cwd`) or `url` (running already).

    A `url` must be released for load. `headers` are those of the service unless given. So many times slower than the
    base's the p50, and the tail (p95 and p99), may be.
    """

    command: str | None = None
    url: str | None = None
    cwd: str = "."
    allow: tuple[Literal["load"], ...] = ()
    headers: Mapping[str, str] | None = None
    p50_ratio: float = 1.2
    tail_ratio: float = 1.5

    @property
    def given(self) -> bool:
        """Whether there is something to compare with."""
        return self.command is not None or self.url is not None

    @property
    def released(self) -> bool:
        """Whether it may be put under load: what we start may."""
        return self.command is not None or "load" in self.allow


@dataclass(frozen=True)
class Inputs:
    """Valid rows that everything is anchored on, and what is known about them.

    `label` and `protected`, the group that a row belongs to, are columns that are not sent.
    """

    rows: str | None = None
    label: str | None = None
    protected: str | None = None
    missing: Literal["reject", "accept"] = "reject"
    golden: str | None = None
    classes: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Contract:
    """Declared bounds of the interface."""

    max_body_bytes: int | None = None
    max_batch_rows: int | None = None
    documented_only: bool = True


@dataclass(frozen=True)
class Relations:
    """What is known of the model beside single answers; `increasing` and the others name columns of the rows.

    The score is a number that is predicted, or else the probability of class `score` (by default the last one).
    `reference` is a callable "module:name" that takes rows (a list of dicts) and returns what the service should
    answer: a label or number for each, or a dict with `prediction` and `probabilities`.
    """

    increasing: tuple[str, ...] = ()
    decreasing: tuple[str, ...] = ()
    invariant: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    score: str | int | None = None
    minimum: float | None = None
    maximum: float | None = None
    reference: str | None = None
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Registry:
    """Where the serving version's files lie, for checks that compare them with what is served."""

    path: str


@dataclass(frozen=True)
class Lifecycle:
    """Budgets for starting and stopping, in seconds."""

    cold_start_s: float = 30.0
    first_request_s: float = 1.0
    drain_s: float = 15.0


@dataclass(frozen=True)
class Latency:
    """The service level objective under an open-loop load of `rate` requests a second.

    Capacity should be `headroom` times that, and rows in batches `batch_gain` times as fast as single ones.
    `cpu_ms_per_request` and `rss_mib` are what the service may use meanwhile, all its processes together.
    """

    rate: float
    p99_ms: float
    error_rate: float = 0.001
    longest_stall_s: float = 0.05
    health_ms: float = 250.0
    headroom: float = 1.5
    batch_gain: float = 2.0
    cpu_ms_per_request: float | None = None
    rss_mib: float | None = None
    arrivals: Literal["constant", "poisson"] = "poisson"


@dataclass(frozen=True)
class Metrics:
    """What the exposition promises. `requests` names the request counter; by default it is found by its growth."""

    requests: str | None = None
    max_new_series: int = 50


@dataclass(frozen=True)
class Drift:
    """Data that the service gets now, and what its model was trained on.

    `reference` is a profile (.json) or data, `current` data: CSV or Parquet. `columns` are compared, by default all but
    those in `ignore`; `prediction` is the column that holds what the model answered. `smallest_shift`, in standard
    deviations, is the smallest that matters; `rows_together` rows resemble each other on average; `looks` is how often
    the question is asked.
    """

    reference: str | None = None
    current: str | None = None
    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    prediction: str | None = None
    smallest_shift: float = 0.2
    rows_together: float = 1.0
    looks: int = 1
    max_age_days: float | None = None


@dataclass(frozen=True)
class Cache:
    """A prediction cache that says in a header whether it hit."""

    header: str = "x-cache"
    ttl_s: float | None = None


@dataclass(frozen=True)
class Drills:
    """Commands that start the service in a declared state of failure."""

    broken_model: str | None = None


@dataclass(frozen=True)
class Gate:
    """What must be claimed: a family ("latency") or a check ("latency.p99")."""

    require: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiver:
    """A known failure that somebody accepts until a date."""

    reason: str
    expires: datetime.date
    owner: str | None = None


@dataclass(frozen=True)
class Attestation:
    """A person's word for what cannot be measured here."""

    owner: str
    evidence: str
    made: datetime.date
    expires: datetime.date


@dataclass(frozen=True)
class Settings:
    """All of `mlready.toml`. A table that stands in the file is a capability claimed; one left out is None."""

    service: Service
    profile: Profile = "quick"
    inputs: Inputs = field(default_factory=Inputs)
    contract: Contract = field(default_factory=Contract)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    relations: Relations | None = None
    registry: Registry | None = None
    latency: Latency | None = None
    base: Base | None = None
    metrics: Metrics | None = None
    drift: Drift | None = None
    cache: Cache | None = None
    quality: Quality | None = None
    experiments: Experiments | None = None
    deployment: Deployment | None = None
    drills: Drills = field(default_factory=Drills)
    gate: Gate = field(default_factory=Gate)
    waive: Mapping[str, Waiver] = field(default_factory=dict)
    attest: Mapping[str, Attestation] = field(default_factory=dict)
    directory: str = "."

    @property
    def allow(self) -> frozenset[str]:
        """What may be done to the target: everything to one that we start, nothing to a URL, unless declared."""
        if self.service.allow is not None:
            return frozenset(self.service.allow)
        return frozenset(PERMISSIONS if self.service.command else ())

    @property
    def labelled(self) -> tuple[str, str] | None:
        """The file of rows whose true answer is known, and the column that holds it; None where none are declared."""
        quality = self.quality or Quality()
        rows, label = quality.rows or self.inputs.rows, quality.label or self.inputs.label
        return None if rows is None or label is None else (rows, label)

    @property
    def group(self) -> str | None:
        """The column by which errors are compared between groups."""
        return (self.quality or Quality()).group or self.inputs.protected

    def path(self, relative: str) -> Path:
        """A path of the file, relative to the directory that the file lies in."""
        return Path(self.directory, relative)


def load(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsError: not readable, not TOML, an unknown key, or a value of the wrong type.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: cannot be read: {error}") from None
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name}: not valid TOML: {error}") from None
    return parse(plain, source=path.name, directory=path.parent)


def parse(plain: Mapping[str, Any], *, source: str, directory: Path) -> Settings:
    """Turn a parsed TOML document into Settings. Raises SettingsError."""
    if "directory" in plain:
        raise SettingsError(f"{source}: unknown key 'directory'")
    refuse_unknown(plain, Settings, source, "")
    if "service" not in plain:
        raise SettingsError(f'{source}: [service] is missing; say `command = "…{{port}}…"` or `url = "http://…"`')
    for table, kind in (("waive", Waiver), ("attest", Attestation)):
        entries = plain.get(table)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            converted(entry, kind, source, f'{table}."{name}"')
    settings = converted({**plain, "directory": str(directory)}, Settings, source, "")
    _check_address("service", settings.service, source, least=1)
    if settings.base is not None:
        _check_address("base", settings.base, source, least=0)
    _check_numbers(settings, source)
    check_quality(settings.quality, source)
    if settings.experiments is not None and (fault := settings.experiments.fault()) is not None:
        raise SettingsError(f"{source}: experiments.{fault}")
    return settings


def _check_address(table: str, where: Service | Base, source: str, least: int) -> None:
    if not least <= sum(one is not None for one in (where.command, where.url)) <= 1:
        raise SettingsError(f"{source}: {table}: give one of `command` and `url`")
    if where.url is not None and not where.url.startswith(("http://", "https://")):
        raise SettingsError(f"{source}: {table}.url: expected http://… or https://…, got {where.url!r}")


def _check_numbers(settings: Settings, source: str) -> None:
    tables = (settings.service, settings.contract, settings.lifecycle, settings.latency, settings.base)
    for table in (*tables, settings.metrics, settings.drift, settings.deployment):
        if table is None:
            continue
        name = type(table).__name__.lower()
        for key, value in vars(table).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 < value < float("inf"):
                raise SettingsError(f"{source}: {name}.{key}: expected a number above 0, got {value}")
    if settings.deployment is not None and (fault := settings.deployment.fault()) is not None:
        raise SettingsError(f"{source}: deployment.{fault}")
    if settings.latency is not None and settings.latency.error_rate >= 1:
        raise SettingsError(f"{source}: latency.error_rate: expected a share, not {settings.latency.error_rate}")
    if settings.drift is not None and settings.drift.rows_together < 1:
        raise SettingsError(f"{source}: drift.rows_together: expected 1 or more, not {settings.drift.rows_together}")
