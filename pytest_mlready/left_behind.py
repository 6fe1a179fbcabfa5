"""The note beside a target's locks that says which version a drill has to put back, as long as it has not."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

_NAME = "deployment.json"


@dataclass(frozen=True)
class Note:
    """At `url` the version `found` served; `restore` is a command that lets it serve again.

    `problem`: what is in the way, once nobody tries any more.
    """

    url: str
    found: str
    restore: str
    problem: str = ""


def path_in(directory: Path) -> Path:
    """Where the note about a target lies: in the directory of its locks."""
    return directory / _NAME


def write(path: Path, note: Note) -> None:
    """Write the note, or write it anew."""
    path.write_bytes(msgspec.json.encode(note))


def read(path: Path, url: str | None = None) -> Note | None:
    """The note, None where there is none, or where it is about another address."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        note = msgspec.json.decode(path.read_bytes(), type=Note)
        return note if url in {None, note.url} else None
    return None
