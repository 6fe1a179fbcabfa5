"""The table `[experiments]`: what is declared of experiments, and how the service tells who is in which variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.settings.tables import nearest


@dataclass(frozen=True)
class ExperimentChange:
    """The HTTP call that changes the weights of an experiment.

    In `body` a text that is the name of a variant in braces ("{control}") stands for the weight of that variant.
    """

    path: str
    body: Mapping[str, Any]
    method: Literal["PUT", "POST", "PATCH"] = "PUT"


@dataclass(frozen=True)
class Experiments:
    """The experiments that are declared, and how the service tells who is in which variant.

    `assignment` is a route that tells it, with the placeholders {experiment} and {id}; without one a sample row is
    predicted whose body has the id as `id_field`. `variant` is the path of the variant's name in either answer,
    `variant_header` a header that has it instead. `definition` is a route with the placeholder {experiment} that tells
    what the service holds an experiment to be.

    `change` says by the name of an experiment how its weights are changed: on an instance of its own, which `command`
    starts (by default that of `[service]`). `token_env` names the environment variable with the bearer token for that;
    where it is not set, one is made up.

    `analysis` is a callable "module:name" that says of outcomes, looked at `looks` times, by which metrics the variants
    differ: see `pytest_mlready.measure.outcomes.differences`, which is one.
    """

    declared: tuple[Experiment, ...] = ()
    assignment: str | None = None
    id_field: str = "user_id"
    variant: str = "variant"
    variant_header: str | None = None
    definition: str | None = None
    change: Mapping[str, ExperimentChange] = field(default_factory=dict)
    command: str | None = None
    token_env: str | None = None
    analysis: str | None = None
    looks: int = 5

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if self.looks < 1:
            return f"looks: expected 1 or more, got {self.looks}"
        route, several = self.assignment, len(self.declared) > 1
        if route is not None and ("{id}" not in route or (several and "{experiment}" not in route)):
            wanted = "{experiment} and {id}" if several else "{id}"
            return f"assignment: expected the placeholder {wanted}, got {route!r}"
        if route is None and several:
            return "declared: without `assignment`, a route, only one experiment can be asked for"
        names = [one.name for one in self.declared]
        for name in self.change:
            if name not in names:
                return f"change.{name}: no such experiment{nearest(name, names)}"
        for at, one in enumerate(self.declared):
            fault = one.fault() or ("name: another experiment has it, too" if one.name in names[:at] else None)
            if fault is not None:
                return f"declared[{at}].{fault}"
        return None
