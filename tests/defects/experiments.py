"""Defects of experiments: who is in which variant.

Further ones, in this process, are in `tests/assignment_routers.py`.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.experiments.assignment import BUCKETS, canonical, prefix, reduced
from reference_service.experiments.experiment import Experiment
from reference_service.experiments.routing import Assigned, Division, Routing
from reference_service.model.inputs import RowValidator
from reference_service.web.problems import Fault
from tests.defects.judging import ROOT
from tests.defects.planting import defect

BEGUN = ("--experiments", str(ROOT / "data/experiments.json"))
EVEN = ("--experiments", str(ROOT / "tests/defects/even_experiments.json"))
"""Two experiments of two halves each: where the function is not declared, few users show what is wrong."""
CHECKOUT = """[experiments]
{read}

[[experiments.declared]]
name = "checkout"
{function}
variants = [{{ name = "control", weight = {control} }}, {{ name = "boosted", weight = {boosted} }}]
ramp = {ramp}
"""
WORDING = """
[[experiments.declared]]
name = "wording"
{function}
variants = [{{ name = "plain", weight = 0.5 }}, {{ name = "warm", weight = 0.5 }}, {{ name = "retired", weight = 0 }}]
"""
SPRING = """
[[experiments.declared]]
name = "spring"
variants = [{ name = "off", weight = 0 }, { name = "on", weight = 1 }]
ends_at = 2025-06-01T00:00:00Z
"""
ROUTE = 'assignment = "/experiments/{experiment}/assignment?user_id={id}"'


CHANGES = """
[experiments.change.checkout]
path = "/experiments/checkout"
[experiments.change.checkout.body]
variants = [
    { name = "control", weight = "{control}" },
    { name = "boosted", version = "2.0.0", weight = "{boosted}" },
]
"""


def drilled(name: str) -> str:
    """The keys that have a service with a defect started for changes, by an admin whose token the run makes up."""
    serve = f"{{python}} -m tests.defects serve {name} --models '{ROOT / 'models'}' --port {{port}} --state {{state}}"
    return f'command = "{serve} --admin-token-env MLREADY_ADMIN_TOKEN"\ntoken_env = "MLREADY_ADMIN_TOKEN"'


def claimed(read: str = ROUTE, *, known: bool = True, ramp: Sequence[float] = (0.04, 0.2, 0.5)) -> str:
    """The tables of `mlready.toml`; `known`: whether the assignment function is declared."""
    function = 'function = "mlready-sha256-v1"\nsalt = "{}"' if known else ""
    shares = {"control": 0.96, "boosted": 0.04} if known else {"control": 0.5, "boosted": 0.5}
    checkout = CHECKOUT.format(read=read, function=function.format("checkout"), ramp=list(ramp), **shares)
    return checkout + (WORDING.format(function=function.format("wording")) if ROUTE in read else "")


@defect("experiments.split", arguments=BEGUN, declares=claimed())
def four_percent_are_five(components: Components) -> Components:
    """One bucket in a hundred more goes to the new variant. Deployment helper."""

    class Generous(Routing):
        def holders(self, experiment: Experiment) -> bytes:
            found = bytearray(super().holders(experiment))
            found[9500:9600] = found[-1:] * 100
            return bytes(found)

    return replace(components, routing=Generous())


@defect("experiments.split", arguments=BEGUN, declares=claimed())
def the_revision_is_in_the_salt(components: Components) -> Components:
    """Each release of the service draws everyone anew: the shares are right, and nobody is where he was declared."""

    class Released(Routing):
        def divided(self, experiment: Experiment, serving: str) -> Division:
            return replace(super().divided(experiment, serving), prefix=prefix(f"{experiment.salt}-r2"))

    return replace(components, routing=Released())


@defect("experiments.sticky", arguments=BEGUN, declares=claimed())
def variants_are_drawn_at_each_request(components: Components) -> Components:
    """`random.choice` for each request. Deployment helper, deployment practice guide."""

    class Drawn(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return random.randrange(BUCKETS)

    return replace(components, routing=Drawn())


@defect("experiments.sticky", arguments=(*EVEN, "--workers", "2"), declares=claimed(known=False))
def each_worker_has_a_salt_of_its_own(components: Components) -> Components:
    """Two workers, two salts, and no function declared: only new connections meet both."""
    own = secrets.token_bytes(8)

    class Own(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return reduced(own + salted + canonical(user_id))

    return replace(components, routing=Own())


@defect("experiments.sticky_restart", arguments=EVEN, declares=claimed(known=False))
def the_hash_of_python_is_salted_in_each_process(components: Components) -> Components:
    """`hash(user_id) % 100`: a restart shuffles everyone. Deployment helper."""

    class Salted(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return hash((salted, user_id)) % BUCKETS

    return replace(components, routing=Salted())


@defect("experiments.sticky_restart", arguments=EVEN, declares=claimed(known=False))
def users_are_dealt_out_as_they_come(components: Components) -> Components:
    """Each new user gets the next bucket, which is remembered: in the memory of one process."""
    dealt: dict[tuple[bytes, str], int] = {}

    class Dealt(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return dealt.setdefault((salted, user_id), 7919 * len(dealt) % BUCKETS)

    return replace(components, routing=Dealt())


@defect("experiments.uniform_over_ids", arguments=BEGUN, declares=claimed())
def names_are_hashed_as_they_were_typed(components: Components) -> Components:
    """No normal form: who types é as one character is another user than who types it as two."""

    class AsTyped(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return reduced(salted + user_id.encode())

    return replace(components, routing=AsTyped())


@defect("experiments.uniform_over_ids", arguments=BEGUN, declares=claimed())
def ids_are_cut_to_the_width_of_a_column(components: Components) -> Components:
    """VARCHAR(32): a UUID loses its end, and long ids that begin alike are one user."""

    class Cut(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return super().bucket(salted, user_id[:32])

    return replace(components, routing=Cut())


@defect("experiments.int_equals_string_id", arguments=EVEN, declares=claimed('id_field = "user_id"', known=False))
def a_number_is_another_user_than_its_digits(components: Components) -> Components:
    """The type is a part of what is hashed."""

    class Typed(RowValidator):
        def user_id(self, value: object, faults: list[Fault]) -> str | None:
            found = super().user_id(value, faults)
            return f"int:{found}" if isinstance(value, int) else found

    return replace(components, rows=Typed(components.contract, components.settings.limits))


@defect("experiments.int_equals_string_id", arguments=EVEN, declares=claimed('id_field = "user_id"', known=False))
def a_number_becomes_a_decimal_fraction(components: Components) -> Components:
    """A column of ids with a gap in it is one of floats: 7 is hashed as "7.0"."""

    class Floated(RowValidator):
        def user_id(self, value: object, faults: list[Fault]) -> str | None:
            return super().user_id(str(float(value)) if isinstance(value, int) else value, faults)

    return replace(components, rows=Floated(components.contract, components.settings.limits))


@defect("experiments.boundary_exact", arguments=BEGUN, declares=claimed())
def the_end_of_a_range_is_within_it(components: Components) -> Components:
    """`<=` for `<`: one bucket of 10,000 is in the wrong variant. Deployment practice guide."""

    class Inclusive(Routing):
        def holders(self, experiment: Experiment) -> bytes:
            found = bytearray(super().holders(experiment))
            for place, variant in reversed(list(enumerate(experiment.variants))):
                for _, end in variant.ranges:
                    found[end : end + 1] = bytes([place]) * len(found[end : end + 1])
            return bytes(found)

    return replace(components, routing=Inclusive())


@defect("experiments.boundary_exact", arguments=BEGUN, declares=claimed())
def a_weight_of_nothing_is_one_bucket(components: Components) -> Components:
    """`max(1, …)` so that nothing is divided by zero: a variant that was switched off goes on for a few."""

    class AtLeastOne(Routing):
        def holders(self, experiment: Experiment) -> bytes:
            found = bytearray(super().holders(experiment))
            for place, variant in enumerate(experiment.variants):
                found[-1] = found[-1] if variant.weight else place
            return bytes(found)

    return replace(components, routing=AtLeastOne())


@defect("experiments.independent", arguments=EVEN, declares=claimed(known=False))
def all_experiments_share_a_salt(components: Components) -> Components:
    """The same users get every new thing. Deployment helper, deployment practice guide."""

    class OneSalt(Routing):
        def divided(self, experiment: Experiment, serving: str) -> Division:
            return replace(super().divided(experiment, serving), prefix=prefix("experiments"))

    return replace(components, routing=OneSalt())


@defect("experiments.independent", arguments=EVEN, declares=claimed(known=False))
def only_who_is_in_no_other_experiment_takes_part(components: Components) -> Components:
    """Who has a new variant already gets the control of the next experiment, which nobody who reads it knows."""

    class Exclusive(Routing):
        def assigned(self, state: State, name: str, user_id: str) -> Assigned:
            found, first = super().assigned(state, name, user_id), super().assigned(state, "checkout", user_id)
            taken = name != "checkout" and first.variant.name != "control"
            return replace(found, variant=state.experiments[name].control) if taken else found

    return replace(components, routing=Exclusive())
