"""Defects of which model answers, and of the files that it comes from."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Registry, Snapshot, UnknownVersion
from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.experiments.routing import Choice, Routing
from reference_service.model.engines import SKOPS
from reference_service.model.identity import Identity
from reference_service.model.inputs import Asked
from reference_service.model.predictor import Answer
from reference_service.web.envelope import Envelope
from reference_service.web.presenter import Presenter
from tests.defects.planting import defect


@defect("identity.version_reported", also={"contract.openapi", "fuzz.well_formed_answers"})
def answers_call_their_version_unknown(components: Components) -> Components:
    """No answer names the model that gave it. Deployment practice guide: metadata without model_version."""

    class Unknown(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            return super().single(answer, "unknown", request_id, variant)

        def batch(self, answers: Sequence[Answer], version: str, request_id: str) -> dict[str, Any]:
            return super().batch(answers, "unknown", request_id)

    return replace(components, presenter=Unknown(), envelope=_WithoutVersion)


@defect("identity.version_agrees")
def health_says_unknown_where_predict_says_1(components: Components) -> Components:
    """Health reads the version from another place than predict. Deployment practice guide."""

    class Unknown(Identity):
        def health(self, ready: bool) -> dict[str, Any]:
            return {**super().health(ready), "model_version": "unknown"}

    return replace(components, identity=Unknown(components.serving, components.registry))


@defect("identity.version_agrees")
def info_names_the_next_version(components: Components) -> Components:
    """A deployment half done: the metadata are of version 2, the model is version 1."""

    class Ahead(Identity):
        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            return {**super().info(snapshot), "version": "2.0.0"}

    return replace(components, identity=Ahead(components.serving, components.registry))


@defect("identity.version_not_echoed")
def echoes_the_version_asked_for(components: Components) -> Components:
    """Whatever version is asked for is named as the answer's. Python ML deployment guide."""

    class Echo(Identity):
        def answer_version(self, snapshot: Snapshot, requested: str | None) -> str:
            return requested or snapshot.version

    return replace(components, identity=Echo(components.serving, components.registry), routing=_Deaf())


@defect("identity.version_not_echoed")
def ignores_the_version_asked_for(components: Components) -> Components:
    """Who asks for a version gets whichever serves, with 200. Python ML deployment guide."""

    return replace(components, routing=_Deaf())


def saved_again_by_hand(version: Path) -> None:
    """Put another file in the place of the model, and keep its record."""
    with zipfile.ZipFile(version / SKOPS, "a") as archive:
        archive.comment = b"a hotfix"


@defect("identity.artefact_digest", files=saved_again_by_hand)
def loads_whatever_model_file_is_there(part: type[Registry]) -> type[Registry]:
    """The model file was swapped, its metadata kept, and nobody looks. Deployment helper, `joblib.load(path)`."""

    class Trusting(Registry):
        def files(self, version: str) -> dict[str, bytes]:
            if version not in self.versions():
                raise UnknownVersion(version)
            return {path.name: path.read_bytes() for path in (self.models / self.name / version).iterdir()}

    return Trusting


@defect("identity.artefact_digest")
def info_reports_a_digest_from_a_stale_file(components: Components) -> Components:
    """The reported digest is not of what was loaded."""

    class Stale(Identity):
        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            return {**super().info(snapshot), "sha256": "0" * 64}

    return replace(components, identity=Stale(components.serving, components.registry))


def saved_by_an_older_scikit_learn(version: Path) -> None:
    """Publish the model as scikit-learn 1.5.0 would have saved it."""
    with zipfile.ZipFile(version / SKOPS) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    saved = re.compile(rb'("_sklearn_version": *\{[^{}]*"content": *"\\")[^\\]*(\\"")')
    members["schema.json"] = saved.sub(rb"\g<1>1.5.0\g<2>", members["schema.json"])
    with zipfile.ZipFile(version / SKOPS, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    _publish_metadata(version, framework_version="1.5.0")


@defect("identity.framework_matches", files=saved_by_an_older_scikit_learn)
def serves_a_model_of_an_older_framework(part: type[Registry]) -> type[Registry]:
    """The model was saved with another scikit-learn than the one that serves it: a warning that nobody reads."""

    class Lenient(Registry):
        def check_framework(self, metadata: Mapping[str, Any]) -> None:
            pass

    return Lenient


def data_version_deleted(version: Path) -> None:
    """Publish metadata that do not say which data the model was trained on."""
    _publish_metadata(version, data_version=None)


# The published interface promises what the metadata lack.
@defect("identity.metadata_complete", also={"contract.openapi"}, files=data_version_deleted)
def nobody_knows_the_training_data(components: Components) -> Components:
    """The metadata lack data_version. Deployment helper and practice guide."""
    return components


class _Deaf(Routing):
    """Hears no version that is asked for."""

    def choose(self, state: State, asked: Asked) -> Choice:
        return Choice(state.serving)


class _WithoutVersion(Envelope):
    """No header names the version either."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def unnamed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [one for one in message["headers"] if one[0] != b"x-model-version"]
            await send(message)

        await super().__call__(scope, receive, unnamed)


def _publish_metadata(version: Path, **changed: str | None) -> None:
    """Sign a version again with changed metadata, as if training had written them; None deletes."""
    metadata = {**json.loads((version / "metadata.json").read_bytes()), **changed}
    kept = {name: value for name, value in metadata.items() if value is not None or name not in changed}
    (version / "metadata.json").write_text(json.dumps(kept))
    files = {path.name: path.read_bytes() for path in version.iterdir() if path.name != manifest.FILE_NAME}
    key = manifest.signing_key(version.parents[1])
    (version / manifest.FILE_NAME).write_bytes(manifest.sign(key, version.parent.name, version.name, files))
