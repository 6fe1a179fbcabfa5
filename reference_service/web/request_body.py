"""Reading a request body within its bounds: size, time, media type and coding, before a byte of it is parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from starlette.requests import ClientDisconnect, Request

from reference_service.web.deadline import within
from reference_service.web.problems import Problem

JSON_TYPE = "application/json"


class BodyReader:
    """Reads bodies of JSON requests. Compressed bodies are refused (415): no bomb to defuse, one way in."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def read(
        self, request: Request, limit: int, required: bool = True, types: Sequence[str] = (JSON_TYPE,)
    ) -> bytes:
        """The whole body; it may be empty if none is required.

        Args:
            types: the media types that it may have; "" for none declared.

        Raises:
            Problem: 400 empty, 408 too slow, 413 too large (declared or sent), 415 not plain JSON.
            ClientDisconnect: the client went away.
        """
        if not required and not declared(dict(request.scope["headers"])):
            return b""
        self.check_headers(request, limit, types)
        try:
            content = await within(self.seconds, self.collect(request, limit))
        except TimeoutError:
            detail = f"The body did not arrive within {self.seconds:g} seconds."
            raise Problem(408, "body-too-slow", detail, headers={"Connection": "close"}) from None
        if not content and required:
            raise Problem(400, "body-missing", "This path needs a JSON body.")
        return content

    def check_headers(self, request: Request, limit: int, types: Sequence[str]) -> None:
        """Refuse by the headers alone what they already give away."""
        headers: dict[bytes, bytes] = dict(request.scope["headers"])
        length = headers.get(b"content-length")
        if not declared(headers):
            raise Problem(400, "body-missing", "This path needs a JSON body.")
        if length is not None and int(length) > limit:  # the HTTP parser admits only digits here
            raise self.too_large(limit)
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            detail = "Send the body without a content coding."
            raise Problem(415, "unsupported-coding", detail, headers={"Accept-Encoding": "identity"})
        media_type, charset = content_type(headers.get(b"content-type", b""))
        if media_type not in types or charset not in {"", "utf-8", "utf8"}:
            detail = f"Send the body as {JSON_TYPE} in UTF-8."
            raise Problem(415, "unsupported-media-type", detail, headers={"Accept-Post": JSON_TYPE})

    async def collect(self, request: Request, limit: int) -> bytes:
        """The body's bytes; counts them as they come, because a chunked body declares no length."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise self.too_large(limit)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def too_large(self, limit: int) -> Problem:
        """The refusal of a body over its limit."""
        return Problem(413, "body-too-large", f"The body may have at most {limit} bytes.")


def declared(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the headers announce a body."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


@lru_cache(64)
def content_type(value: bytes) -> tuple[str, str]:
    """The media type and the charset, if any, of a Content-Type; clients send very few different ones."""
    media_type, _, parameters = value.decode("latin-1").partition(";")
    return media_type.strip().lower(), parameters.partition("charset=")[2].strip(' "').lower()
