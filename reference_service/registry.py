"""The models that may be served: what is there, and loading it only after it is known to be what was published."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_service import manifest

ARTIFACT = "model.skops"
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){2}\Z")


class UnknownVersion(Exception):
    """The registry has no such version."""


@dataclass(frozen=True)
class Snapshot:
    """One loaded version; it never changes, so a request that holds it is answered wholly by it."""

    name: str
    version: str
    sha256: str
    metadata: Mapping[str, Any]
    golden: Mapping[str, Any]
    estimator: Any


@dataclass(frozen=True)
class Record:
    """What the registry says of one version, verified."""

    version: str
    sha256: str
    metadata: Mapping[str, Any]
    golden: Mapping[str, Any]


class Registry:
    """The versions of one model in a directory that training writes."""

    def __init__(self, models: Path, name: str) -> None:
        self.models = models
        self.name = name

    def versions(self) -> list[str]:
        """Every version, oldest first."""
        directory = self.models / self.name
        found = (
            [entry.name for entry in directory.iterdir() if _VERSION.match(entry.name)] if directory.is_dir() else []
        )
        return sorted(found, key=lambda version: [int(part) for part in version.split(".")])

    def first_version(self) -> str:
        """The version to serve until someone promotes another.

        Raises:
            UnknownVersion: there is none.
        """
        versions = self.versions()
        if not versions:
            raise UnknownVersion(f"there is no model {self.name!r} in {self.models}")
        return versions[0]

    def record(self, version: str) -> Record:
        """A version's metadata and the digest of its artifact.

        Raises:
            UnknownVersion: there is no such version.
            manifest.Untrusted: its files are not what was published.
        """
        files = self.files(version)
        return Record(version, self.digest(files), json.loads(files["metadata.json"]), json.loads(files["golden.json"]))

    def load(self, version: str) -> Snapshot:
        """Verify a version and then load it.

        Raises:
            UnknownVersion: there is no such version.
            manifest.Untrusted: its files are not what was published, or need another framework version.
        """
        files = self.files(version)
        metadata = json.loads(files["metadata.json"])
        self.check_framework(metadata)
        return Snapshot(
            self.name, version, self.digest(files), metadata, json.loads(files["golden.json"]), self.estimator(files)
        )

    def files(self, version: str) -> dict[str, bytes]:
        """The verified content of a version's files, by name."""
        if version not in self.versions():
            raise UnknownVersion(f"there is no version {version!r} of {self.name}")
        directory = self.models / self.name / version
        return manifest.verified_files(manifest.signing_key(self.models), directory, self.name, version)

    def digest(self, files: Mapping[str, bytes]) -> str:
        """The sha256 of the artifact among a version's files."""
        return hashlib.sha256(files[ARTIFACT]).hexdigest()

    def check_framework(self, metadata: Mapping[str, Any]) -> None:
        """Refuse a model of another framework version: its numbers could differ without an error.

        Raises:
            manifest.Untrusted: the installed version is not the one that trained it.
        """
        installed = importlib.metadata.version(metadata["framework"])
        if installed != metadata["framework_version"]:
            raise manifest.Untrusted(
                f"{self.name} {metadata['version']} was trained with {metadata['framework']} "
                f"{metadata['framework_version']}, installed is {installed}: train it again as a new version"
            )

    def estimator(self, files: Mapping[str, bytes]) -> Any:
        """The fitted pipeline in a version's files."""
        from reference_service import artifact  # imports scikit-learn, which nothing else here needs

        return artifact.load(files[ARTIFACT])
