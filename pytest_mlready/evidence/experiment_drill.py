"""Evidence `experiment_drill`: another instance tells who is in which variant, and keeps to it while weights grow."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of
from pytest_mlready.evidence.variants import ask_all, declared, route
from pytest_mlready.measure.assignment import ids
from pytest_mlready.measure.assignment.functions import Assignment
from pytest_mlready.measure.assignment.planned import Wanted, asked_again
from pytest_mlready.records import Assigned, ExperimentDrill, RampStep
from pytest_mlready.service.transport import JSON

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.measure.assignment.declared import Experiment
    from pytest_mlready.settings import ExperimentChange, Experiments

RESTART_FROM_S = 6.0
"""With less time than this it is not started a second time."""
ON_THE_RAMP = 160
"""Random ids that are asked for after each step."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and for which experiments."""
    return {**asked_of(context), **context.part_of_settings("experiments")}


def gather(context: Context) -> ExperimentDrill:
    """Start an instance, ask it what the other one was asked, and raise weights; with time, kill it in between."""
    settings = declared(context)
    token = os.environ.get(settings.token_env) if settings.token_env else None
    made_up = token or f"drill-{secrets.token_urlsafe(24)}"
    env = {settings.token_env: made_up} if settings.token_env else {}
    instances = context.target.started_by(settings.command)
    wanted = asked_again(settings.declared, f"{context.seed}:ids")
    restarted: tuple[Assigned, ...] = ()
    with ExitStack() as running:
        fresh = running.enter_context(instances.fresh(env=env))
        asked = ask_all(replace(context, target=fresh), wanted)
        if context.budget_s >= RESTART_FROM_S and "kill" in context.settings.allow and fresh.instance is not None:
            fresh.instance.kill()
            fresh.instance.stop(0.0)
            fresh = running.enter_context(instances.fresh(env=env, after=fresh.instance))
            restarted = ask_all(replace(context, target=fresh), wanted)
        steps = tuple(_ramps(replace(context, target=fresh), settings, made_up))
    return ExperimentDrill(asked, restarted, steps)


def _ramps(context: Context, settings: Experiments, token: str) -> Iterator[RampStep]:
    for one in settings.declared:
        call = settings.change.get(one.name)
        if call is None or not one.ramp:
            continue
        wanted = _on_the_ramp(context, one)
        for share in one.ramp:
            yield _step(context, one, call, share, token, wanted)


def _on_the_ramp(context: Context, experiment: Experiment) -> list[Wanted]:
    """The same ids for every step: at random, and, where the function is declared, at the ends that steps bring."""
    units = list(itertools.islice(ids.at_random(context.rng("ramp")), ON_THE_RAMP))
    if experiment.function is not None:
        for share in experiment.ramp:
            stepped = replace(experiment, variants=tuple(_weighed(experiment, share)))
            units += [id for id, _ in ids.at_ends(Assignment(stepped))]
    return [(experiment.name, "random", unit) for unit in dict.fromkeys(units)]


def _weighed(experiment: Experiment, share: float) -> Iterator[Any]:
    """The variants, where all but the control have a share of users together."""
    control, *others = experiment.variants
    treated = sum(one.weight for one in others)
    yield replace(control, weight=round((1 - share) * experiment.total, 9), ranges=None)
    for one in others:
        part = one.weight / treated if treated else 1 / len(others)
        yield replace(one, weight=round(share * part * experiment.total, 9), ranges=None)


def _step(
    context: Context,
    experiment: Experiment,
    call: ExperimentChange,
    share: float,
    token: str,
    wanted: Sequence[Wanted],
) -> RampStep:
    weights = {one.name: one.weight for one in _weighed(experiment, share)}
    headers = (*JSON, ("Authorization", f"Bearer {token}"))
    with context.target.transport(deadline_s=5.0) as transport:
        path, body = route(call.path, experiment.name), json.dumps(_filled(call.body, weights)).encode()
        case = f"{experiment.name} at {share:.0%}"
        change = transport.request(case, call.method, path, body, headers)
    asked: tuple[Assigned, ...] = ask_all(context, wanted) if change.ok else ()
    kept = tuple(pair for pair in change.request_headers if pair[0] != "Authorization")
    return RampStep(experiment.name, share, replace(change, request_headers=kept), asked)


def _filled(template: Any, weights: Mapping[str, float]) -> Any:
    if isinstance(template, Mapping):
        return {key: _filled(value, weights) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, weights) for value in template]
    if isinstance(template, str) and template.startswith("{") and template.endswith("}"):
        return weights.get(template[1:-1], template)
    return template
