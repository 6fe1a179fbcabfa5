"""`python -m reference_service --model breast-cancer --port 8000`: train what is missing, then serve."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reference_service.server import CannotServe, require_writable, serve
from reference_service.settings import ENGINES, PARSERS, Settings

_MOST = 1_000_000_000
_WEEK_SECONDS = 7 * 24 * 3600
_SLOWEST_RATE = 1e-6
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "workers": (1, 1000),
    "port": (1, 65535),
    "rate_limit": (0, _MOST),
    "rate_burst": (1, _MOST),
    "drift_window": (0, _MOST),
    "drift_look_seconds": (0.001, _WEEK_SECONDS),
    "rollback_error_rate": (0, 1),
    "rollback_quality": (0, _MOST),
    "rollback_window_seconds": (1, _WEEK_SECONDS),
    "cache_seconds": (0, _WEEK_SECONDS),
    "drain_seconds": (0, _WEEK_SECONDS),
}
"""The least and the most that each may be."""


def settings_of(arguments: Sequence[str] | None = None) -> Settings:
    """The settings that a command line asks for."""
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m reference_service", description=__doc__)
    add = parser.add_argument
    add("--model", default=default.model, help="which model to serve (%(default)s)")
    add("--version", help="which version of it a new instance serves first (the registry's first)")
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add("--port", type=int, default=default.port, help="port to listen on (%(default)s)")
    add("--workers", type=int, default=default.workers, help="worker processes (%(default)s)")
    add("--models", type=Path, default=default.models, metavar="DIR", help="the registry (%(default)s)")
    add("--state", type=Path, metavar="DIR", help="what this instance writes (MODELS/.state/MODEL-ENGINE)")
    add("--engine", choices=ENGINES, default=default.engine, help="what computes predictions (%(default)s)")
    add("--http", choices=PARSERS, default=default.http, help="what parses HTTP (%(default)s)")
    add("--tokens", type=Path, metavar="FILE", help="bearer tokens and their roles (none: no admin routes)")
    add("--experiments", type=Path, metavar="FILE", help="experiments that a new instance begins with (none)")
    add("--admin-token-env", metavar="NAME", help="environment variable that holds an admin's token")
    add("--keyed", action="store_true", help="predicting needs a token, too")
    add("--rate-limit", type=float, default=default.rate_limit, metavar="R", help="requests/s a client (0: no limit)")
    add("--rate-burst", type=int, default=default.rate_burst, metavar="N", help="of these at once (%(default)s)")
    add("--drift-window", type=int, default=default.drift_window, metavar="ROWS", help="rows watched (%(default)s)")
    add(
        "--drift-look-seconds",
        type=float,
        default=default.drift_look_seconds,
        metavar="S",
        help="least time between two looks at them (%(default)s)",
    )
    add("--rollback-error-rate", type=float, default=0.0, metavar="R", help="failures that roll back (0: never)")
    add("--rollback-quality", type=float, metavar="BOUND", help="accuracy or mean error that rolls back (none: never)")
    add(
        "--rollback-window-seconds",
        type=float,
        default=default.rollback_window_seconds,
        metavar="S",
        help="how far back both look (%(default)s)",
    )
    add("--cache-seconds", type=float, default=0.0, help="how long an answer may come from memory (0: never)")
    add(
        "--drain-seconds",
        type=float,
        default=default.drain_seconds,
        help="not ready, yet serving, after SIGTERM (%(default)s)",
    )
    add("--drill", choices=["broken-model"], help="a fault to be switched on for a game day")
    given = parser.parse_args(arguments)
    for name, (least, most) in _BOUNDS.items():
        value = getattr(given, name)
        if value is not None and not least <= value <= most:  # so that NaN, which is never anything, is refused
            parser.error(f"--{name.replace('_', '-')} must be between {least} and {most}, is {value}")
    if 0 < given.rate_limit < _SLOWEST_RATE:
        parser.error(f"--rate-limit must be 0, for no limit, or at least {_SLOWEST_RATE}, is {given.rate_limit}")
    if given.keyed and given.tokens is None:
        parser.error("--keyed needs --tokens: nobody could predict")
    given.state = given.state or given.models / ".state" / f"{given.model}-{given.engine}"  # one for each instance
    return Settings(**vars(given))


def prepare_models(settings: Settings) -> None:
    """Train on the first start; then see that version, tokens, experiments and bounds are what was meant.

    Raises:
        CannotServe: they are not.
    """
    from reference_service.artifacts.manifest import Untrusted
    from reference_service.artifacts.registry import Registry, UnknownVersion
    from reference_service.experiments.experiment_file import BadExperiments, read_experiments
    from reference_service.model.engines import ENGINES
    from reference_service.web.access import BadTokens, known_tokens

    registry = Registry(settings.models, settings.model, ENGINES[settings.engine])
    try:
        if not registry.versions():
            from reference_service.train import train_missing
            from reference_service.training.recipes import RECIPES

            if settings.model not in RECIPES:
                known = f"training knows {', '.join(RECIPES)}"
                raise UnknownVersion(f"there is no model {settings.model!r} in {settings.models}, and {known}")
            require_writable("--models", settings.models)
            train_missing(settings.models)
        metadata = registry.record(settings.version or registry.first_version()).metadata
        registry.check_framework(metadata)
        known_tokens(settings)
        for version in read_experiments(settings.experiments).versions():
            registry.record(version)
    except (UnknownVersion, Untrusted, BadTokens, BadExperiments) as error:
        raise CannotServe(str(error)) from None
    except OSError as error:
        raise CannotServe(f"cannot use --models {settings.models}: {error}") from None
    if metadata["task"] == "classification" and (settings.rollback_quality or 0) > 1:
        raise CannotServe(f"--rollback-quality is for {settings.model} an accuracy, at most 1")


def main() -> None:
    """Serve from the command line."""
    settings = settings_of()
    try:
        prepare_models(settings)
        serve(settings)
    except CannotServe as error:
        print(f"reference_service: error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
