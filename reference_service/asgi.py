"""The application of one worker process, made from the settings in its environment."""

from __future__ import annotations

import gc
import os
import sys

from fastapi import FastAPI

from reference_service.app import create_app
from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import UnknownVersion
from reference_service.components import build_components
from reference_service.settings import ENVIRONMENT_KEY, Settings
from reference_service.web.access import BadTokens

# By this code a worker says that another one would fail just the same, and its supervisor stops.
STARTUP_FAILURE = 3


def settings_of_environment() -> Settings:
    """The settings that the parent process left; defaults if there is none."""
    text = os.environ.get(ENVIRONMENT_KEY)
    return Settings.from_json(text) if text else Settings()


def application() -> FastAPI:
    """The reference service, its model loaded."""
    gc.disable()  # a tenth of the start would be looking for garbage among what is only now being loaded
    try:
        components = build_components(settings_of_environment())
        components.serving.start()
    except (UnknownVersion, Untrusted, BadTokens) as error:
        print(f"reference_service: error: {error}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)
    return create_app(components)
