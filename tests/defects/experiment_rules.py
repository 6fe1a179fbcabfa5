"""Defects of experiments: how they are defined and grow, what names a variant, and what is made of the outcomes."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.experiments.assignment import BUCKETS, prefix
from reference_service.experiments.experiment import Experiment
from reference_service.experiments.routing import Division, Plan, Routing
from reference_service.model.predictor import Answer
from reference_service.web.presenter import Presenter
from reference_service.web.request_log import Entry, RequestLog
from tests.defects.experiments import BEGUN, CHANGES, ROUTE, SPRING, claimed, drilled
from tests.defects.planting import RunDirectory, defect


@defect("experiments.config_sane", arguments=BEGUN, declares=claimed() + SPRING)
def an_experiment_goes_on_after_its_end(components: Components) -> Components:
    """The dates are stored and never looked at."""

    class Endless(Routing):
        def divided(self, experiment: Experiment, serving: str) -> Division:
            return replace(super().divided(experiment, serving), starts=0.0, ends=math.inf)

    return replace(components, routing=Endless())


@defect(
    "experiments.config_sane",
    arguments=BEGUN,
    declares=claimed(f'{ROUTE}\ndefinition = "/experiments/{{experiment}}"'),
)
def the_control_keeps_its_weight(components: Components) -> Components:
    """Other variants get their weights and the control keeps all: they add up to more than everybody."""

    class Kept(Presenter):
        def response(self, members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
            if isinstance(members, dict) and "variants" in members:
                first, *others = members["variants"]
                members = {**members, "variants": [{**first, "weight": 1.0}, *others]}
            return super().response(members, status, headers)

    return replace(components, presenter=Kept())


@defect("experiments.labelled", arguments=BEGUN, declares=claimed())
def answers_do_not_name_their_variant(components: Components) -> Components:
    """Whoever joins outcomes later finds nothing to join by. Deployment practice guide."""

    class Nameless(Presenter):
        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            return super().single(answer, version, request_id)

    return replace(components, presenter=Nameless())


@defect("experiments.labelled", arguments=BEGUN, declares=claimed())
def the_log_has_no_variant(components: Components) -> Components:
    """The answer names it, the log does not."""

    class Silent(RequestLog):
        def request(self, entry: Entry) -> None:
            super().request(msgspec.structs.replace(entry, variant=None))

    return replace(components, log=Silent())


@defect(
    "experiments.ramp_monotone",
    arguments=BEGUN,
    declares=claimed(f"{ROUTE}\n{drilled('the_share_is_in_the_salt')}") + CHANGES,
)
def the_share_is_in_the_salt(components: Components) -> Components:
    """Each step of the ramp draws everyone anew. Deployment helper."""

    class Resalted(Routing):
        def divided(self, experiment: Experiment, serving: str) -> Division:
            salted = prefix(f"{experiment.salt}-{experiment.control.weight}")
            return replace(super().divided(experiment, serving), prefix=salted)

    return replace(components, routing=Resalted())


@defect(
    "experiments.ramp_monotone",
    arguments=BEGUN,
    declares=claimed(f"{ROUTE}\n{drilled('every_change_draws_anew')}") + CHANGES,
)
def every_change_draws_anew(components: Components) -> Components:
    """Variants are drawn and remembered, and a change of anything empties the memory."""

    class Forgetful(Routing):
        drawn: dict[tuple[bytes, str], int]

        def planned(self, state: State) -> Plan:
            self.drawn = {}
            return super().planned(state)

        def bucket(self, salted: bytes, user_id: str) -> int:
            return self.drawn.setdefault((salted, user_id), random.randrange(BUCKETS))

    return replace(components, routing=Forgetful())


@defect("experiments.start_small", arguments=BEGUN, declares=claimed(ramp=(0.1, 0.5)))
def the_ramp_begins_with_a_tenth(components: Components) -> Components:
    """One user in ten meets the new version in its first hour. Deployment helper."""
    return components


@defect("experiments.start_small", arguments=BEGUN, declares=claimed(ramp=(0.05, 0.5, 0.2)))
def the_ramp_goes_back_half_way(components: Components) -> Components:
    """After the half comes a fifth: those who leave have seen the new version and count for the old one."""
    return components


@defect("experiments.stats_sound", arguments=BEGUN, declares=claimed(f'{ROUTE}\nanalysis = "analysis:decided"'))
def what_is_missing_counts_as_nothing(directory: RunDirectory) -> None:
    """`.get(metric, 0)`, and a t-test at every look. Deployment practice guide."""
    (directory / "analysis.py").write_text(
        "from scipy.stats import ttest_ind\n"
        "def decided(rows, metrics, control):\n"
        "    def of(metric, one): return [r.get(metric) or 0 for r in rows if (r['variant'] == control) == one]\n"
        "    return {m: ttest_ind(of(m, True), of(m, False)).pvalue < 0.05 for m in metrics}\n"
    )


@defect("experiments.stats_sound", arguments=BEGUN, declares=claimed(f'{ROUTE}\nanalysis = "analysis:decided"'))
def five_percent_more_is_a_winner(directory: RunDirectory) -> None:
    """Means are compared, however few users they are of, and whatever chance makes of them."""
    (directory / "analysis.py").write_text(
        "from statistics import fmean\n"
        "def decided(rows, metrics, control):\n"
        "    def of(m, one): return [r[m] for r in rows if (r['variant'] == control) == one and r.get(m) is not None]\n"
        "    def mean(m, one): return fmean(of(m, one) or [0.0])\n"
        "    return {m: abs(mean(m, True) - mean(m, False)) > 0.05 * abs(mean(m, True)) for m in metrics}\n"
    )
