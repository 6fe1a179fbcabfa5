"""The result of a search for capacity on disk: `capacity.json`."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pytest_mlready.records import Sweep

SWEEP_NAME = "capacity.json"


def write_sweep(sweep: Sweep, directory: Path) -> None:
    """Write `sweep` into `directory`, in one step."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f"{SWEEP_NAME}.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(sweep)))
    os.replace(partial, directory / SWEEP_NAME)


def read_sweep(directory: Path) -> Sweep:
    """The reverse of `write_sweep`.

    Raises:
        OSError: there is none.
        ValueError: it is not such a document.
    """
    return msgspec.json.decode((directory / SWEEP_NAME).read_bytes(), type=Sweep)
