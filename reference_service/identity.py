"""What the service says of itself: which model answers, and where it came from."""

from __future__ import annotations

from typing import Any

from reference_service.problems import Problem
from reference_service.registry import Record, Registry, Snapshot
from reference_service.serving import Serving


class Identity:
    """Every place that names a version or a model asks here, so that they all agree."""

    def __init__(self, serving: Serving, registry: Registry) -> None:
        self.serving = serving
        self.registry = registry

    def version(self) -> str:
        """The serving version, for headers, metrics and logs; "none" while no model is loaded."""
        return self.serving.current().version if self.serving.loaded() else "none"

    def answer_version(self, snapshot: Snapshot, requested: str | None) -> str:
        """The version that an answer names: always the one that computed it.

        Raises:
            Problem: 404, another version than the serving one was asked for.
        """
        if requested is not None and requested != snapshot.version:
            raise Problem(404, "unknown-version", "The requested model version is not the one that serves.")
        return snapshot.version

    def health(self, ready: bool) -> dict[str, Any]:
        """The answer of /health."""
        return {
            "status": "ok" if ready else "unavailable",
            "model_loaded": self.serving.loaded(),
            "model_version": self.version(),
        }

    def info(self, snapshot: Snapshot) -> dict[str, Any]:
        """The answer of /model/info."""
        return {**snapshot.metadata, "sha256": snapshot.sha256}

    def models(self) -> dict[str, Any]:
        """The answer of /models: every version of the registry, verified now."""
        versions = [self.described(self.registry.record(version)) for version in self.registry.versions()]
        return {"name": self.registry.name, "serving": self.version(), "previous": None, "versions": versions}

    def model(self, version: str) -> dict[str, Any]:
        """The answer of /models/{version}.

        Raises:
            registry.UnknownVersion: there is none.
        """
        return self.described(self.registry.record(version))

    def described(self, record: Record) -> dict[str, Any]:
        """One version of the registry."""
        return {
            "version": record.version,
            "sha256": record.sha256,
            "stage": "serving" if record.version == self.version() else "candidate",
            "metadata": record.metadata,
        }
