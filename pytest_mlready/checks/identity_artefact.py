"""Checks of the model file in the registry: its digest, the framework that saved it, and what is recorded of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_mlready.catalogue import check
from pytest_mlready.checks.identity import UNKNOWN
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import Artefact

METADATA: Mapping[str, tuple[str, ...]] = {
    "metrics": ("metrics", "metric", "scores", "evaluation", "performance"),
    "training date": ("trained_at", "training_date", "created_at", "train_date", "timestamp", "trained_on"),
    "data version": ("data_version", "dataset_version", "training_data_version", "data_digest", "dataset_digest"),
    "framework": ("framework", "framework_version", "library", "flavors"),
    "features": ("features", "feature_names", "inputs", "signature", "schema", "input_schema"),
    "git revision": ("git_revision", "git_sha", "git_commit", "commit", "code_version", "revision"),
}


@check(
    "identity.artefact_digest",
    "must",
    remedy="Publish the model file and its record in one step, verify the digest on loading, and report it in info.",
)
def artefact_digest(artefact: Artefact) -> Finding:
    """The model file's sha256 is the one that the registry recorded and that the service says it loaded.

    A file that was swapped or cut short under an unchanged record answers in the approved model's name.
    """
    shown = f"{artefact.file} of {artefact.version} is {artefact.actual[:12]}…"
    if artefact.recorded is not None and artefact.recorded != artefact.actual:
        return failed(f"{shown}, recorded is {artefact.recorded[:12]}…", replay=f"sha256sum {artefact.file}")
    if artefact.served is not None and artefact.served != artefact.actual:
        return failed(f"{shown}, the service says it loaded {artefact.served[:12]}…")
    if artefact.recorded is None:
        return inconclusive(f"{shown}, but the registry records no sha256: add it to manifest.json or metadata.json")
    if artefact.served is None:
        return inconclusive(f"{shown} as recorded, but the service does not say what it loaded: report sha256 in info")
    return passed(
        f"{shown}, as recorded and as served", Measurement(artefact.actual[:12], limit=artefact.recorded[:12])
    )


@check(
    "identity.framework_matches",
    "must",
    remedy="Pin the framework to the version that trained the model, or train it again with the one that serves.",
)
def framework_matches(artefact: Artefact) -> Finding:
    """The framework version that saved the model is the one that serves it.

    Another version may load the file with a warning that nobody reads, and give other numbers.
    """
    name = artefact.framework or "the framework"
    if artefact.saved_with is None:
        return inconclusive(f"{artefact.file} does not tell which version of {name} saved it")
    if artefact.runtime is None:
        return inconclusive(
            f"saved with {name} {artefact.saved_with}; which version serves is not told: report it in info"
        )
    measured = Measurement(artefact.runtime, limit=artefact.saved_with)
    if artefact.runtime != artefact.saved_with:
        return failed(
            f"{artefact.file} was saved with {name} {artefact.saved_with}, served by {artefact.runtime}", measured
        )
    return passed(f"saved with and served by {name} {artefact.runtime}", measured)


@check(
    "identity.metadata_complete",
    "should",
    remedy="Let training write these fields into the version's metadata.json, next to the model file.",
)
def metadata_complete(artefact: Artefact) -> Finding:
    """The registry's metadata name metrics, training date, data version, framework, features and git revision.

    They are what an incident asks for first: what was it trained on, by which code, and how good was it then.
    """
    if not artefact.metadata:
        return failed(
            f"version {artefact.version} has no readable metadata.json", Measurement(0, "1", limit=len(METADATA))
        )
    flat = {_plain(key): value for key, value in _flat(artefact.metadata)}
    missing = [what for what, names in METADATA.items() if not any(_told(flat.get(_plain(name))) for name in names)]
    measured = Measurement(len(METADATA) - len(missing), "1", n=len(METADATA), limit=len(METADATA))
    if missing:
        return failed(f"the metadata of {artefact.version} lack: {', '.join(missing)}", measured)
    return passed(f"the metadata of {artefact.version} name {', '.join(METADATA)}", measured)


def _flat(metadata: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The fields and those one level further down."""
    inner = [pair for value in metadata.values() if isinstance(value, Mapping) for pair in value.items()]
    return [*inner, *metadata.items()]


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", str(key).lower())


def _told(value: object) -> bool:
    return value not in (None, "", [], {}) and str(value).strip().lower() not in UNKNOWN
