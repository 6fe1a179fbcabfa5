"""The command line of the services that are ASGI applications."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import uvicorn


def serve(application: Callable[[], Any], about: str | None) -> None:
    """Make it and serve it at the port that is asked for."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(application(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")
