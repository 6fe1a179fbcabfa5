"""Sends a replay's requests, well-behaved or not, and records what becomes of them."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_mlready.player.connecting import connected
from pytest_mlready.records.exchange import Exchange

DEADLINE_S = 5.0
RUDE_DEADLINE_S = 1.0
PATIENCE_S = 10.0
"""So long, in all, it waits for a service that limits the rate of its requests."""
CHUNK = 64 * 1024
SMALL_WINDOW = 2048


class NotSet(Exception):
    """An environment variable with a header's value is missing."""


class Asker:
    """Asks one service; each thread has an asker of its own.

    `plan` is the replay's document: its `requests`, whose bodies lie in `directory`, and in `secrets` the names of
    headers with the environment variables that hold their values.
    """

    def __init__(self, plan: Mapping[str, Any], directory: Path, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self._secure = parts.scheme == "https"
        self._address = parts.hostname or "", port_of(url)
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._requests = plan["requests"]
        self._bodies = [(directory / one["body"]).read_bytes() if one["body"] else b"" for one in self._requests]
        self._secrets = {name: _environment(name, variable) for name, variable in plan["secrets"].items()}
        self._kept: http.client.HTTPConnection | None = None
        self._patience_s = PATIENCE_S
        self._staying = contextlib.ExitStack()
        """The client that has sent a part and goes on holding its connection."""

    def ask(self, at: int, *, keep: bool) -> Exchange:
        """Send the request at a position, on the connection that is kept or on a new one; again, if it is told to."""
        exchange = self._asked(at, keep=keep)
        wait = exchange.retry_after_s
        if wait is not None and wait <= self._patience_s:
            self._patience_s -= wait
            time.sleep(wait)
            exchange = self._asked(at, keep=keep)
        return exchange

    def _asked(self, at: int, *, keep: bool) -> Exchange:
        request, body = self._requests[at], self._bodies[at]
        began = time.monotonic()
        status, headers, answer, failure = None, (), b"", None
        try:
            if request["rude"] is not None:
                answered = self._rudely(request, body)
            else:
                answered = self._kindly(request, body, keep=keep)
            if answered is None:
                failure = "closed"
            else:
                status, headers, answer = answered
        except TimeoutError:
            failure = "deadline"
        except ConnectionRefusedError:
            failure = "refused"
        except (OSError, http.client.HTTPException):
            failure = "reset"
        elapsed = time.monotonic() - began
        return Exchange(request["case"], request["method"], request["path"], status, headers, answer, elapsed, failure)

    def close(self) -> None:
        """Close the connection that is kept."""
        self._staying.close()
        if self._kept is not None:
            self._kept.close()

    def _kindly(self, request: Mapping[str, Any], body: bytes, *, keep: bool) -> Any:
        used = self._kept if keep else None
        if used is not None:
            self._kept = None
            with contextlib.suppress(http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                return self._talk(used, request, body, keep=keep)
        return self._talk(self._connected(), request, body, keep=keep)

    def _talk(self, connection: http.client.HTTPConnection, request: Mapping[str, Any], body: bytes, *,
              keep: bool) -> Any:  # fmt: skip
        kept = False
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has taken all
                self._send(connection, request, body, keep=keep)
            answer = connection.getresponse()
            heard = answer.status, tuple(answer.getheaders()), answer.read()
            kept = keep and not answer.will_close
        finally:
            if kept:
                self._kept = connection
            else:
                connection.close()
        return heard

    def _send(self, connection: Any, request: Mapping[str, Any], body: bytes, *, keep: bool) -> None:
        chunked = request["white_space"] > 0
        connection.putrequest(request["method"], self._prefix + request["path"], True, True)
        for name, value in self._headers(request, "keep-alive" if keep else "close").items():
            connection.putheader(name, value)
        if not chunked:
            connection.endheaders(body or None)
            return
        connection.endheaders()
        for content in [*[b" " * CHUNK] * (request["white_space"] // CHUNK), body]:
            connection.send(b"%x\r\n%b\r\n" % (len(content), content))
        connection.send(b"0\r\n\r\n")

    def _headers(self, request: Mapping[str, Any], connection: str) -> dict[str, str]:
        headers = {"Host": self._host, **dict(request["headers"]), "Connection": connection, **self._secrets}
        named = {name.lower() for name in headers}
        if request["white_space"]:
            headers["Transfer-Encoding"] = "chunked"
        elif not named & {"content-length", "transfer-encoding"} and (request["body"] or request["method"] != "GET"):
            headers["Content-Length"] = str(request["size"])
        return headers

    def _connected(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(*self._address, timeout=DEADLINE_S)
        return http.client.HTTPConnection(*self._address, timeout=DEADLINE_S)

    def _rudely(self, request: Mapping[str, Any], body: bytes) -> Any:
        """Send a part, in pieces; listen to some of the answer or to none; and leave as that client did."""
        how = request["rude"]
        listens = how.get("listens", "no")
        pieces = int(how.get("pieces", 1))
        lines = [f"{request['method']} {self._prefix}{request['path']} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self._headers(request, "close").items()]
        seconds = DEADLINE_S if pieces > 1 else RUDE_DEADLINE_S
        plain = connected(*self._address, seconds, SMALL_WINDOW if listens == "first byte" else None)
        context = ssl.create_default_context()
        wrapped = context.wrap_socket(plain, server_hostname=self._address[0]) if self._secure else plain
        with contextlib.ExitStack() as leaving:
            connection = leaving.enter_context(wrapped)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            size = max(1, -(-len(body) // pieces))
            for start in range(0, len(body), size):
                time.sleep(float(how.get("seconds", 0.0)) / pieces if start else 0.0)
                connection.sendall(body[start : start + size])
            if how.get("ends") == "half_close":
                connection.shutdown(socket.SHUT_WR)
            if how.get("stays"):
                self._staying.close()
                self._staying = leaving.pop_all()
                return None
            heard = None
            if listens == "whole answer":
                answer = http.client.HTTPResponse(connection, method=request["method"])
                answer.begin()
                heard = answer.status, tuple(answer.getheaders()), answer.read()
            elif listens != "no":
                connection.recv(1)
            if how.get("ends") == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return heard


def port_of(url: str) -> int:
    """The port that a URL means."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return parts.port or (443 if parts.scheme == "https" else 80)


def _environment(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise NotSet(f"the service is asked with a header {name}: put its value into the environment as {variable}")
    return value
