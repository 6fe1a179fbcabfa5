"""The reference service with a defect in it, on a port: takes the same flags as `python -m reference_service`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

from starlette.types import ASGIApp

from reference_service import components as parts
from reference_service.__main__ import prepare_models, settings_of
from reference_service.app import create_app
from reference_service.artifacts.registry import Registry
from reference_service.asgi import settings_of_environment
from reference_service.server import CannotServe, serve
from reference_service.settings import Settings
from tests.defects.planting import PLANTED, Defect, declared

DEFECT_KEY = "TESTS_DEFECTS_SERVED"
APPLICATION = "tests.defects.serving:application"


def serve_defect(defect: Defect, arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    settings: Settings = defect.made("settings", settings_of([*defect.arguments, *arguments]))
    try:
        if not (settings.models / PLANTED).exists():
            prepare_models(settings)
        models = defect.registry(settings.models, settings.state_directory / "registry", settings.model)
        os.environ[DEFECT_KEY] = defect.name
        serve(replace(settings, models=models), APPLICATION)
    except CannotServe as error:
        print(f"tests.defects: error: {error}", file=sys.stderr)
        sys.exit(1)


def application() -> ASGIApp:
    """The faulty application of one worker process, by its environment."""
    defect = declared()[os.environ[DEFECT_KEY]]
    with patch.object(parts, "Registry", defect.made("registry", Registry)):
        components = defect.made("components", parts.build_components(settings_of_environment()))
    components.serving.start()
    app: ASGIApp = defect.made("application", create_app(components))
    return app
