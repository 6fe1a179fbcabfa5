"""A predict request sent in two parts: in flight for as long as we like, however fast the model is."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_mlready.protocols.http1 import Malformed, Oversize, ResponseParser, request_bytes
from pytest_mlready.records import Row
from pytest_mlready.service.target import Target

CONNECT_S = 5.0
MAX_BODY = 1024 * 1024


@dataclass(frozen=True)
class HalfSent:
    """A request of which the head and half of the body are sent. `begun` is monotonic seconds."""

    connection: socket.socket | None
    rest: bytes
    begun: float

    @classmethod
    def begin(cls, target: Target, row: Row) -> HalfSent:
        """Connect to a plain HTTP target and send the first part."""
        parts = urlsplit(target.url)
        body = target.mapping.encode_row(row)
        headers = (("Host", parts.netloc), *target.mapping.request_headers, *target.headers)
        path = parts.path.rstrip("/") + target.mapping.predict_path
        whole = request_bytes("POST", path, headers, body)
        cut = len(whole) - len(body) // 2
        begun = time.monotonic()
        try:
            connection = socket.create_connection((parts.hostname or "", parts.port or 80), CONNECT_S)
            connection.sendall(whole[:cut])
        except OSError:
            return cls(None, b"", begun)
        return cls(connection, whole[cut:], begun)

    def finish(self, until: float) -> tuple[float, float, str]:
        """Send the rest and read the answer before the monotonic time `until`: (begun, ended, outcome)."""
        outcome = self._outcome(until)
        if self.connection is not None:
            self.connection.close()
        return self.begun, time.monotonic(), outcome

    def _outcome(self, until: float) -> str:
        if self.connection is None:
            return "refused"
        parser = ResponseParser("POST", MAX_BODY)
        try:
            self.connection.settimeout(max(0.01, until - time.monotonic()))
            self.connection.sendall(self.rest)
            while not parser.complete:
                self.connection.settimeout(max(0.01, until - time.monotonic()))
                received = self.connection.recv(65_536)
                if not (parser.feed(received) if received else parser.eof()) and not received:
                    return "closed"
        except TimeoutError:
            return "deadline"
        except OSError:
            return "reset"
        except (Malformed, Oversize):
            return "malformed"
        return str(parser.status)
