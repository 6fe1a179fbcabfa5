"""What an experiment may be, how it may change, and who moves when it does."""

from __future__ import annotations

import datetime
import json
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from reference_service import experiment_body
from reference_service.bucket_ranges import Ranges, resized, size
from reference_service.changes import State
from reference_service.experiment import Experiment, defined
from reference_service.inputs import Asked
from reference_service.problems import Problem
from reference_service.routing import Choice, Routing

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
NAMES = ("control", "blue", "green", "red")
Weights = dict[str, int]
UNTIMED = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    """Shares of all buckets, zero often among them."""
    cuts = sorted(draw(st.lists(st.sampled_from([0, 1, 999, 1000, 5000, 9000, 9999, 10_000]), min_size=3, max_size=3)))
    return dict(zip(draw(st.permutations(NAMES)), (b - a for a, b in pairwise([0, *cuts, 10_000])), strict=True))


def holders(held: dict[str, Ranges]) -> list[str]:
    """Who holds each bucket; every bucket has one holder."""
    found = [""] * 10_000
    for name, ranges in held.items():
        for start, end in ranges:
            assert 0 <= start < end <= 10_000
            assert not any(found[start:end]), (name, start, end)
            found[start:end] = [name] * (end - start)
    assert all(found)
    return found


@UNTIMED
@given(st.lists(weights(), min_size=2, max_size=8))
def test_only_as_many_users_move_as_must_and_none_leaves_who_need_not(steps: list[Weights]) -> None:
    held: dict[str, Ranges] = {}
    before: list[str] = []
    for wanted in steps:
        held = resized(held, wanted)
        assert {name: size(ranges) for name, ranges in held.items()} == wanted
        after = holders(held)
        if before:
            moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
            shrunk = {name: before.count(name) - after.count(name) for name in NAMES}
            assert len(moved) == sum(lost for lost in shrunk.values() if lost > 0)
            assert all(shrunk[old] > 0 and shrunk[new] < 0 for old, new in moved)
        before = after


@UNTIMED
@given(weights(), weights())
def test_a_ramp_taken_back_leaves_in_who_was_in_before(first: Weights, second: Weights) -> None:
    grown = resized(resized({}, first), second)
    back = holders(resized(grown, first))
    for bucket, name in enumerate(holders(resized({}, first))):
        if second[name] >= first[name]:
            assert back[bucket] == name


def test_the_layout_of_a_new_experiment_and_of_a_ramp() -> None:
    held = resized({}, {"control": 9000, "blue": 1000})
    assert held == {"control": ((0, 9000),), "blue": ((9000, 10_000),)}
    held = resized(held, {"control": 8000, "blue": 2000})
    assert held == {"control": ((0, 8000),), "blue": ((9000, 10_000), (8000, 9000))}
    held = resized(held, {"control": 8500, "blue": 1500})
    assert held == {"control": ((0, 8000), (8500, 9000)), "blue": ((9000, 10_000), (8000, 8500))}
    assert resized(held, {"control": 0, "blue": 10_000})["control"] == ()
    held = resized(held, {"control": 8500, "green": 1500})
    assert held["green"] == ((8000, 8500), (9000, 10_000))


def body(*shares: Any, **members: Any) -> dict[str, Any]:
    """A definition of variants named after the colours."""
    variants = [{"name": name, "weight": share} for name, share in zip(NAMES, shares, strict=False)]
    return {"variants": variants, **members}


def made(wanted: dict[str, Any], standing: Experiment | None = None, name: str = "checkout") -> Experiment:
    """The experiment that a body makes of another."""
    return defined(name, experiment_body.read(json.dumps(wanted).encode(), 32)[0], standing, NOW)


def refusal(wanted: dict[str, Any], standing: Experiment | None = None) -> tuple[int, list[str]]:
    """The status and the paths with which a body is refused."""
    with pytest.raises(Problem) as refused:
        made(wanted, standing)
    return refused.value.status, [fault.path for fault in refused.value.faults]


def variants(*given: Any) -> dict[str, Any]:
    return {"variants": list(given)}


CONTROL = {"name": "control", "weight": 0.5}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "sum below 1": (body(0.5, 0.4), "$.variants"),
    "sum above 1": (body(0.5, 0.6), "$.variants"),
    "no variants": ({}, "$.variants"),
    "one variant": (body(1), "$.variants"),
    "too many": (variants(*({"name": f"v{i}", "weight": 0} for i in range(21))), "$.variants"),
    "an object of variants": ({"variants": {"control": 1}}, "$.variants"),
    "a third": (body(1 / 3, 2 / 3), "$.variants[0].weight"),
    "negative": (body(-0.5, 1.5), "$.variants[0].weight"),
    "boolean weight": (body(True, 0), "$.variants[0].weight"),
    "text weight": (body("0.5", 0.5), "$.variants[0].weight"),
    "null weight": (body(None, 1), "$.variants[0].weight"),
    "weight of percents": (body(50, 50), "$.variants[0].weight"),
    "no weight": (variants({"name": "control"}, {"name": "blue", "weight": 1}), "$.variants[0].weight"),
    "no name": (variants({"weight": 0.5}, {"name": "blue", "weight": 0.5}), "$.variants[0].name"),
    "empty name": (variants({"name": "", "weight": 0.5}, CONTROL), "$.variants[0].name"),
    "name with a space": (variants(CONTROL, {"name": "a b", "weight": 0.5}), "$.variants[1].name"),
    "two of a name": (variants(CONTROL, CONTROL), "$.variants[1].name"),
    "a variant that is none": (variants(CONTROL, "blue"), "$.variants[1]"),
    "unknown field of a variant": (variants({**CONTROL, "ranges": []}, CONTROL), "$.variants[0].ranges"),
    "version a number": (variants({**CONTROL, "version": 2}, CONTROL), "$.variants[0].version"),
    "empty version": (variants({**CONTROL, "version": ""}, CONTROL), "$.variants[0].version"),
    "unknown field": (body(0.5, 0.5, colour="red"), "$.colour"),
    "empty salt": (body(0.5, 0.5, salt=""), "$.salt"),
    "null salt": (body(0.5, 0.5, salt=None), "$.salt"),
    "salt with the separator": (body(0.5, 0.5, salt="a\x1fb"), "$.salt"),
    "long salt": (body(0.5, 0.5, salt="a" * 129), "$.salt"),
    "no time": (body(0.5, 0.5, starts_at="tomorrow"), "$.starts_at"),
    "a date": (body(0.5, 0.5, starts_at="2026-03-01"), "$.starts_at"),
    "local time": (body(0.5, 0.5, starts_at="2026-03-01T12:00:00"), "$.starts_at"),
    "another zone": (body(0.5, 0.5, starts_at="2026-03-01T12:00:00+01:00"), "$.starts_at"),
    "a number of seconds": (body(0.5, 0.5, ends_at=1_800_000_000), "$.ends_at"),
    "no such day": (body(0.5, 0.5, ends_at="2026-02-30T12:00:00Z"), "$.ends_at"),
    "ends as it starts": (
        body(0.5, 0.5, starts_at="2026-03-01T12:00:00Z", ends_at="2026-03-01T12:00:00Z"),
        "$.ends_at",
    ),
    "ended before now": (body(0.5, 0.5, ends_at="2026-03-01T11:59:59Z"), "$.ends_at"),
    "long reason": (body(0.5, 0.5, reason="a" * 501), "$.reason"),
}


@pytest.mark.parametrize(("wanted", "path"), BAD.values(), ids=BAD.keys())
def test_what_is_no_experiment_is_refused_with_its_path(wanted: dict[str, Any], path: str) -> None:
    status, paths = refusal(wanted)
    assert status == 422
    assert path in paths


@pytest.mark.parametrize("text", [b"[]", b"7", b'"a"', b"null"])
def test_a_body_that_is_no_object(text: bytes) -> None:
    with pytest.raises(Problem) as refused:
        experiment_body.read(text, 32)
    assert refused.value.faults[0].path == "$"


@pytest.mark.parametrize(
    ("shares", "counts"),
    [
        ((0.7, 0.2, 0.1), (7000, 2000, 1000)),
        ((0.1, 0.1, 0.1, 0.7), (1000, 1000, 1000, 7000)),
        ((1, 0), (10_000, 0)),
        ((0.0001, 0.9999), (1, 9999)),
        ((0.3333, 0.3333, 0.3334), (3333, 3333, 3334)),
        ((0.30000000000000004, 0.7), (3000, 7000)),
    ],
)
def test_weights_are_shares_of_the_buckets(shares: tuple[float, ...], counts: tuple[int, ...]) -> None:
    assert tuple(variant.weight for variant in made(body(*shares)).variants) == counts


def test_what_is_left_out_is_decided_once() -> None:
    new = made(body(0.9, 0.1))
    assert (new.salt, new.starts_at, new.ends_at) == ("checkout", NOW, None)
    salted = made(body(0.9, 0.1, salt="s", starts_at="2026-04-01T00:00:00Z", ends_at="2026-05-01T00:00:00Z"))
    again = made(body(0.8, 0.2), salted)
    assert (again.salt, again.starts_at, again.ends_at) == ("s", salted.starts_at, None)
    assert made(body(0.8, 0.2), again) == again


def test_what_would_change_the_answers_of_users_is_refused() -> None:
    blue = {"name": "blue", "version": "2.0.0", "weight": 0.5}
    standing = made(variants(CONTROL, blue))
    assert refusal(variants(CONTROL, blue) | {"salt": "other"}, standing) == (409, ["$.salt"])
    assert refusal(variants(blue, CONTROL), standing) == (409, ["$.variants[0].name"])
    assert refusal(variants(CONTROL, {**blue, "version": None}), standing) == (409, ["$.variants[1].version"])
    assert refusal(variants(CONTROL, {**blue, "name": "green"}), standing) == (409, ["$.variants"])
    assert made(variants(CONTROL, blue) | {"salt": "checkout"}, standing) == standing


def test_a_variant_without_users_may_go_or_get_another_version() -> None:
    standing = made(body(1, 0))
    assert [
        each.name for each in made(variants({**CONTROL, "weight": 1}, {"name": "x", "weight": 0}), standing).variants
    ]
    emptied = made(variants({**CONTROL, "weight": 0}, {"name": "blue", "weight": 1}), standing)
    versioned = variants({**CONTROL, "version": "2.0.0", "weight": 0}, {"name": "blue", "weight": 1})
    assert refusal(versioned, emptied) == (409, ["$.variants[0].version"])  # everyone's, outside the dates
    blue = {"name": "blue", "version": "2.0.0", "weight": 1}
    assert made(variants({**CONTROL, "weight": 0}, blue), standing).variants[1].version == "2.0.0"


def test_the_order_of_variants_moves_nobody() -> None:
    standing = made(body(0.4, 0.3, 0.2, 0.1))
    given = body(0.4, 0.3, 0.2, 0.1)["variants"]
    turned = made({"variants": [given[0], *reversed(given[1:])]}, standing)
    assert {each.name: each.ranges for each in turned.variants} == {
        each.name: each.ranges for each in standing.variants
    }


def test_an_experiment_survives_being_stored() -> None:
    experiment = made(body(0.8, 0.2, ends_at="2026-05-01T00:00:00.123456Z"), made(body(0.9, 0.1)))
    state = State(serving="1.0.0", experiments={"checkout": experiment})
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state


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
