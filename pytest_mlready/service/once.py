"""One gatherer at a time for one piece of evidence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_mlready.service.flock import LockTimeout, locked


class OnceTimeout(TimeoutError):
    """Another process was still gathering the same evidence."""


@contextmanager
def once(path: Path, *, timeout_s: float = 900.0) -> Iterator[int]:
    """Hold the lock of the evidence file `path` (beside it, suffix `.lock`); gives its descriptor.

    Take it before a turn, never inside one. Whoever gets it looks first whether the evidence is there by now.

    Raises:
        OnceTimeout: another held it for `timeout_s` seconds.
    """
    try:
        fd = locked(path.with_suffix(".lock"), exclusive=True, timeout_s=timeout_s)
    except LockTimeout as error:
        raise OnceTimeout(f"{path.name} was not gathered within {timeout_s:g} s: {error}") from None
    try:
        yield fd
    finally:
        os.close(fd)
