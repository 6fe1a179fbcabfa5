"""One JSON line a request, for machines to read; never anything that a client sent as data."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import sys
import time
import traceback
from functools import lru_cache
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """What is written of one request. `status` 499 is a client that left before its answer.

    `variant` is that of the experiment that chose the version, if one did. Who asked is not written.
    """

    time: str
    level: str
    request_id: str
    trace_id: str
    method: str
    route: str
    status: int
    duration_ms: float
    model_version: str
    variant: str | None
    generation: int


class RequestLog:
    """Writes lines to a file descriptor, once per turn of the event loop rather than once per line."""

    def __init__(self, descriptor: int = 1) -> None:
        self.descriptor = descriptor
        self.lines: list[bytes] = []

    def request(self, entry: Entry) -> None:
        """A request was answered."""
        self.line(entry)

    def failure(self, request_id: str, error: BaseException) -> None:
        """The server failed: where and with what kind of error, without its text, which may quote the input."""
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        where = [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        self.event("failure", request_id=request_id, error=type(error).__name__, where=where)

    def event(self, event: str, **fields: Any) -> None:
        """Something happened that is not a request."""
        self.line({"time": now(), "level": "error" if event == "failure" else "info", "event": event, **fields})

    def line(self, content: object) -> None:
        """Add a line, to be written soon."""
        self.lines.append(msgspec.json.encode(content))
        if len(self.lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # before the loop runs and after it ended
                self.flush()

    def flush(self) -> None:
        """Write what is waiting. A log that cannot be written must not fail requests."""
        text = b"".join(line + b"\n" for line in self.lines)
        self.lines.clear()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            while text:
                text = text[os.write(self.descriptor, text) :]


class JsonFormatter(logging.Formatter):
    """The HTTP server's own few words, as lines like ours; of an exception its type only."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line."""
        fields = {"time": now(), "level": record.levelname.lower(), "event": "server", "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        return msgspec.json.encode(fields).decode()


SERVER_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "reference_service.web.request_log.JsonFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "loggers": {"uvicorn": {"handlers": ["stdout"], "level": "WARNING", "propagate": False}},
}


def now() -> str:
    """The time as it is written, in UTC."""
    return _moment(time.time_ns() // 1_000_000)


@lru_cache(maxsize=1)
def _moment(milliseconds: int) -> str:
    """A millisecond since 1970 as text; when it matters, several lines share one."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).isoformat(timespec="milliseconds")
