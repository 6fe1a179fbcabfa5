"""The ceiling: what uvicorn itself can do, answering every request with the same bytes and looking at nothing.

`python benchmarks/static_asgi.py PORT`
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

CONTENT = b'{"prediction":"benign","probabilities":{"benign":0.98,"malignant":0.02},"model_version":"1.0.0"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(CONTENT)).encode())],
}
BODY = {"type": "http.response.body", "body": CONTENT}


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer. The body is left to the server to throw away."""
    await send(START)
    await send(BODY)


if __name__ == "__main__":
    uvicorn.run(
        application,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
