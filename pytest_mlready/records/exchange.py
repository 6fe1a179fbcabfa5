"""One HTTP request and what became of it, and JSON parsed as strictly as the standard has it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ONE_TOO_MANY = 429
UNDECIDED = frozenset({401, 403, ONE_TOO_MANY})
"""Refused for another reason than the input: nothing is proven."""
LATER_S = 1.0
"""So long a service is left alone that says "too many requests" and not for how long."""


class NotStrictJSON(ValueError):
    """The body is not JSON as RFC 8259 has it: bad UTF-8, NaN, a duplicate key, nesting or a number out of bounds."""


def strict_json(body: bytes) -> Any:
    """Parse `body` as RFC 8259 JSON and nothing looser.

    Raises:
        NotStrictJSON: it is not; the message says what was met.
    """

    def no_constant(name: str) -> Any:
        raise NotStrictJSON(f"{name} is not JSON")

    def finite(text: str) -> float:
        number = float(text)
        if number - number != 0:
            raise NotStrictJSON(f"{text} is outside a double's range")
        return number

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        plain = dict(pairs)
        if len(plain) != len(pairs):
            raise NotStrictJSON("an object has a duplicate key")
        return plain

    try:
        return json.loads(
            body.decode("utf-8"), parse_constant=no_constant, parse_float=finite, object_pairs_hook=no_duplicates
        )
    except NotStrictJSON:
        raise
    except RecursionError:
        raise NotStrictJSON("nested too deep") from None
    except ValueError as error:
        raise NotStrictJSON(str(error)) from None


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it.

    `case` names what was tried ("NaN in feature 3"). `status` is None when no whole answer came; `failure` then says
    why in one word: refused, reset, closed, deadline, oversize, malformed, encoding, unsent.
    `elapsed_s` runs from the first byte sent to the last byte read.
    """

    case: str
    method: str
    path: str
    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    elapsed_s: float = 0.0
    failure: str | None = None
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = b""
    sent_at: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether a whole answer with a 2xx status came."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def outcome(self) -> str:
        """The status, or the failure in its place."""
        return str(self.status) if self.status is not None else str(self.failure)

    @property
    def undecided(self) -> bool:
        """Whether it was refused for another reason than its input: who asks, or how often."""
        return self.status in UNDECIDED

    @property
    def one_too_many(self) -> bool:
        """Whether it was refused for the rate of our requests: as if it had not been asked."""
        return self.status == ONE_TOO_MANY

    @property
    def shed(self) -> bool:
        """Whether it was refused for the load of the moment, which asks to come again later."""
        return self.one_too_many or (self.status == 503 and self.header("Retry-After") is not None)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which to ask again, where this was one too many; else None.

        One who is unavailable may say so as well, but not for our rate: bad requests may open a circuit, too.
        """
        if not self.one_too_many:
            return None
        told = self.header("Retry-After")
        return float(told) if told is not None and told.isdecimal() else LATER_S

    def header(self, name: str) -> str | None:
        """The first value of a response header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def media_fault(self) -> str | None:
        """What is wrong with the Content-Type of an answer that is to be JSON: another type, or not UTF-8."""
        media, _, parameters = (self.header("Content-Type") or "").lower().replace(" ", "").partition(";")
        if media != "application/json" and not media.endswith("+json"):
            return f"the media type of a JSON answer is {media or 'missing'}"
        if "charset=" in parameters and "utf-8" not in parameters and "utf8" not in parameters:
            return f"JSON is UTF-8, and the answer says {parameters}"
        return None

    @cached_property
    def json(self) -> Any:
        """The answer's body as strict JSON. Raises NotStrictJSON."""
        return strict_json(self.body)

    @property
    def json_or_none(self) -> Any:
        """The answer's body as strict JSON, or None where it is not."""
        try:
            return self.json
        except NotStrictJSON:
            return None

    @property
    def text(self) -> str:
        """The answer's body as text, for people: undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def curl(self, url: str) -> str:
        """A command that sends the same request again to the service at `url` (its origin, no path)."""
        words = ["curl", "-sS", "-i", "-X", self.method]
        for name, value in self.request_headers:
            if name.lower() not in {"host", "content-length", "connection"}:
                words += ["-H", f"{name}: {value}"]
        if self.request_body:
            try:
                words += ["--data-binary", self.request_body.decode("utf-8")]
            except UnicodeDecodeError:
                hexed = self.request_body.hex()
                return f"echo {hexed} | xxd -r -p | {shlex.join([*words, '--data-binary', '@-', url + self.path])}"
        return shlex.join([*words, url + self.path])


@dataclass(frozen=True)
class Errored:
    """Stands where a record should: its gathering broke. Whatever needs it reports `error`."""

    name: str
    reason: str


@dataclass(frozen=True)
class NotGathered:
    """Stands where a record should in a replay: it was never saved, or was made with other settings."""

    name: str
    reason: str
