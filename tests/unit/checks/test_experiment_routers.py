"""Broken routers in this process: each is seen by the check of its fault, and healthy ones by none."""

from __future__ import annotations

import random

import pytest

from pytest_mlready.measure.assignment.declared import Experiment, FunctionName, Variant
from tests.assignment_routers import DECLARED, ROUTERS, Router, judged, red

SEEN_BY = {
    "EndsAreIncluded": "boundary_exact",
    "StartsAreExcluded": "boundary_exact",
    "TheLastBucketIsLost": "boundary_exact",
    "AWeightOfZeroHasTheLastBucket": "boundary_exact",
    "TenPercentIsEleven": "boundary_exact",
    "AtRandom": "sticky",
    "InTurn": "sticky",
    "EachWorkerHasItsSalt": "sticky",
    "OneWorkerHasTheOldWeights": "sticky",
    "SaltedHash": "sticky_restart",
    "NumbersAreHashedAsNumbers": "int_equals_string_id",
    "DigitsAreRead": "int_equals_string_id",
    "IdModulo100": "int_equals_string_id",
    "NotNormalised": "uniform_over_ids",
    "DecomposedForm": "uniform_over_ids",
    "CaseIsFolded": "uniform_over_ids",
    "BlanksAreTrimmed": "uniform_over_ids",
    "PlusIsABlank": "uniform_over_ids",
    "PercentIsDecodedTwice": "uniform_over_ids",
    "IdsEndAtASlash": "uniform_over_ids",
    "OddIdsGetTheControl": "uniform_over_ids",
    "EmojiAreDropped": "uniform_over_ids",
    "EmojiAreSurrogates": "uniform_over_ids",
    "Latin1": "uniform_over_ids",
    "IdsAreCutAt64": "uniform_over_ids",
}
"""The rest moves users of all kinds: `split` sees them."""
VENDORS: tuple[tuple[FunctionName, float], ...] = (
    ("growthbook-v1", 1),
    ("growthbook-v2", 1),
    ("unleash-rollout", 1),
    ("unleash-variants", 1000),
    ("launchdarkly", 100_000),
    ("optimizely", 10_000),
    ("planout-weighted", 1),
    ("statsig", 1),
    ("statsig-gate", 1),
)


def test_there_are_more_than_25() -> None:
    assert len(ROUTERS) >= 25
    assert set(SEEN_BY) <= set(ROUTERS)


@pytest.mark.parametrize("name", list(ROUTERS))
def test_a_broken_router_is_seen(name: str) -> None:
    one, other = (ROUTERS[name](DECLARED, random.Random(at)) for at in (1, 2))
    found = red(judged(one, other))
    check = SEEN_BY.get(name, "split")
    assert check in found
    if check in {"uniform_over_ids", "int_equals_string_id"}:
        assert found <= {"uniform_over_ids", "int_equals_string_id"}  # the split itself is as declared


def test_a_healthy_router_is_not() -> None:
    findings = judged(Router(DECLARED, random.Random(1)), Router(DECLARED, random.Random(2)))
    assert {one.status for one in findings.values()} == {"pass"}


@pytest.mark.parametrize(("function", "total"), VENDORS)
def test_the_healthy_routers_of_vendors_are_not(function: FunctionName, total: float) -> None:
    weights = (0.9 * total, 0.1 * total)
    declared = [
        Experiment(name, (Variant("a", weights[0]), Variant("b", weights[1])), function, name, total=total)
        for name in ("exp-1", "exp-2")
    ]
    findings = judged(Router(declared, random.Random(1)), Router(declared, random.Random(2)), declared)
    expected = {"independent"} if function == "growthbook-v1" else set()
    assert red(findings) == expected  # its two experiments exclude each other: GrowthBook calls it a bias flaw itself
