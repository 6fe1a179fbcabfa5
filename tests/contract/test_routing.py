"""Which version answers whom, and when."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from reference_service.deployments.changes import State
from reference_service.experiments.experiment import Experiment
from reference_service.experiments.routing import Choice, Routing
from reference_service.model.inputs import Asked
from tests.contract.experiments import NOW, body, made, variants


def user(name: str | None, version: str | None = None) -> Asked:
    return Asked([[0.0]], name, version)


def routed(experiments: list[Experiment], at: datetime.datetime) -> tuple[Routing, State]:
    state = State(serving="1.0.0", experiments={each.name: each for each in experiments})
    return Routing(at.timestamp), state


TREATED = variants({"name": "control", "weight": 0}, {"name": "blue", "version": "2.0.0", "weight": 1})


def test_outside_its_dates_everyone_gets_the_control() -> None:
    start, end = "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"
    experiment = made({**TREATED, "starts_at": start, "ends_at": end})
    microsecond = datetime.timedelta(microseconds=1)
    first, last = (datetime.datetime.fromisoformat(text) for text in (start, end))
    for at, variant, version, choice in (
        (first - microsecond, "control", "1.0.0", Choice("1.0.0")),
        (first, "blue", "2.0.0", Choice("2.0.0", "blue")),
        (last - microsecond, "blue", "2.0.0", Choice("2.0.0", "blue")),
        (last, "control", "1.0.0", Choice("1.0.0")),
    ):
        routing, state = routed([experiment], at)
        found = routing.assigned(state, "checkout", "ada")
        assert (found.variant.name, found.version) == (variant, version)
        assert routing.choose(state, user("ada")) == choice


def test_one_experiment_routes_that_began_first_and_then_by_name() -> None:
    later = made({**TREATED, "starts_at": "2026-02-02T00:00:00Z"}, name="a")
    first = made(body(1, 0, starts_at="2026-02-01T00:00:00Z", ends_at="2026-03-02T00:00:00Z"), name="c")
    same = made(body(1, 0, starts_at="2026-02-01T00:00:00Z", ends_at="2026-03-03T00:00:00Z"), name="d")
    for day, running in ((1, ["c", "d", "a"]), (2, ["d", "a"]), (3, ["a"])):
        routing, state = routed([later, same, first], NOW.replace(day=day))
        assert list(routing.running(state)) == running
        blue = running[0] == "a"
        expected = Choice("2.0.0", "blue") if blue else Choice("1.0.0", "control")
        assert routing.choose(state, user("ada")) == expected
        assert routing.assigned(state, "a", "ada").variant.name == "blue"


def test_who_asks_for_a_version_or_is_no_user_is_not_routed() -> None:
    routing, state = routed([made(TREATED)], NOW)
    assert routing.choose(state, user("ada", "1.0.0")) == Choice("1.0.0")
    assert routing.choose(state, user(None)) == Choice("1.0.0")
    assert routing.choose(State(serving="1.0.0"), user("ada")) == Choice("1.0.0")
    assert routing.choose(state, user("ada")) == Choice("2.0.0", "blue")


def test_a_variant_without_a_version_is_what_serves_whatever_the_control_is() -> None:
    control = {"name": "control", "version": "3.0.0", "weight": 0}
    routing, state = routed([made(variants(control, {"name": "served", "weight": 1}))], NOW)
    assert routing.choose(state, user("ada")) == Choice("1.0.0", "served")
    promoted = msgspec.structs.replace(state, serving="2.0.0", generation=1)
    assert routing.choose(promoted, user("ada")) == Choice("2.0.0", "served")


@pytest.mark.parametrize("share", [0, 0.0001, 0.5, 0.9999, 1])
def test_a_range_is_half_open_at_every_bucket(share: float) -> None:
    class Told(Routing):
        def bucket(self, salted: bytes, user_id: str) -> int:
            return int(user_id)

    experiment = made(body(1 - share, share))
    state = State(serving="1.0.0", experiments={"checkout": experiment})
    routing = Told(NOW.timestamp)
    found = [routing.assigned(state, "checkout", str(bucket)).variant.name for bucket in range(10_000)]
    assert found.count("blue") == round(share * 10_000)
    assert found == sorted(found, reverse=True)  # the control first
