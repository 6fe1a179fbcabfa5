"""A name for each request: the client's own if it is sane, else a new one."""

from __future__ import annotations

import os
import re

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
        """A new id, unlike any other: a random UUID (version 4), written without the detour over an object."""
        digits = os.urandom(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
