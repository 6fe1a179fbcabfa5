"""Artefacts spoiled in the drill's own copy of the registry, each in one way, and mended again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pytest_mlready.evidence.registered import MODEL_SUFFIXES
from pytest_mlready.evidence.store import GatherError

_DEPTH = ("*", "*/*", "*/*/*")


def artefact(registry: Path, version: str, model: str | None = None) -> Path:
    """The model file of a version: the largest in the directory of that name that has a model's suffix, else at all.

    Where several models have such a version, `model` is the name of a directory around it.

    Raises:
        GatherError: there is no such directory, or nothing in it, or there are several.
    """
    found = [one for depth in _DEPTH for one in registry.glob(depth) if one.name == version and one.is_dir()]
    directories = [one for one in found if model is None or model in one.relative_to(registry).parts]
    if len(directories) > 1:
        named = ", ".join(str(one.relative_to(registry)) for one in directories[:5])
        raise GatherError(f"deployment.registry: which of {named} is served? Say so by deployment.model")
    files = [one for directory in directories for one in directory.rglob("*") if one.is_file()]
    models = [one for one in files if one.suffix.lower() in MODEL_SUFFIXES] or files
    if not models:
        raise GatherError(f"deployment.registry: it has no directory {version!r} with a model's file")
    return max(models, key=lambda one: one.stat().st_size)


def ways(other: Path) -> Mapping[str, Callable[[bytes], bytes]]:
    """How a file is spoiled, by name; `other` is the artefact of another version."""
    return {
        "one bit flipped": _flipped,
        "cut in half": lambda content: content[: len(content) // 2],
        "another version's file": lambda content: other.read_bytes(),
    }


@contextmanager
def spoiled(file: Path, spoil: Callable[[bytes], bytes]) -> Iterator[None]:
    """A file with other content, put back on leaving."""
    content = file.read_bytes()
    file.write_bytes(spoil(content))
    try:
        yield
    finally:
        file.write_bytes(content)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
