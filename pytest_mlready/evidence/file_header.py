"""The framework version that a model file says it was saved with, read from its bytes without loading anything."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from pathlib import Path

MAX_READ = 256 * 1024 * 1024
_MARK = b"_sklearn_version"
_SKOPS = re.compile(r'"_sklearn_version": *\{[^{}]*"content": *"((?:[^"\\]|\\.)*)"')
_VERSION = re.compile(r"\d+(\.\w+)+")


def saved_with(path: Path) -> str | None:
    """The scikit-learn version that pickled, dumped with joblib, or saved with skops the model; None: not to be read.

    A pickle is searched for the attribute that every estimator writes (`_sklearn_version`) and the string after it;
    no opcode is run.
    """
    try:
        found = _in_skops(path) if zipfile.is_zipfile(path) else _in_pickle(_content(path))
    except (OSError, ValueError, LookupError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    return found if found is not None and _VERSION.fullmatch(found) else None


def _in_skops(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("schema.json").file_size > MAX_READ:
            return None
        schema = archive.read("schema.json").decode("utf-8")
    match = _SKOPS.search(schema)
    return None if match is None else str(json.loads(json.loads(f'"{match[1]}"')))


def _content(path: Path) -> bytes:
    """The file, or what is in it if it is compressed by zlib (joblib's default) or gzip; bounded."""
    with path.open("rb") as file:
        raw = file.read(MAX_READ)
    if raw[:2] == b"\x1f\x8b" or raw[:1] == b"\x78":
        return zlib.decompressobj(wbits=47).decompress(raw, MAX_READ)
    return raw


def _in_pickle(content: bytes) -> str | None:
    """The string that follows the attribute's name: after its memo opcode, SHORT_BINUNICODE or BINUNICODE."""
    at = content.find(_MARK)
    if at < 0:
        return None
    at += len(_MARK)
    at += {b"\x94": 1, b"q": 2, b"r": 5}.get(content[at : at + 1], 0)
    opcode = content[at : at + 1]
    if opcode == b"\x8c":
        return content[at + 2 : at + 2 + content[at + 1]].decode("ascii")
    if opcode == b"X":
        return content[at + 5 : at + 5 + int.from_bytes(content[at + 1 : at + 5], "little")][:100].decode("ascii")
    return None
