"""The resident memory of whatever listens on a port of this machine, as Linux tells it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"


def resident_bytes(port: int) -> int | None:
    """Bytes of the processes that hold the listening socket, None where they cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    pages = [_pages(process) for process in PROC.glob("[0-9]*") if sockets & _open(process)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") if sockets and pages else None


def _listening(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(words[9])
    return found


def _open(process: Path) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for one in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(one.readlink()))
    return found


def _pages(process: Path) -> int:
    with contextlib.suppress(OSError):
        return int((process / "statm").read_text().split()[1])
    return 0
