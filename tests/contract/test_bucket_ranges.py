"""Whom a change of weights moves: as few as must be, and nobody out of a variant that does not shrink."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from reference_service.experiments.bucket_ranges import Ranges, resized, size
from tests.contract.experiments import NAMES

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
