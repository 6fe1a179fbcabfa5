"""Which process of an instance holds the other end of a connection: the kernel is asked, not the service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def holders(port: int, processes: Iterable[int]) -> Mapping[int, int]:
    """Process id by our own port, for each connection to `port` on this machine that one of the processes holds.

    A connection that nobody has accepted yet is not in it, nor is any where the kernel tells nothing (not Linux).
    """
    inodes = _accepted(port)
    found: dict[int, int] = {}
    for pid in processes:
        try:
            entries = list(os.scandir(f"/proc/{pid}/fd"))
        except OSError:  # ended meanwhile, or not ours to look at
            continue
        for entry in entries:
            try:
                matched = _SOCKET.match(os.readlink(entry.path))
            except OSError:  # closed meanwhile
                continue
            if matched and matched[1] in inodes:
                found[inodes[matched[1]]] = pid
    return found


def _accepted(port: int) -> dict[str, int]:
    """The client's port by the inode of the server's socket."""
    found: dict[str, int] = {}
    for table in _TABLES:
        try:
            lines = Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
                found[fields[9]] = int(fields[2].rpartition(":")[2], 16)
    return found
