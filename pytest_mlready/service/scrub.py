"""Text that came from a target, made fit to print: escapes made visible, secrets taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "[redacted]"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"})
"""Header names, in lower case, whose values never reach an output."""

# C0 and C1 controls but for newline and tab, lone surrogates, and the marks that turn the direction of text round.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CREDENTIALS = re.compile(r"(?ia)\b(bearer|basic|token)(\s+)[A-Za-z0-9._~+/=-]{6,}")
_FIELD = re.compile(
    r"(?ia)(\b(?:authorization|x-api-key|api[_-]?key|access[_-]?token|password|passwd|secret|token)"
    r"[\"']?\s*[:=]\s*[\"']?)(?!\[redacted\])(?!(?:bearer|basic|token)\s)[^\s\"',;&}]{4,}"
)

_SIGNS = tuple(b"bearer basic token authorization api-key api_key apikey passw secret".split())
"""One of them stands in every text that `_CREDENTIALS` or `_FIELD` change."""


def scrub(text: str) -> str:
    r"""Make control characters visible, newline and tab apart.

    >>> scrub("\x1b[31mred")
    '\\x1b[31mred'
    """
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take out the `secrets` given, bearer and basic credentials, and the values of fields named like a secret.

    >>> redact("Authorization: Bearer abcdef123456")
    'Authorization: Bearer [redacted]'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _CREDENTIALS.sub(rf"\1\2{REDACTED}", text)
    return _FIELD.sub(rf"\1{REDACTED}", text)


def needs_none(data: bytes, secrets: Iterable[str] = ()) -> bool:
    """Whether `redact` would change no text in these bytes of UTF-8; False where that is not told so quickly.

    >>> needs_none(b"GET /health/ready"), needs_none(b"Authorization: Bearer abcdef123456")
    (True, False)
    """
    lower = data.lower()
    return not any(sign in lower for sign in _SIGNS) and not any(one.encode() in data for one in secrets if one)


def redact_headers(headers: Iterable[tuple[str, str]], secrets: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """The same headers, those of `SECRET_HEADERS` without their value, the others through `redact`."""
    known = tuple(secrets)
    return tuple(
        (name, REDACTED if name.lower() in SECRET_HEADERS else redact(value, known)) for name, value in headers
    )
