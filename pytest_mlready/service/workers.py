"""Which process of an instance holds a connection's other end, or listens: the kernel is asked, not the service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED, _LISTENING = "01", "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def holders(port: int, processes: Iterable[int]) -> Mapping[int, int]:
    """Process id by our own port, for each connection to `port` on this machine that one of the processes holds.

    A connection that nobody has accepted yet is not in it, nor is any where the kernel tells nothing (not Linux).
    """
    inodes = dict(_sockets(port, _ESTABLISHED))
    return {inodes[inode]: pid for inode, pid in _held(processes) if inode in inodes}


def listeners(port: int, processes: Iterable[int]) -> frozenset[int]:
    """Those of the processes that listen at a port of this machine: several where they share a socket."""
    inodes = {inode for inode, _ in _sockets(port, _LISTENING)}
    return frozenset(pid for inode, pid in _held(processes) if inode in inodes)


def _held(processes: Iterable[int]) -> Iterator[tuple[str, int]]:
    """(inode, process) of each socket that a process holds."""
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
            if matched:
                yield matched[1], pid


def _sockets(port: int, state: str) -> Iterator[tuple[str, int]]:
    """(inode, port of the other end) of each socket at `port` that is in a state."""
    for table in _TABLES:
        try:
            lines = Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == state and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9], int(fields[2].rpartition(":")[2], 16)
