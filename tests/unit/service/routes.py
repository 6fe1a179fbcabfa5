"""A raw server with routes, each with a prepared answer; everything else is 404."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from tests.unit.service.raw_server import Handler, answer, read_request


def routed(routes: Mapping[str, bytes], *, otherwise: bytes = answer(status="404 Not Found")) -> Handler:
    """Answers by path, for as long as the client keeps the connection."""

    def handler(connection: socket.socket) -> None:
        while request := read_request(connection):
            path = request.split(b" ")[1].decode("ascii")
            connection.sendall(routes.get(path, otherwise))

    return handler
