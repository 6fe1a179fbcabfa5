"""A plain connection to a service, at whichever of its name's addresses it listens."""

from __future__ import annotations

import socket


def connected(host: str, port: int, seconds: float, window: int | None = None) -> socket.socket:
    """Connect to the first address that lets us; `window` is the receive buffer in bytes, which has to be set before.

    `localhost` is ::1 first on many machines, and most services listen at 127.0.0.1 only.

    Raises:
        TimeoutError: an address did not answer within so many seconds.
        ConnectionRefusedError: there is no such name, or nothing listens at any of its addresses.
    """
    met: OSError | None = None
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connection = socket.socket(family, kind, protocol)
            try:
                if window is not None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
                connection.settimeout(seconds)
                connection.connect(address)
                return connection
            except TimeoutError:
                connection.close()
                raise
            except OSError as error:
                connection.close()
                met = error
    except (socket.gaierror, UnicodeError) as error:
        raise ConnectionRefusedError(f"the name {host} is not known: {error}") from None
    raise ConnectionRefusedError(f"no connection to {host}:{port}: {met}")
