"""What the service says of itself: which model answers, and where it came from."""

from __future__ import annotations

from typing import Any

from reference_service.artifacts.registry import Record, Registry, Snapshot
from reference_service.deployments.changes import State
from reference_service.model.serving import Serving


class Identity:
    """Every place that names a version or a model asks here, so that they all agree."""

    def __init__(self, serving: Serving, registry: Registry) -> None:
        self.serving = serving
        self.registry = registry

    def version(self, state: State) -> str:
        """The version that serves, for headers, metrics and logs of what is not a prediction."""
        return state.serving

    def answer_version(self, snapshot: Snapshot, requested: str | None) -> str:
        """The version that an answer names: always the one that computed it."""
        return snapshot.version

    def health(self, ready: bool) -> dict[str, Any]:
        """The answer of /health."""
        return {
            "status": "ok" if ready else "unavailable",
            "model_loaded": self.serving.loaded(),
            "model_version": self.version(self.serving.state()),
        }

    def info(self, snapshot: Snapshot) -> dict[str, Any]:
        """The answer of /model/info."""
        return {**snapshot.metadata, "sha256": snapshot.sha256}

    def models(self, state: State) -> dict[str, Any]:
        """The answer of /models: every version of the registry, verified now."""
        versions = [self.described(state, self.registry.record(version)) for version in self.registry.versions()]
        previous = state.earlier[-1] if state.earlier else None
        return {"name": self.registry.name, "serving": self.version(state), "previous": previous, "versions": versions}

    def model(self, state: State, version: str) -> dict[str, Any]:
        """The answer of /models/{version}.

        Raises:
            registry.UnknownVersion: there is none.
        """
        return self.described(state, self.registry.record(version))

    def described(self, state: State, record: Record) -> dict[str, Any]:
        """One version of the registry."""
        return {
            "version": record.version,
            "sha256": record.sha256,
            "stage": self.stage(state, record.version),
            "metadata": record.metadata,
        }

    def stage(self, state: State, version: str) -> str:
        """Where a version stands: serving, retired (it served here, a rollback may return to it) or candidate."""
        if version == state.serving:
            return "serving"
        return "retired" if version in state.digests else "candidate"
