"""The whole of `mlready.toml`, and how it is read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pytest_mlready.settings.deployment import Deployment
from pytest_mlready.settings.drift import Drift
from pytest_mlready.settings.experiments import Experiments
from pytest_mlready.settings.gate import Attestation, Gate, Waiver
from pytest_mlready.settings.interface import Cache, Contract, Drills, Inputs, Lifecycle, Metrics, Registry, Relations
from pytest_mlready.settings.latency import Latency
from pytest_mlready.settings.quality import Quality
from pytest_mlready.settings.service import PERMISSIONS, Base, Service
from pytest_mlready.settings.tables import SettingsError, converted, refuse_unknown

Profile = Literal["smoke", "quick", "full"]
PROFILES: tuple[Profile, ...] = ("smoke", "quick", "full")


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
    for one in fields(settings):
        table = getattr(settings, one.name)
        if hasattr(table, "fault") and (fault := table.fault()) is not None:
            raise SettingsError(f"{source}: {one.name}.{fault}")
    return settings
