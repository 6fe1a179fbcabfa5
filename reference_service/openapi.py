"""The published interface."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from reference_service.components import Components


def documented(method: str, path: str) -> dict[str, Any]:
    """What FastAPI is told of a route."""
    return {}


def install(app: FastAPI, components: Components) -> None:
    """Serve the document."""
