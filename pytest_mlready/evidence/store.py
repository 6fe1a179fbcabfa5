"""Evidence on disk: gathered once per run, whoever asks and however often, and read again in a replay."""

from __future__ import annotations

import dataclasses
import io
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from pytest_mlready.records import Errored, NotGathered
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service.once import once
from pytest_mlready.service.scrub import needs_none, redact

NOTHING = msgspec.Raw(b"null")


class GatherError(Exception):
    """A gatherer could not do its work; the message is for people."""


class Envelope(msgspec.Struct, frozen=True):
    """A record as it is stored: what it is, what it was made with, how long it took, and what went wrong."""

    name: str
    made_with: dict[str, Any]
    started_at: float
    duration_s: float
    error: str | None = None
    record: msgspec.Raw = NOTHING


@dataclass(frozen=True)
class Store:
    """The evidence directory of one run.

    `replay` reads what an earlier run saved and gathers nothing. `secrets` are cut out of a record before it is saved;
    what is judged is the redacted record.
    """

    directory: Path
    replay: bool = False
    secrets: tuple[str, ...] = ()

    def get(self, name: str, made_with: Mapping[str, Any], gather: Callable[[], object]) -> object:
        """The record `name`: saved already, or gathered now by whoever comes first, or what became of it."""
        path = self.directory / f"{name}.json"
        if self.replay:
            return self._replayed(name, path, made_with)
        self.directory.mkdir(parents=True, exist_ok=True)
        with once(path):
            if not path.exists():
                self._gather(name, path, made_with, gather)
            return read(path)

    def _gather(self, name: str, path: Path, made_with: Mapping[str, Any], gather: Callable[[], object]) -> None:
        mark = path.with_suffix(".started")
        if mark.exists():  # whoever began it died: saying so beats loading the target a second time
            _write(path, Envelope(name, _plain(made_with), time.time(), 0.0, "the process that gathered it died"))
            return
        mark.touch()
        started_at, clock = time.time(), time.monotonic()
        error, record = None, None
        try:
            record = redacted(gather(), self.secrets)
        except Exception as problem:
            error = redact(_explain(problem), self.secrets)
        envelope = Envelope(name, _plain(made_with), started_at, time.monotonic() - clock, error)
        try:
            _write(path, envelope, record)
        except (TypeError, ValueError) as problem:
            error = redact(f"the {name} evidence cannot be saved: {_explain(problem)}", self.secrets)
            _write(path, msgspec.structs.replace(envelope, error=error))

    def _replayed(self, name: str, path: Path, made_with: Mapping[str, Any]) -> object:
        if not path.exists():
            return NotGathered(name, f"the saved run holds no {name} evidence")
        envelope = _envelope(path)
        if isinstance(envelope, Errored):
            return envelope
        for key, value in _plain(made_with).items():
            if envelope.made_with.get(key) != value:
                was = envelope.made_with.get(key)
                return NotGathered(name, f"the saved {name} evidence was made with {key} = {was!r}, not {value!r}")
        return read(path)


def names(directory: Path) -> list[str]:
    """The evidence that a directory holds."""
    return sorted(path.stem for path in directory.glob("*.json") if path.stem in SCHEDULE.evidence)


def clear(directory: Path) -> None:
    """Remove an earlier run's evidence, and nothing that is not ours."""
    for name in SCHEDULE.evidence:
        for suffix in (".json", ".npz", ".started", ".lock"):
            directory.joinpath(name).with_suffix(suffix).unlink(missing_ok=True)


def redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    """The same record with every secret replaced, in texts and bytes alike."""
    if _needs_none(value, secrets):
        return value
    # The same few names and paths stand in each of a thousand exchanges: most texts were looked at before.
    return _redacted(value, secrets, lru_cache(10_000)(partial(redact, secrets=secrets)))


def _needs_none(value: Any, secrets: tuple[str, ...]) -> bool:
    """Whether a record holds nothing that looks like a secret: texts and bytes stand in its MessagePack as they are."""
    try:
        return needs_none(msgspec.msgpack.encode(value, enc_hook=lambda unknown: None), secrets)
    except (TypeError, ValueError, OverflowError, RecursionError):  # numbers of any size, and lone surrogates
        return False


def _redacted(value: Any, secrets: tuple[str, ...], cut: Callable[[str], str]) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, bytes):
        for secret in secrets:
            value = value.replace(secret.encode(), b"[redacted]")
        return value
    if isinstance(value, tuple):
        return tuple(_redacted(one, secrets, cut) for one in value)
    if isinstance(value, Mapping):
        return {_redacted(key, secrets, cut): _redacted(one, secrets, cut) for key, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: _redacted(getattr(value, one.name), secrets, cut) for one in dataclasses.fields(value)}
        return type(value)(**changed)
    return value


def _explain(problem: Exception) -> str:
    return str(problem) if type(problem).__module__.startswith("pytest_mlready") else repr(problem)


def _plain(made_with: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made_with))
    return plain


def _array_fields(record: object) -> list[str]:
    if not dataclasses.is_dataclass(record):
        return []
    return [one.name for one in dataclasses.fields(record) if one.metadata.get("stored") == "npz"]


def _write(path: Path, envelope: Envelope, record: Any = None) -> None:
    for name in _array_fields(record):
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, **getattr(record, name))
        _replace(path.with_suffix(".npz"), buffer.getvalue())
        record = dataclasses.replace(record, **{name: {}})
    raw = msgspec.Raw(msgspec.json.encode(record))
    _replace(path, msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(envelope, record=raw)), indent=1))


def _replace(path: Path, data: bytes) -> None:
    """A reader sees the whole file or none of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def _envelope(path: Path) -> Envelope | Errored:
    try:
        envelope = msgspec.json.decode(path.read_bytes(), type=Envelope)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        return Errored(path.stem, f"{path.name} cannot be read: {error}")
    if envelope.name != path.stem:
        return Errored(path.stem, f"{path.name} cannot be read: it holds evidence {envelope.name!r}")
    return envelope


def read(path: Path) -> object:
    """The record in a file, or Errored: why there is none."""
    envelope = _envelope(path)
    if isinstance(envelope, Errored):
        return envelope
    if envelope.error is not None:
        return Errored(envelope.name, envelope.error)
    try:
        record: Any = msgspec.json.decode(envelope.record, type=SCHEDULE.evidence[envelope.name].record, strict=True)
    except (msgspec.DecodeError, RecursionError) as error:
        return Errored(envelope.name, f"{path.name} cannot be read: {error}")
    beside = path.with_suffix(".npz")
    for name in _array_fields(record):
        import numpy as np

        try:
            with np.load(io.BytesIO(beside.read_bytes())) as arrays:
                record = dataclasses.replace(record, **{name: dict(arrays)})
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            return Errored(envelope.name, f"{beside.name} cannot be read: {error}")
    return record
