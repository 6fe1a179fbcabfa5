"""The result of a load run on disk: `load.json`, and its per-request arrays beside it in `load.npz`."""

from __future__ import annotations

import os
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
    partial = directory / f"{ARRAYS_NAME}.partial"
    with partial.open("wb") as file:
        np.savez_compressed(file, **dict(run.series))
    os.replace(partial, directory / ARRAYS_NAME)
    plain = {"schema_version": SCHEMA_VERSION, **{name: getattr(run, name) for name in _PLAIN}}
    partial = directory / f"{JSON_NAME}.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(plain)))
    os.replace(partial, directory / JSON_NAME)


def read(directory: Path) -> LoadRun:
    """The reverse of `write`.

    Raises:
        OSError: a file is missing.
        ValueError: it is not such a document, or of another schema version.
    """
    plain = msgspec.json.decode((directory / JSON_NAME).read_bytes(), type=dict[str, Any])
    if plain.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"load document of schema version {plain.get('schema_version')}, not {SCHEMA_VERSION}")
    missing = [name for name in _PLAIN if name not in plain]
    if missing:
        raise ValueError(f"load document without {', '.join(missing)}")
    values = {name: msgspec.convert(plain[name], _TYPES[name]) for name in _PLAIN}
    with np.load(directory / ARRAYS_NAME, allow_pickle=False) as stored:
        series = {name: stored[name] for name in stored.files}
    return LoadRun(**values, series=series)
