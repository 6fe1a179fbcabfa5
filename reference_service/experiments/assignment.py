"""The published assignment function `mlready-sha256-v1`: in which bucket of an experiment a user is, for ever.

It is pure and wholly declared, so that anyone can recompute every assignment instead of estimating a split from
thousands of requests. `vectors/mlready-sha256-v1.json` holds test vectors for other implementations.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

FUNCTION = "mlready-sha256-v1"
BUCKETS = 10_000
SEPARATOR = b"\x1f"

DECLARATION: dict[str, Any] = {
    "function": FUNCTION,
    "hash": "sha256",
    "input": "utf8(NFC(salt)) 0x1F utf8(NFC(user_id))",
    "encoding": "utf-8",
    "normalization": "NFC",
    "separator": "1f",
    "digest_bytes": 8,
    "byte_order": "big",
    "reduction": "modulo",
    "buckets": BUCKETS,
    "boundary": "start <= bucket < end",
    "integer_ids": "decimal",
    "trimmed": False,
    "case_folded": False,
    "refused": ["empty", "null", "number that is no integer", "boolean", "half of a surrogate pair"],
}
"""What a program needs to know to compute the same; it is part of every answer of GET /experiments/{name}."""


class NoUserId(ValueError):
    """The value does not name a user."""


def user_text(user_id: object) -> str:
    """A user id as the text that is hashed: an integer as its decimal digits, a string as it is.

    Raises:
        NoUserId: it is empty, neither a string nor an integer, or has no UTF-8.
    """
    if isinstance(user_id, bool) or not isinstance(user_id, str | int) or user_id == "":
        raise NoUserId("a user id is a non-empty string or an integer")
    text = str(user_id)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise NoUserId("a user id holds half of a surrogate pair")
    return text


def canonical(text: str) -> bytes:
    """Text as bytes that are the same however its characters were composed. Nothing is trimmed, no case is folded."""
    return unicodedata.normalize("NFC", text).encode()


def prefix(salt: str) -> bytes:
    """What comes before the user id in the input of the hash: the same for all users of an experiment."""
    return canonical(salt) + SEPARATOR


def bucket(salt: str, user_id: str | int) -> int:
    """The bucket of a user, from 0 to 9,999.

    Args:
        salt: the experiment's; it holds no separator, so that no two pairs of salt and id have the same input.

    Raises:
        NoUserId: see `user_text`.
    """
    return reduced(prefix(salt) + canonical(user_text(user_id)))


def reduced(content: bytes) -> int:
    """The bucket of the input of the hash. The modulo favours the lower buckets by less than 1 in 10**15."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % BUCKETS
