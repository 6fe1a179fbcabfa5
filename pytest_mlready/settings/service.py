"""The tables `[service]` and `[base]`: which service is judged, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mlready.settings.tables import not_above_zero

Permission = Literal["fuzz", "load", "deploy", "kill"]
PERMISSIONS: tuple[Permission, ...] = ("fuzz", "load", "deploy", "kill")
ONE = "command: give one of `command` and `url`"


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

    def fault(self) -> str | None:
        """What is missing or cannot be, as "key: words"; None if nothing."""
        if self.command is None and self.url is None:
            return ONE
        return _address(self.command, self.url) or not_above_zero(self)


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

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        return _address(self.command, self.url) or not_above_zero(self)


def _address(command: str | None, url: str | None) -> str | None:
    if command is not None and url is not None:
        return ONE
    if url is not None and not url.startswith(("http://", "https://")):
        return f"url: expected http://… or https://…, got {url!r}"
    return None
