"""The ids that are asked for: on both sides of every end, and of every kind that implementations differ in."""

from __future__ import annotations

import itertools
import random
import unicodedata

import pytest

from pytest_mlready.measure.assignment.declared import Experiment, FunctionName, Variant
from pytest_mlready.measure.assignment.functions import Assignment
from pytest_mlready.measure.assignment.ids import SAMPLED, at_ends, of_all_kinds, sampled


def assignment(function: FunctionName, *weights: float, total: float = 1.0) -> Assignment:
    variants = tuple(Variant(str(at), weight) for at, weight in enumerate(weights))
    return Assignment(Experiment("a test", variants, function, "a test", total=total))


@pytest.mark.parametrize(
    ("function", "weights", "positions"),
    [
        ("statsig", (0.9, 0.1), [0, 899, 900, 999]),
        ("unleash-variants", (1, 49, 50), [0, 1, 49, 50, 99]),
        ("mlready-sha256-v1", (0.5, 0.0, 0.5), [0, 4999, 5000, 9999]),
    ],
)
def test_both_sides_of_every_end_are_hit_exactly(
    function: FunctionName, weights: tuple[float, ...], positions: list[int]
) -> None:
    made = assignment(function, *weights, total=sum(weights))
    found = at_ends(made)
    assert [position for _, position in found] == positions
    assert [made.position(id) for id, _ in found] == positions


def test_where_positions_are_too_many_the_nearest_are_found() -> None:
    made = assignment("launchdarkly", 0.9, 0.1)
    found = [position / made.positions for _, position in at_ends(made)]
    assert found == pytest.approx([0, 0.9, 0.9, 1], abs=2e-4)
    assert found[1] < 0.9 < found[2]


def test_every_kind_is_there_once_and_the_same_for_a_seed() -> None:
    found = list(of_all_kinds(random.Random(7)))
    assert found == list(of_all_kinds(random.Random(7)))
    assert len(set(found)) == len(found) < 200
    kinds = {kind: [id for other, id in found if other == kind] for kind, _ in found}
    assert {str(id) for id in kinds["integer"]} <= {str(id) for id in kinds["digits"]}
    for text in kinds["decomposed"]:
        assert unicodedata.normalize("NFC", str(text)) != text
    assert all(str(text).isascii() for kind in ("digits", "email", "short", "spaced") for text in kinds[kind])


@pytest.mark.parametrize("kind", SAMPLED)
def test_samples_are_distinct(kind: str) -> None:
    found = list(itertools.islice(sampled(kind, random.Random(7)), 2000))
    assert len({str(id) for id in found}) == 2000
