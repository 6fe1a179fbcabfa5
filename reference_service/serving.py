"""Which version serves, as one reference to an immutable snapshot."""

from __future__ import annotations

from reference_service.problems import Problem
from reference_service.registry import Registry, Snapshot


class Serving:
    """Holds the loaded version. A request takes the snapshot once and is answered wholly by it."""

    def __init__(self, registry: Registry, version: str) -> None:
        self.registry = registry
        self.version = version
        self.snapshot: Snapshot | None = None

    def start(self) -> None:
        """Verify and load the version, before any request can come.

        Raises:
            registry.UnknownVersion, manifest.Untrusted: it cannot be served.
        """
        if self.snapshot is None:
            self.snapshot = self.load()

    def load(self) -> Snapshot:
        """The version from the registry."""
        return self.registry.load(self.version)

    def current(self) -> Snapshot:
        """The snapshot that serves.

        Raises:
            Problem: 503, none is loaded.
        """
        if self.snapshot is None:
            raise Problem(503, "not-ready", "No model is loaded.", headers={"Retry-After": "1"})
        return self.snapshot

    def loaded(self) -> bool:
        """Whether a version can be asked."""
        return self.snapshot is not None
