"""A small balancer with the replicas that it starts: `python -m tests.balancer --port P --replicas 3 -- COMMAND`.

`@PORT` in the command is a replica's own port. The balancer relays connections as they are and adds the header
X-Served-By, with the replica's address, to the first answer of each. `--defect NAME` puts a planted defect's balancer
in the place of the healthy one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import subprocess
import time
from collections.abc import Sequence

from pytest_mlready.service.launch import free_port

HOST = "127.0.0.1"
LEFT_OUT_S = 2.0


class Balancer:
    """Asks the replicas in turn; one that cannot be reached is left out for a while, and the next one asked instead."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = tuple(ports)
        self.turns = itertools.count()
        self.lost_at = dict.fromkeys(self.ports, float("-inf"))

    def order(self) -> Sequence[int]:
        """The ports to try for a connection, one after the other."""
        since = time.monotonic() - LEFT_OUT_S
        living = [port for port in self.ports if self.lost_at[port] < since] or list(self.ports)
        first = next(self.turns) % len(living)
        return living[first:] + living[:first]

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have said all."""
        with contextlib.suppress(OSError):
            for port in self.order():
                try:
                    answer, request = await asyncio.open_connection(HOST, port)
                except OSError:
                    self.lost_at[port] = time.monotonic()
                    continue
                asking = asyncio.create_task(_copied(reader, request))
                await _copied(answer, writer, f"X-Served-By: {HOST}:{port}\r\n".encode())
                asking.cancel()
                request.close()
                break
        writer.close()


async def _copied(source: asyncio.StreamReader, sink: asyncio.StreamWriter, header: bytes = b"") -> None:
    """All bytes until the end; a header comes after the first line."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        if header:
            sink.write(await source.readuntil(b"\r\n") + header)
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


async def serve(balancer: Balancer, port: int) -> None:
    """Relay until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with await asyncio.start_server(balancer.relay, HOST, port):
        await stop.wait()


def main() -> None:
    """Start the replicas, and balance."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--replicas", type=int, required=True)
    parser.add_argument("--defect")
    parser.add_argument("command", nargs="+", help="@PORT in it is the replica's own port")
    options = parser.parse_args()
    ports = [free_port() for _ in range(options.replicas)]
    kind = Balancer
    if options.defect is not None:
        from tests.defects.planting import declared

        kind = declared()[options.defect].made("balancer", Balancer)
    replicas = [subprocess.Popen([word.replace("@PORT", str(port)) for word in options.command]) for port in ports]
    try:
        asyncio.run(serve(kind(ports), options.port))
    finally:
        for one in replicas:
            one.terminate()
        for one in replicas:
            one.wait()


if __name__ == "__main__":
    main()
