"""What an experiment may be, and how it may change while users are in it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reference_service.deployments.changes import State
from reference_service.experiments import experiment_body
from reference_service.experiments.experiment import Experiment
from reference_service.web.problems import Problem
from tests.contract.experiments import NOW, body, made, variants


def refusal(wanted: dict[str, Any], standing: Experiment | None = None) -> tuple[int, list[str]]:
    """The status and the paths with which a body is refused."""
    with pytest.raises(Problem) as refused:
        made(wanted, standing)
    return refused.value.status, [fault.path for fault in refused.value.faults]


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
