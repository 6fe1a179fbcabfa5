"""One version's files in the declared registry, found and read generically, and never loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mlready.evidence.store import GatherError
from pytest_mlready.settings import Settings

MODEL_SUFFIXES = frozenset(
    {".skops", ".joblib", ".pkl", ".pickle", ".onnx", ".pt", ".pth", ".safetensors", ".h5", ".keras", ".ubj", ".bst",
     ".cbm", ".pmml"}
)  # fmt: skip
METADATA_NAMES = ("metadata.json", "model_metadata.json", "model_info.json", "model.json", "meta.json")
MANIFEST_NAMES = ("manifest.json", "digests.json")
FILE_FIELDS = ("artifact", "artefact", "artifact_file", "model_file", "file", "filename")
_DIGEST_FIELDS = ("sha256", "artifact_sha256", "model_sha256", "checksum", "digest", "hash")
_MAX_JSON = 4 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """A version in the registry: its model file, its metadata, and the sha256 that the registry recorded for it."""

    version: str | None
    file: Path
    metadata: Mapping[str, Any]
    recorded: str | None


def entry(settings: Settings, versions: Iterable[str | None], loaded: str | None = None) -> Entry:
    """The entry of the first of `versions` that the declared registry has.

    `[registry] path` may be a model's directory with a directory per version, the directory of one version, or the
    model file itself. Where a version has its model in several formats, `loaded` is the file that the service names.

    Raises:
        GatherError: nothing is declared or there, or it cannot be told which file is the model.
    """
    if settings.registry is None:
        raise GatherError("no [registry] path is declared")
    path = settings.path(settings.registry.path)
    if not path.exists():
        raise GatherError(f"registry.path: there is no {settings.registry.path}")
    named = [version for version in dict.fromkeys(versions) if version]
    directory, version = _directory(path, named)
    metadata = _metadata(directory)
    file = path if path.is_file() else _model_file(directory, metadata, loaded)
    return Entry(version, file, metadata, _recorded(directory, file, metadata))


def _directory(path: Path, versions: list[str]) -> tuple[Path, str | None]:
    if path.is_file():
        return path.parent, None
    for version in versions:
        if "/" in version or version in {".", ".."}:
            continue
        found = [one for one in (path / version, *sorted(path.glob(f"*/{_literal(version)}"))) if one.is_dir()]
        if found:
            return found[0], version
    if any((path / name).is_file() for name in METADATA_NAMES) or _model_files(path):
        return path, None
    there = ", ".join(sorted(one.name for one in path.iterdir())[:10]) or "nothing"
    raise GatherError(f"the registry has no version {' or '.join(versions) or '(the service names none)'}: {there}")


def _literal(version: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in version)


def _metadata(directory: Path) -> Mapping[str, Any]:
    for name in METADATA_NAMES:
        if (document := _read_json(directory / name)) is not None:
            return document
    return {}


def _model_file(directory: Path, metadata: Mapping[str, Any], loaded: str | None) -> Path:
    for value in (loaded, *(metadata.get(name) for name in FILE_FIELDS)):
        if isinstance(value, str) and (directory / Path(value).name).is_file():
            return directory / Path(value).name
    files = _model_files(directory)
    if len(files) != 1:
        there = ", ".join(one.name for one in files) or "none"
        raise GatherError(f"which file in {directory.name} is the model? found: {there}; name it in [registry] path")
    return files[0]


def _model_files(directory: Path) -> list[Path]:
    return sorted(one for one in directory.iterdir() if one.suffix.lower() in MODEL_SUFFIXES and one.is_file())


def _recorded(directory: Path, file: Path, metadata: Mapping[str, Any]) -> str | None:
    for name in MANIFEST_NAMES:
        if (manifest := _read_json(directory / name)) is not None and (found := _in_manifest(manifest, file.name)):
            return found
    sidecar = file.with_name(f"{file.name}.sha256")
    if sidecar.is_file():
        words = sidecar.read_text("ascii", "replace")[:1000].split()
        return _sha256(words[0]) if words else None
    return next((found for name in _DIGEST_FIELDS if (found := _sha256(metadata.get(name)))), None)


def _in_manifest(manifest: Mapping[str, Any], name: str) -> str | None:
    """The digest of a file: under its name, as text or in an object, or in a list of objects that name it."""
    for files in (manifest.get("files"), manifest.get("artifacts"), manifest):
        if isinstance(files, list):
            files = {str(one.get("path", one.get("name"))): one for one in files if isinstance(one, Mapping)}
        listed = files.get(name) if isinstance(files, Mapping) else None
        if isinstance(listed, Mapping):
            listed = next((listed[key] for key in _DIGEST_FIELDS if key in listed), None)
        if (found := _sha256(listed)) is not None:
            return found
    return next((found for key in _DIGEST_FIELDS if (found := _sha256(manifest.get(key)))), None)


def _sha256(value: object) -> str | None:
    text = str(value).lower().removeprefix("sha256:")
    return text if len(text) == 64 and set(text) <= set("0123456789abcdef") else None


def _read_json(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.stat().st_size > _MAX_JSON:
            return None
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, Mapping) else None
