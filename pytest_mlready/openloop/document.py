"""The result of a load run on disk: `load.json`, and its per-request arrays beside it in `load.npz`."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_mlready.records import ARRAYS, LoadRun

JSON_NAME = "load.json"
ARRAYS_NAME = "load.npz"
SCHEMA_VERSION = 1

_TYPES = get_type_hints(LoadRun, localns={"NDArray": NDArray})
_PLAIN = tuple(one.name for one in fields(LoadRun) if one.metadata != ARRAYS)


def write(run: LoadRun, directory: Path) -> None:
    """Write `run` into `directory`; the JSON comes last and in one step, so that its presence means completeness."""
    directory.mkdir(parents=True, exist_ok=True)
    plain, arrays = packed(run)
    for name, data in ((ARRAYS_NAME, arrays), (JSON_NAME, msgspec.json.format(plain))):
        partial = directory / f"{name}.partial"
        partial.write_bytes(data)
        os.replace(partial, directory / name)


def read(directory: Path) -> LoadRun:
    """The reverse of `write`.

    Raises:
        OSError: a file is missing.
        ValueError: it is not such a document, or of another schema version.
    """
    return unpacked((directory / JSON_NAME).read_bytes(), (directory / ARRAYS_NAME).read_bytes())


def packed(run: LoadRun) -> tuple[bytes, bytes]:
    """The bytes of both files, for sending elsewhere."""
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **dict(run.series))
    plain = {"schema_version": SCHEMA_VERSION, **{name: getattr(run, name) for name in _PLAIN}}
    return msgspec.json.encode(plain), arrays.getvalue()


def unpacked(plain: bytes, arrays: bytes) -> LoadRun:
    """The reverse of `packed`.

    Raises:
        ValueError: it is not such a document, or of another schema version.
    """
    document = msgspec.json.decode(plain, type=dict[str, Any])
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"load document of schema version {document.get('schema_version')}, not {SCHEMA_VERSION}")
    missing = [name for name in _PLAIN if name not in document]
    if missing:
        raise ValueError(f"load document without {', '.join(missing)}")
    values = {name: msgspec.convert(document[name], _TYPES[name]) for name in _PLAIN}
    try:
        with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
            series = {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"load arrays are damaged: {error}") from None
    return LoadRun(**values, series=series)
