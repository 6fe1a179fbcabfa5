"""Profiles as files, written whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pytest_mlready.measure.drift import Profile, decode, encode
from pytest_mlready.profiling.inputs import DataError


def save(profile: Profile, path: str | Path) -> None:
    """Write a profile as JSON, with the time. Raises DataError if it cannot be written."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(encode(profile, time.time()))
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error}") from None


def load(path: str | Path) -> tuple[Profile, float | None]:
    """A profile, and when it was made, in seconds since the epoch.

    Raises:
        DataError: cannot be read.
        ProfileError: is no profile, or one of another version.
    """
    try:
        document = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    return decode(document, str(path))
