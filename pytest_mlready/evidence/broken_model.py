"""The declared drill: an instance whose model fails on purpose, asked by good and by faulty clients."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_one, asked_of, predict
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import BrokenModel
from pytest_mlready.service.target import Recipe, StartError, Target

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.transport import Transport

GOOD = 5
_FAULTS = {"body {}": b"{}", "body null": b"null", "not JSON": b"features: 1, 2, 3", "no body": b""}


def made_with(context: Context) -> Mapping[str, Any]:
    """How a service is asked, and the drill's command."""
    return {**asked_of(context), "broken_model": context.settings.drills.broken_model}


def gather(context: Context) -> BrokenModel:
    """Start the broken instance, wait until it answers at all, and ask. Raises GatherError if it does not start."""
    with _broken(context) as target, target.transport(deadline_s=5.0) as transport:
        _wait_for_any_answer(target, transport, context.settings.service.ready_timeout_s)
        broken = replace(context, target=target)
        good = tuple(ask_one(broken, n % len(context.rows), transport=transport).exchange for n in range(GOOD))
        bad = tuple(predict(target, case, body, transport=transport) for case, body in _FAULTS.items())
        path = target.paths.get("ready")
        ready = transport.request("ready", "GET", path) if path is not None else None
    return BrokenModel(good, bad, ready)


@contextlib.contextmanager
def _broken(context: Context) -> Iterator[Target]:
    command = context.settings.drills.broken_model
    if command is None:
        raise GatherError("no [drills] broken_model command is declared")
    recipe = context.target.recipe
    timeout_s = context.settings.service.ready_timeout_s
    with tempfile.TemporaryDirectory(prefix="mlready-") as directory, contextlib.ExitStack() as stack:
        recipe = recipe or Recipe(command, context.settings.directory, directory, {}, timeout_s)
        target = replace(context.target, recipe=replace(recipe, command=command))
        try:
            started = stack.enter_context(target.fresh(ready=False))
        except StartError as error:
            raise GatherError(f"drills.broken_model: {error}") from None
        yield started


def _wait_for_any_answer(target: Target, transport: Transport, timeout_s: float) -> None:
    """Until HTTP is spoken: a service with a broken model need never be ready."""
    until = time.monotonic() + timeout_s
    path = target.paths.get("live") or target.paths.get("ready") or "/"
    while transport.request("is it up", "GET", path, deadline_s=2.0).status is None:
        instance = target.instance
        if instance is not None and not instance.alive():
            raise GatherError(f"drills.broken_model: it ended by itself:\n{instance.log_tail(5)}")
        if time.monotonic() > until:
            raise GatherError(f"drills.broken_model: no answer within {timeout_s:g} s")
        time.sleep(0.05)
