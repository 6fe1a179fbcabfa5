"""When the end of a connection that was used before is nobody's failure.

A server may close an idle connection at the very moment at which it is used again (RFC 9112, 9.3.1). Its close has then
crossed the request, or it answers the request from a socket that is closed already: either is here within one round
trip. A connection that ends later had the request, and what was asked has failed: a worker that crashed, or was killed,
ends those of all requests that it works on.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

NOTICED_S = 0.005
"""What we may take to notice. A worker that crashes so soon after a request is taken for one that closed before it."""
_UNKNOWN_S = 0.1
"""A round trip, where the kernel does not tell."""
_RTT = struct.Struct("=68xI")
"""The smoothed round trip in microseconds, of Linux's `struct tcp_info` (linux/tcp.h)."""


def round_trip_s(connected: Any) -> float:
    """Seconds of a connected TCP socket's round trip, as the kernel has it.

    To be asked when it is new: later, acknowledgements that a server puts off until it answers count as round trips.
    """
    try:
        told: bytes = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT.size)
        return float(_RTT.unpack(told)[0]) * 1e-6
    except (AttributeError, OSError, struct.error):
        return _UNKNOWN_S


def closed_before(ended_s: float, round_trip_s: float) -> bool:
    """Whether a connection that ended without a byte, so long after a request was sent on it, may not have had it."""
    return ended_s <= round_trip_s + NOTICED_S
