"""An M/D/c queue over HTTP: `python queue_server.py SERVICE_S SERVERS`; prints its port, then serves until killed.

Each request takes exactly SERVICE_S seconds of the first of SERVERS to be free, in order of arrival. One thread keeps
the queue's books and answers at the computed times, which `select` keeps to some microseconds (epoll rounds to a
millisecond); so the capacity is that of the theory, up to the tenth of a millisecond that the exchange itself takes.
"""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b"\r\n\r\n"


def main(service_s: float, servers: int) -> None:
    """Serve."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    print(listener.getsockname()[1], flush=True)
    connections: dict[int, socket.socket] = {}
    free, due = [0.0] * servers, list[tuple[float, int, socket.socket]]()
    count = 0
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        select.select([poll], [], [], wait)
        for number, _ in poll.poll(0):
            if number == listener.fileno():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        connection, _ = listener.accept()
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        connections[connection.fileno()] = connection
                        poll.register(connection, select.EPOLLIN)
                continue
            connection, data = connections[number], b""
            with contextlib.suppress(OSError):
                data = connection.recv(65_536)
            if not data:
                poll.unregister(number)
                connections.pop(number).close()
            for _ in range(data.count(END)):
                now = time.monotonic()
                done = max(now, heapq.heappop(free)) + service_s
                heapq.heappush(free, done)
                heapq.heappush(due, (done, count, connection))
                count += 1
        while due and due[0][0] <= time.monotonic():
            with contextlib.suppress(OSError):  # who has left gets nothing
                heapq.heappop(due)[2].send(ANSWER)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
