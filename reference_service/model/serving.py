"""The models in memory: which one serves is said by the state in force, the others are there to be asked by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict

from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Registry, Snapshot, UnknownVersion
from reference_service.deployments.changes import Changes, State
from reference_service.experiments.experiment_file import FirstExperiments
from reference_service.web.problems import Problem

MOST_LOADED = 8
FOLLOW_SECONDS = 0.02


class Serving:
    """Holds loaded versions. A request takes a snapshot once and is answered wholly by it.

    Args:
        version, experiments: what is in force in an instance that has no past.
    """

    def __init__(
        self, registry: Registry, changes: Changes, version: str, experiments: FirstExperiments | None = None
    ) -> None:
        self.registry = registry
        self.changes = changes
        self.version = version
        self.experiments = experiments or FirstExperiments()
        self.snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self.loading: dict[str, asyncio.Future[Snapshot]] = {}

    def start(self) -> None:
        """Find out what is in force, and verify and load it, before any request can come.

        Raises:
            registry.UnknownVersion, manifest.Untrusted: it cannot be served.
        """
        if not self.snapshots:
            state = self.changes.begin(self.first_state)
            snapshot = self.load(state.serving)
            check_digest(snapshot, state.digests.get(state.serving))
            self.keep(snapshot)

    def first_state(self) -> State:
        """What is in force in an instance that has no past."""
        named = (self.version, *self.experiments.versions())
        return State(
            serving=self.version,
            digests={version: self.registry.record(version).sha256 for version in named},
            experiments=self.experiments.begun(),
        )

    def state(self) -> State:
        """What is in force."""
        return self.changes.current()

    async def snapshot(self, version: str, sha256: str | None = None) -> Snapshot:
        """One version, which is loaded and verified off the event loop if it is not here yet.

        A candidate that was asked for by name, and published anew before it first served, is not the one that serves.

        Args:
            sha256: the digest that it must have (that with which it served here, if it did).

        Raises:
            registry.UnknownVersion: the registry has no such version.
            manifest.Untrusted: its files are not what was published, or have another digest.
        """
        found, known = self.snapshots.get(version), sha256 or self.state().digests.get(version)
        if found is not None and (known is None or found.sha256 == known):
            return found
        if version not in self.loading:
            self.loading[version] = asyncio.ensure_future(asyncio.to_thread(self.load, version))
            self.loading[version].add_done_callback(lambda done: self.loaded_now(version, done))
        loaded = await asyncio.shield(self.loading[version])
        check_digest(loaded, known)
        return loaded

    def loaded_now(self, version: str, done: asyncio.Future[Snapshot]) -> None:
        """Keep what was loaded; whoever waits for it is told by the future itself."""
        del self.loading[version]
        if not done.cancelled() and done.exception() is None:
            self.keep(done.result())

    def load(self, version: str) -> Snapshot:
        """A version from the registry."""
        return self.registry.load(version)

    def keep(self, snapshot: Snapshot) -> None:
        """Hold a snapshot in memory; of too many the oldest goes that neither users nor a rollback would need."""
        self.snapshots[snapshot.version] = snapshot
        state = self.state()
        needed = {*state.in_use(), *state.earlier[-1:]}
        spare = [version for version in self.snapshots if version not in needed]
        for version in spare[: max(0, len(self.snapshots) - MOST_LOADED)]:
            del self.snapshots[version]

    async def answering(self, version: str) -> Snapshot:
        """The version that a client is to be answered by.

        Raises:
            Problem: 404, the registry has no such version; 503, it cannot be loaded.
        """
        try:
            return await self.snapshot(version)
        except UnknownVersion:
            raise Problem(404, "unknown-version", "The registry has no such version.") from None
        except Untrusted:
            raise Problem(503, "not-ready", "The model cannot be loaded.", headers={"Retry-After": "1"}) from None

    def loaded(self) -> bool:
        """Whether the version that serves is in memory."""
        return self.state().serving in self.snapshots

    async def follow(self) -> None:
        """Load what another worker put into force, before someone asks for it."""
        followed: State | None = None
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            state = self.state()
            for version in state.in_use() if state is not followed else ():
                with contextlib.suppress(UnknownVersion, Untrusted):  # whoever asks is told
                    await self.snapshot(version)
            followed = state


def check_digest(snapshot: Snapshot, known: str | None) -> None:
    """A version has the digest that it is known by, if it is.

    Raises:
        manifest.Untrusted: it has another.
    """
    if known is not None and snapshot.sha256 != known:
        reason = "is not the artifact that served here before (another model or engine needs another --state)"
        raise Untrusted(f"{snapshot.name} {snapshot.version} {reason}")
