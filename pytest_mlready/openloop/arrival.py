"""Reading from a socket, with the time at which the kernel had the bytes.

A busy generator reads an answer late. Told from its own clock, its delay would be the service's: after a stall, when
hundreds of answers come at once, by milliseconds. Linux keeps the time of arrival with the bytes (SO_TIMESTAMPNS,
socket(7)); elsewhere, and under TLS, whose records are not the answer's bytes, the time of reading has to do.
"""

from __future__ import annotations

import contextlib
import struct
import sys
import time
from typing import Any

import gevent.socket

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
_ROOM = gevent.socket.CMSG_SPACE(_TIMESPEC.size) if sys.platform == "linux" else 0
_READ = 65_536


def stamp(connected: Any) -> None:
    """Have the kernel keep arrival times for this socket, if it can."""
    if _ROOM:
        with contextlib.suppress(OSError):
            connected.setsockopt(gevent.socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def received(connected: Any) -> tuple[bytes, float]:
    """What there is to read from a TCP socket, b"" at its end, and when (`time.monotonic()`) its last byte came.

    Raises:
        OSError: BlockingIOError where there is nothing.
    """
    data, ancillary, _flags, _address = connected.recvmsg(_READ, _ROOM)
    now = time.monotonic()
    for _level, kind, content in ancillary:
        if kind == _SO_TIMESTAMPNS and len(content) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(content)
            # The stamp is of the wall clock, which may be set at any time: only the difference to now is taken.
            waited_s = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) * 1e-9
            return data, now - max(0.0, waited_s)
    return data, now


def decrypted(connected: Any) -> tuple[bytes, float]:
    """The same of a TLS socket, with the time of reading. Raises OSError: ssl.SSLWantReadError where nothing came."""
    data = connected.recv(_READ)
    return data, time.monotonic()
