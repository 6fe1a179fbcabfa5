"""The application of one worker process, made from the settings in its environment."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from typing import NoReturn

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
    settings = settings_of_environment()
    try:
        components = build_components(settings)
        components.serving.start()
    except (UnknownVersion, Untrusted, BadTokens) as error:
        refuse_to_start(str(error))
    except (OSError, sqlite3.Error) as error:
        refuse_to_start(f"cannot use --state {settings.state_directory} with --models {settings.models}: {error}")
    return create_app(components)


def refuse_to_start(reason: str) -> NoReturn:
    """End this worker with one line that says why."""
    print(f"reference_service: error: {reason}", file=sys.stderr, flush=True)
    sys.exit(STARTUP_FAILURE)
