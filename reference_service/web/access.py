"""Who may do what: bearer tokens (RFC 6750) with roles, of which only digests are kept.

`python -m reference_service.web.access NAME ROLE...` makes a token: it prints the token, once, and the entry that makes
it known, to be added to the file of `--tokens`.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Scope

from reference_service.settings import Settings
from reference_service.web.problems import Problem
from reference_service.web.request_log import RequestLog

ROLES = ("admin", "predict")
Role = Literal["admin", "predict"]
FORM = '{"tokens": [{"name": "ana", "sha256": "<hex of the token\'s digest>", "roles": ["admin", "predict"]}]}'
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="reference_service"'}
SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 512


class BadTokens(Exception):
    """The file of tokens cannot be used; the message is for whoever started the service."""


@dataclass(frozen=True)
class Actor:
    """Whom a token stands for."""

    name: str
    roles: frozenset[str]


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file. A name begins with a letter and has no colon: it can never look like an address."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z][A-Za-z0-9._@-]{0,63}\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, name: str, roles: Sequence[Role], token: str) -> Token:
        """The entry that makes a token known.

        Raises:
            msgspec.ValidationError: the name or a role is none.
        """
        entry = {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "roles": roles}
        return msgspec.convert(entry, cls)


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of `--tokens`."""

    tokens: tuple[Token, ...]


class Access:
    """Tells who sent a request, and refuses who may not.

    Args:
        tokens: those that are accepted; without any, whatever needs a role is closed.
        keyed: whether predicting needs the role "predict".
    """

    def __init__(self, tokens: Sequence[Token], keyed: bool, log: RequestLog) -> None:
        self.known = [(bytes.fromhex(each.sha256), Actor(each.name, frozenset(each.roles))) for each in tokens]
        self.keyed = keyed
        self.log = log

    def require(self, request: HTTPConnection, role: Role) -> Actor:
        """Who sent the request, if they have the role. Every refusal leaves a record.

        Raises:
            Problem: 401, no token or not a known one, which is told with the same words; 403, another role's.
        """
        actor = self.actor(request.scope)
        if actor is None:
            self.record(request.scope, 401, role, None)
            raise Problem(401, "unauthorized", "Send a bearer token that this service knows.", headers=_CHALLENGE)
        if role not in actor.roles:
            self.record(request.scope, 403, role, actor)
            raise Problem(403, "forbidden", f"This needs the role {role}.")
        return actor

    def check_predicting(self, request: HTTPConnection) -> None:
        """Whoever asks the model may do so.

        Raises:
            Problem: 401 or 403, they may not.
        """
        if self.keyed:
            self.require(request, "predict")

    def client(self, scope: Scope) -> str:
        """Whom a rate is counted for: the token's name, else the address (of IPv6 the /64: one client has all of it).

        The address is the peer's. What a proxy says of whom it speaks for is not believed: clients can say it, too.
        """
        actor = self.actor(scope)
        if actor is not None:
            return actor.name
        peer = scope.get("client")
        if peer is None:  # a Unix socket
            return ""
        return _network(peer[0]) if ":" in peer[0] else str(peer[0])

    def actor(self, scope: Scope) -> Actor | None:
        """Who sent the request, if their token is known; found out once per request."""
        if "actor" not in scope:
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            scope["actor"] = self.holder(given[0]) if len(given) == 1 else None
        found: Actor | None = scope["actor"]
        return found

    def holder(self, credentials: bytes) -> Actor | None:
        """Whose the credentials are. Compares with every token, so that time tells nothing of which one is near."""
        scheme, _, token = credentials.partition(b" ")
        token = token.strip(b" ")
        if scheme.lower() != b"bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
            return None
        digest = hashlib.sha256(token).digest()
        found = None
        for known, actor in self.known:
            if hmac.compare_digest(known, digest):
                found = actor
        return found

    def record(self, scope: Scope, status: int, role: Role, actor: Actor | None) -> None:
        """Leave a line of a refusal, with the address that it was sent from: it may be looked for later."""
        self.log.event(
            "denied",
            request_id=scope["request_id"],
            status=status,
            role=role,
            actor=None if actor is None else actor.name,
            client=scope["client"][0] if scope.get("client") else None,
            method=scope["method"],
            route=getattr(scope.get("route"), "path", None),
        )


def known_tokens(settings: Settings) -> tuple[Token, ...]:
    """The tokens of the file, and the admin's of the environment.

    Raises:
        BadTokens: as `read_tokens`; or the variable is not set, or holds a token that could be guessed.
    """
    tokens, name = read_tokens(settings.tokens), settings.admin_token_env
    if name is None:
        return tokens
    given = os.environ.get(name, "")
    if not SHORTEST_TOKEN <= len(given.encode()) <= _LONGEST_TOKEN:
        known = "is not set" if not given else f"holds {len(given.encode())} bytes"
        raise BadTokens(f"--admin-token-env: {name} {known}; expected {SHORTEST_TOKEN} to {_LONGEST_TOKEN}")
    return (*tokens, Token.of("admin", ["admin"], given))


def read_tokens(path: Path | None) -> tuple[Token, ...]:
    """The tokens of a file; none without one.

    Raises:
        BadTokens: the file cannot be read, or is not of the form; names the file and the place in it.
    """
    if path is None:
        return ()
    try:
        tokens = msgspec.json.decode(path.read_bytes(), type=TokenFile).tokens
    except OSError as error:
        raise BadTokens(f"cannot read the tokens of {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise BadTokens(f"{path} is no file of tokens: {error}; it must look like {FORM}") from None
    for key in ("name", "sha256"):
        values = [getattr(token, key) for token in tokens]
        for at, value in enumerate(values):
            if value in values[:at]:
                raise BadTokens(f"{path}: $.tokens[{at}].{key} is that of another token, too")
    return tokens


@lru_cache(1024)
def _network(address: str) -> str:
    parsed = ipaddress.IPv6Address(address)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a token from the command line."""
    parser = argparse.ArgumentParser(prog="python -m reference_service.web.access", description="Make a bearer token.")
    parser.add_argument("name", help="whose it is; stands in the history of what they change")
    parser.add_argument("roles", nargs="+", choices=ROLES, metavar="role", help=" or ".join(ROLES))
    given = parser.parse_args(arguments)
    token = secrets.token_urlsafe(32)
    try:
        entry = Token.of(given.name, given.roles, token)
    except msgspec.ValidationError as error:
        parser.error(str(error))
    print(f"The token, which is kept nowhere: {token}")
    print(f"Add to the file of --tokens:      {msgspec.json.encode(entry).decode()}")


if __name__ == "__main__":
    main()
