"""Which distributed trace a request belongs to: the header `traceparent` of W3C Trace Context (Level 2).

A request with a valid `traceparent` continues its trace, any other begins one. Our part of it gets a span id of its
own, which the answer names, so that a client finds our log line by what it got. `tracestate` is for whom a participant
asks in turn; this service asks nobody, so it has nobody to pass it on to, and reads nothing from it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import msgspec

HEADER = b"traceparent"
SAMPLED, RANDOM = 0x01, 0x02
# Every part has one length, so there is nothing to go back to. A later version may go on after another dash.
_FORM = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace_id>[0-9a-f]{32})-(?P<parent_id>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)
_INVALID_VERSION = b"ff"
_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16


class Trace(msgspec.Struct, frozen=True):
    """A request's place in its trace: the trace's id and that of our part, in lowercase hexadecimal, and its flags."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def header(self) -> bytes:
        """The value of `traceparent` that names our part."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}".encode()


class Traces:
    """Continues the traces of clients and begins new ones."""

    def __init__(self) -> None:
        self.bits = random.Random()  # seeded by the system, and by nobody else

    def enter(self, headers: Sequence[tuple[bytes, bytes]]) -> Trace:
        """The trace of a request with these headers. What is sent twice is not known to be either."""
        given = [value for name, value in headers if name == HEADER]
        if len(given) == 1:
            found = parsed(given[0])
            if found is not None:
                trace_id, flags = found
                return Trace(trace_id, self.identifier(8), flags)
        return Trace(self.identifier(16), self.identifier(8), RANDOM)

    def identifier(self, size: int) -> str:
        """A new id of so many bytes; all zeros would be none."""
        found = self.bits.randbytes(size)
        return found.hex() if any(found) else "1" * 2 * size


def parsed(value: bytes) -> tuple[str, int] | None:
    """The trace id and the flags to go on with; None if the value is invalid, which is as good as none.

    Of a later version the parts that this one knows are taken, as the recommendation asks; flags that this one does
    not know are never passed on.
    """
    found = _FORM.fullmatch(value.strip(b" \t"))
    if found is None or found["trace_id"] == _NO_TRACE or found["parent_id"] == _NO_SPAN:
        return None
    version = found["version"]
    if version == _INVALID_VERSION or (version == b"00" and found["more"] is not None):
        return None
    return found["trace_id"].decode(), int(found["flags"], 16) & (SAMPLED | RANDOM)
