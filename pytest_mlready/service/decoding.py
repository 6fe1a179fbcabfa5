"""Undo a content coding, bounded: a server may compress although it was asked not to, a bomb may not go off."""

from __future__ import annotations

import zlib

from pytest_mlready.protocols.http1 import Oversize

_WBITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class BadEncoding(ValueError):
    """The body's content coding is unknown, stacked or broken."""


def decoded(body: bytes, coding: str | None, max_body: int) -> bytes:
    """The body without the `coding` that its Content-Encoding header names; one layer of gzip or deflate at most.

    Raises:
        BadEncoding: another coding, more than one, or bytes that are not what the header says.
        Oversize: it grows beyond `max_body` bytes.
    """
    name = (coding or "identity").strip().lower()
    if name in {"", "identity"} or not body:
        return body
    if name not in _WBITS:
        raise BadEncoding(f"Content-Encoding {name[:60]!r}, although identity was asked for")
    error: zlib.error | None = None
    for wbits in _WBITS[name]:  # deflate is sent both with and without the zlib header
        try:
            return _inflate(body, wbits, max_body)
        except zlib.error as met:
            error = error or met
    raise BadEncoding(f"not {name}: {error}")


def _inflate(body: bytes, wbits: int, max_body: int) -> bytes:
    stream = zlib.decompressobj(wbits)
    plain = stream.decompress(body, max_body + 1)
    if len(plain) > max_body:
        raise Oversize(f"{len(body)} compressed bytes grow beyond {max_body}")
    if not stream.eof:
        raise BadEncoding("the compressed body ends early")
    if stream.unused_data:
        raise BadEncoding("bytes follow the compressed body")
    return plain
