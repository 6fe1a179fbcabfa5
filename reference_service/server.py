"""Running an application on a port, in one process or several, until SIGTERM."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from reference_service.settings import ENVIRONMENT_KEY, Settings

APPLICATION = "reference_service.asgi:application"


class CannotServe(Exception):
    """The service cannot start; the message is for whoever started it."""


def serve(settings: Settings, application: str | Callable[..., Any] = APPLICATION) -> None:
    """Serve until SIGTERM or SIGINT, then return.

    Args:
        application: an ASGI application, or where a function without arguments that makes one is to be found, as
            "module:function"; the latter is needed for several workers, which each make their own.

    Raises:
        CannotServe: the port is taken, nothing can be written to the state directory, or several workers were asked
            for an application that is no name.
    """
    if settings.workers > 1 and not isinstance(application, str):
        raise CannotServe("several workers need the application's name, as module:function")
    require_writable("--state", settings.state_directory)
    listener = bound_socket(settings.host, settings.port)
    prepare_environment(settings)
    signal.signal(signal.SIGTERM, stopped_early)
    import uvicorn  # only now, so that a taken port is told at once

    from reference_service.web.http_protocol import PROTOCOLS, ServerConfig
    from reference_service.web.request_log import SERVER_LOGGING

    named = isinstance(application, str)
    config = ServerConfig(
        application,
        factory=named,
        workers=settings.workers,
        loop="uvloop",
        limits=settings.limits,
        http=PROTOCOLS[settings.http],
        h11_max_incomplete_event_size=settings.limits.head_bytes,
        proxy_headers=False,  # the peer's address is whom a rate is counted for: no header may change it
        ws="none",
        access_log=False,
        log_config=SERVER_LOGGING,
        server_header=False,
        timeout_keep_alive=75,
        # Longer than any request may take, so that stopping never cuts one off.
        timeout_graceful_shutdown=math.ceil(settings.limits.longest_request_seconds) + 3,
        timeout_worker_healthcheck=30,
    )
    if settings.workers > 1:
        supervise(config, listener)
    else:
        uvicorn.Server(config).run(sockets=[listener])


def supervise(config: Any, listener: socket.socket) -> None:
    """Run workers that share the listening socket."""
    from uvicorn.supervisors import Multiprocess

    class Supervisor(Multiprocess):
        def terminate_all(self) -> None:
            super().terminate_all()
            listener.close()  # else connections would go on queueing here with nobody left to accept them

    Supervisor(config, sockets=[listener]).run()


def require_writable(flag: str, directory: Path) -> None:
    """Make a directory and write a file there that is gone at once, before anything depends on it.

    Raises:
        CannotServe: that fails, in words that name the flag.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"probe")
    except FileExistsError:
        raise CannotServe(f"cannot write to {flag} {directory}: it is not a directory") from None
    except OSError as error:
        raise CannotServe(f"cannot write to {flag} {directory}: {os.strerror(error.errno or 0)}") from None


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that holds the port but refuses connections until the application listens on it.

    Raises:
        CannotServe: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from None
    listener.set_inheritable(True)
    return listener


def prepare_environment(settings: Settings) -> None:
    """Leave the settings for the workers, and an empty directory in which they add up their metrics."""
    os.environ[ENVIRONMENT_KEY] = settings.to_json()
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if settings.workers > 1:
        directory = settings.state_directory / "prometheus"
        shutil.rmtree(directory, ignore_errors=True)  # counts of an earlier run
        directory.mkdir(parents=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    shutil.rmtree(settings.state_directory / "drift", ignore_errors=True)  # rows of an earlier run


def stopped_early(number: int, frame: FrameType | None) -> None:
    """Stopping is no failure, neither while starting nor when the server hands the signal back after it has stopped."""
    sys.exit(0)
