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

from reference_service.artifacts import manifest
from reference_service.model.engines import SKLEARN, SKOPS, Engine

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
    """The versions of one model in a directory that training writes, as one engine sees them."""

    def __init__(self, models: Path, name: str, engine: Engine = SKLEARN) -> None:
        self.models = models
        self.name = name
        self.engine = engine

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
        return Record(version, self.digest(files), self.metadata(files), json.loads(files["golden.json"]))

    def load(self, version: str) -> Snapshot:
        """Verify a version and then load it.

        Raises:
            UnknownVersion: there is no such version.
            manifest.Untrusted: its files are not what was published, or are not for the engine as it is installed.
        """
        files = self.files(version)
        metadata = self.metadata(files)
        self.check_framework(metadata)
        golden = {**json.loads(files["golden.json"]), "tolerance": self.engine.tolerance}
        return Snapshot(self.name, version, self.digest(files), metadata, golden, self.estimator(files))

    def files(self, version: str) -> dict[str, bytes]:
        """The verified content of a version's files, by name."""
        if version not in self.versions():
            raise UnknownVersion(f"there is no version {version!r} of {self.name}")
        directory = self.models / self.name / version
        return manifest.verified_files(manifest.signing_key(self.models), directory, self.name, version)

    def metadata(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """What training wrote of a version, with the file that the engine loads as its artifact."""
        return {**json.loads(files["metadata.json"]), "artifact": self.engine.artifact}

    def digest(self, files: Mapping[str, bytes]) -> str:
        """The sha256 of the engine's artifact among a version's files; a version may lack all but the pipeline's."""
        return hashlib.sha256(files.get(self.engine.artifact, files[SKOPS])).hexdigest()

    def check_framework(self, metadata: Mapping[str, Any]) -> None:
        """Refuse a model of another framework version: its numbers could differ without an error.

        An ONNX graph names the version of the standard that it is of, and its runtime keeps to it.

        Raises:
            manifest.Untrusted: the engine is not installed, or not in the version that trained the model.
        """
        package = self.engine.distribution
        try:
            installed = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            detail = f"--engine {self.engine.name} needs {package}: pip install {package}"
            raise manifest.Untrusted(detail) from None
        if package == metadata["framework"] and installed != metadata["framework_version"]:
            raise manifest.Untrusted(
                f"{self.name} {metadata['version']} was trained with {metadata['framework']} "
                f"{metadata['framework_version']}, installed is {installed}: train it again as a new version"
            )

    def estimator(self, files: Mapping[str, bytes]) -> Any:
        """What the engine makes of a version's files.

        Raises:
            manifest.Untrusted: there is nothing for it, or nothing that it can load.
        """
        if self.engine.artifact not in files:
            raise manifest.Untrusted(
                f"{self.name} has no {self.engine.artifact} in this version: skl2onnx was not installed when it was "
                "trained, or could not convert it. Install skl2onnx and onnxruntime, then train into a new registry"
            )
        try:
            return self.engine.load(files[self.engine.artifact])
        except Exception as error:  # whatever is raised for bytes that are none of its format
            if isinstance(error, manifest.Untrusted):
                raise
            reason = f"the {self.engine.artifact} of {self.name} cannot be loaded: {type(error).__name__}"
            raise manifest.Untrusted(reason) from error
