"""Profiles as files, written whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pytest_mlready.measure.drift import Profile, decode, encode
from pytest_mlready.profiling.inputs import DataError


def save(profile: Profile, path: str | Path, made_at: float | None = None) -> None:
    """Write a profile as JSON, and when its data were taken, in seconds since the epoch: by default now.

    Raises:
        DataError: cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(encode(profile, time.time() if made_at is None else made_at))
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}") from None


def load(path: str | Path) -> tuple[Profile, float | None]:
    """A profile, and when its data were taken, in seconds since the epoch.

    Raises:
        DataError: cannot be read.
        ProfileError: is no profile, or one of another version.
    """
    try:
        document = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    return decode(document, str(path))
