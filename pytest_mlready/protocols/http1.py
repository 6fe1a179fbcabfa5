"""HTTP/1.1 without I/O: request bytes out, answer bytes in. The load engine and the guarded transport share it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import httptools

MAX_HEADERS = 200
"""More header fields than this in one answer are refused: servers send tens, 5,000 is an attack on the reader."""
MAX_HEAD_BYTES = 64 * 1024
"""Status line and headers of one answer, and likewise the trailers, in bytes."""
MAX_INTERIM = 16
"""Interim (1xx) answers that are skipped before one answer."""
LAST_CHUNK = b"0\r\n\r\n"
"""Ends a body in chunks."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FRAMING_NAME_LENGTHS = frozenset(map(len, ("content-length", "transfer-encoding", "connection")))
_BODILESS = frozenset({204, 304})
_LENGTH_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


class Malformed(ValueError):
    """The bytes are not an HTTP/1 answer."""


class Oversize(ValueError):
    """The answer is larger than a client should accept: body, head or number of headers."""


def request_bytes(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
    """One request as bytes; the caller gives Host. Framed, and refused, as `request_head` does it."""
    return request_head(method, target, headers, len(body)) + body


def request_head(method: str, target: str, headers: Sequence[tuple[str, str]], size: int) -> bytes:
    """What comes before a body of so many bytes.

    Content-Length is added when there is a body, and for POST, PUT and PATCH, unless the caller gave it or
    Transfer-Encoding (whose framing the body then has to be in already).

    Raises:
        ValueError: the method, target or a header holds what would break the framing (CR, LF, NUL, a space).
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is not a method name")
    if not target or any(not "!" <= char <= "~" for char in target):
        raise ValueError(f"the request target {target!r} may hold printable ASCII only: percent-encode the rest")
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    framed = False
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of header {name} holds a line break or NUL: {value!r}")
        framed = framed or name.lower() in {"content-length", "transfer-encoding"}
        lines.append(f"{name}: {value}\r\n")
    if not framed and (size or method in _LENGTH_EXPECTED):
        lines.append(f"Content-Length: {size}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1")


def chunked(pieces: Iterable[bytes]) -> bytes:
    """A body in chunks, as Transfer-Encoding wants it, one for each piece that is not empty."""
    return b"".join([*(chunk(one) for one in pieces if one), LAST_CHUNK])


def chunk(piece: bytes) -> bytes:
    """One chunk of such a body; an empty one would end it, as `LAST_CHUNK` does."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class ResponseParser:
    """Reads one answer, bounded; a further answer in the same bytes is kept apart as `leftover`.

    `status`, `headers` and `body` are the answer so far; `keep_alive` whether the connection may be used again;
    `started` whether any byte came; `leftover` what followed the complete answer (a client that has asked once
    must not believe it: it is an injected second response).
    """

    def __init__(self, method: str, max_body: int) -> None:
        self.status: int | None = None
        self.keep_alive = False
        self.started = False
        self.leftover = b""
        self.complete = False
        self._method = method
        self._max_body = max_body
        self._parts: list[bytes] = []
        self._size = 0
        self._interim = 0
        self._begin()

    def _begin(self) -> None:
        self._wire = httptools.HttpResponseParser(self)
        self._tail = b""
        self._overhead = 0
        self._fields = 0
        self._in_head = True
        self._remaining: int | None = None
        self._chunked = False
        self._head_seen = False
        self._wire_complete = False
        self._second = False
        self._raw_headers: list[tuple[bytes, bytes]] = []

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Decoded when asked for: under load nobody does, and it would be half of the parser's work."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw_headers]

    @property
    def body(self) -> bytes:
        """The body read so far, with transfer coding removed and content coding left as it came."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def feed(self, data: bytes) -> bool:
        """Take in what was received; True once the answer is complete.

        Raises:
            Malformed: it is not HTTP/1.
            Oversize: it is more than the bounds allow.
        """
        if data:
            self.started = True
        while data and not self.complete:
            data = self._feed_wire(data) if self._in_head or self._chunked else self._feed_plain(data)
        if data:
            self.leftover += data
        return self.complete

    def eof(self) -> bool:
        """The peer closed; True if that, or what came before, makes the answer complete."""
        if not self._in_head and not self._chunked and self._remaining is None:
            self.complete = True
        return self.complete

    def _feed_plain(self, data: bytes) -> bytes:
        if self._remaining is None:
            self._take(data)
            return b""
        piece, rest = data[: self._remaining], data[self._remaining :]
        self._remaining -= len(piece)
        self._take(piece)
        self.complete = self._remaining == 0
        return rest

    def _feed_wire(self, data: bytes) -> bytes:
        # A head, and a chunked body with its trailers, can only end in an empty line. Cutting there keeps what
        # follows away from the parser, which would read it as the next answer.
        found = (self._tail + data).find(b"\r\n\r\n")
        cut = len(data) if found < 0 else found + 4 - len(self._tail)
        piece, rest = data[:cut], data[cut:]
        self._tail = (self._tail + piece)[-3:] if found < 0 else b""
        before = self._size
        try:
            self._wire.feed_data(piece)
        except httptools.HttpParserUpgrade:
            raise Malformed("101 Switching Protocols, which was not asked for") from None
        except httptools.HttpParserCallbackError as error:  # wraps what a signal raised while the parser called us
            raise error.__context__ or error from None
        except httptools.HttpParserError as error:
            raise Malformed(str(error) or type(error).__name__) from None
        self._overhead += len(piece) - (self._size - before)
        self._check_bounds()
        if self._in_head and self._head_seen:
            if found < 0:
                raise Malformed("the headers do not end in an empty line")
            self._end_head()
        elif self._chunked and self._wire_complete:
            self.complete = True
            if self._second or found < 0:
                self.leftover += piece
        return rest

    def _check_bounds(self) -> None:
        if self._fields > MAX_HEADERS:
            raise Oversize(f"more than {MAX_HEADERS} headers")
        # Chunk sizes cost bytes too: a body of one-byte chunks takes six on the wire.
        allowed = MAX_HEAD_BYTES if self._in_head else MAX_HEAD_BYTES + 8 * self._max_body
        if self._overhead > allowed:
            raise Oversize(f"more than {allowed} bytes of {'headers' if self._in_head else 'chunk framing'}")
        if self._size > self._max_body:
            raise Oversize(f"a body of more than {self._max_body} bytes")

    def _end_head(self) -> None:
        status = self._wire.get_status_code()
        if 100 <= status < 200:
            if status == 101:
                raise Malformed("101 Switching Protocols, which was not asked for")
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise Malformed(f"more than {MAX_INTERIM} interim answers")
            self._begin()
            return
        self.status = status
        self._in_head = False
        self._overhead = 0
        lengths: list[str] = []
        connection = b""
        for name, value in self._raw_headers:
            if len(name) not in _FRAMING_NAME_LENGTHS:
                continue
            lowered = name.lower()
            if lowered == b"content-length":
                lengths.append(value.decode("latin-1"))
            elif lowered == b"transfer-encoding":
                self._chunked = value.lower().split(b",")[-1].strip() == b"chunked"
            elif lowered == b"connection":
                connection += b"," + value.lower()
        options = {option.strip() for option in connection.split(b",")}
        persistent = self._wire.get_http_version() == "1.1" or b"keep-alive" in options
        self.keep_alive = persistent and b"close" not in options
        self._frame(status, lengths)

    def _frame(self, status: int, lengths: list[str]) -> None:
        if self._method == "HEAD" or status in _BODILESS:
            self._chunked = False
            self._remaining = 0
            self.complete = True
        elif self._chunked:
            if lengths:
                raise Malformed("both Content-Length and Transfer-Encoding")
        elif lengths:
            if not (len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 19):
                raise Malformed(f"Content-Length {', '.join(lengths)[:60]!r}")
            self._remaining = int(lengths[0])
            if self._remaining > self._max_body:
                raise Oversize(f"a body of {self._remaining} bytes, more than {self._max_body}")
            self.complete = self._remaining == 0
        else:
            self.keep_alive = False

    def _take(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._max_body:
            raise Oversize(f"a body of more than {self._max_body} bytes")

    # What httptools calls while it reads. An exception raised here would lose its type: bounds are checked after.

    def on_message_begin(self) -> None:
        """A further answer after a complete one is noted, not read."""
        self._second = self._second or self._wire_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Headers are kept, trailers only counted."""
        self._fields += 1
        if self._in_head and self._fields <= MAX_HEADERS:
            self._raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head ended."""
        self._head_seen = True

    def on_body(self, data: bytes) -> None:
        """A piece of a chunked body."""
        if not self._second and not self._in_head:
            self._parts.append(data)
            self._size += len(data)

    def on_message_complete(self) -> None:
        """The parser saw the answer's end."""
        self._wire_complete = True
