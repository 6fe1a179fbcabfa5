"""Whether a version may serve: its files are what was published, and its model does what it did in training."""

from __future__ import annotations

import asyncio

from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Record, Snapshot, UnknownVersion
from reference_service.model.batcher import Batcher
from reference_service.model.inputs import ModelContract
from reference_service.model.readiness import matches
from reference_service.model.serving import Serving
from reference_service.web.problems import Problem
from reference_service.web.request_log import RequestLog

ANSWERS_WITHIN = 10.0


class Examination:
    """What every version has to pass before it goes into force. The reasons are for the log, clients learn the kind."""

    def __init__(self, contract: ModelContract, serving: Serving, batcher: Batcher, log: RequestLog) -> None:
        self.contract = contract
        self.serving = serving
        self.batcher = batcher
        self.log = log

    async def examined(self, version: str, sha256: str | None = None) -> Snapshot:
        """A version that may serve, loaded.

        Its files are read again even if it is in memory: other workers, and this one after a restart, will read them.

        Args:
            sha256: the digest that its artifact must have, if that is known.

        Raises:
            Problem: 404 unknown; 409 another digest or other inputs than expected; 422 not to be trusted.
        """
        try:
            record = await asyncio.to_thread(self.serving.registry.record, version)
            self.check_expected(record, sha256)
            self.check_immutable(record.sha256, self.serving.state().digests.get(version))
            snapshot = await self.serving.snapshot(version, record.sha256)
        except UnknownVersion:
            raise Problem(404, "unknown-version", "The registry has no such version.") from None
        except Untrusted as error:
            self.log.event("untrusted", version=version, why=str(error))
            raise Problem(422, "untrusted-artifact", "The files of this version are not what was published.") from None
        await self.check_answers(snapshot)
        return snapshot

    def check_expected(self, record: Record, sha256: str | None) -> None:
        """A version is the one that was meant, and serves the same clients as the others.

        Raises:
            Problem: 409, it does not.
        """
        if sha256 is not None and sha256 != record.sha256:
            raise Problem(409, "other-digest", "The artifact of this version has another sha256 than the one given.")
        if record.metadata["version"] != record.version:
            raise Problem(409, "other-version", "The metadata of this version are those of another one.")
        if _interface(ModelContract.of(record.metadata, record.golden)) != _interface(self.contract):
            raise Problem(409, "other-interface", "This version takes other inputs or gives other outputs.")

    def check_immutable(self, sha256: str, known: str | None) -> None:
        """A version has the digest with which it served here, if it did.

        Raises:
            Problem: 409, it has another.
        """
        if known is not None and sha256 != known:
            detail = "This version served here with another artifact; publish the new one as a new version."
            raise Problem(409, "version-replaced", detail)

    async def check_answers(self, snapshot: Snapshot) -> None:
        """A model answers its golden rows as it did when it was trained.

        Raises:
            Problem: 422, it does not.
        """
        golden = snapshot.golden
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                answers = await self.batcher.submit(snapshot, golden["rows"], urgent=True)
        except Exception as error:
            self.log.event("untrusted", version=snapshot.version, why=f"the model fails: {type(error).__name__}")
            raise Problem(422, "wrong-answers", "The model of this version does not answer.") from None
        pairs = zip(answers, golden["answers"], strict=True)
        if not all(matches(answer, expected, golden["tolerance"]) for answer, expected in pairs):
            raise Problem(422, "wrong-answers", "The model of this version does not answer as it did in training.")


def _interface(contract: ModelContract) -> tuple[object, ...]:
    """What of a model its clients depend on."""
    return contract.name, contract.task, contract.label, contract.classes, contract.columns
