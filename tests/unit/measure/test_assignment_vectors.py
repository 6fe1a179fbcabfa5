"""Every published case that hashes is reproduced by the presets, without exception."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_mlready.measure.assignment.declared import Experiment, FunctionName, Variant
from pytest_mlready.measure.assignment.functions import (
    FUNCTIONS,
    Assignment,
    Unassignable,
    growthbook_hash,
    text_of,
    variant_of,
)
from pytest_mlready.measure.assignment.hashes import fnv1a32, murmur3_32

HERE = Path(__file__).parent / "vectors"
GROWTHBOOK: dict[str, Any] = json.loads((HERE / "growthbook.json").read_text())
UNLEASH: dict[str, Any] = json.loads((HERE / "unleash.json").read_text())
OTHERS: dict[str, Any] = json.loads((HERE / "others.json").read_text())
OURS = json.loads((HERE.parents[3] / "reference_service/vectors/mlready-sha256-v1.json").read_text("ascii"))
HASHED = {"key", "variations", "weights", "coverage", "namespace", "ranges", "seed", "hashVersion"}
"""What of a GrowthBook experiment decides by hashing; the others are conditions, prerequisites and overrides."""
FIFTEEN = float(0xFFFFFFFFFFFFFFF)


def experiment(function: FunctionName, weights: Mapping[str, float], salt: str = "", **given: Any) -> Experiment:
    return Experiment(
        "a test", tuple(Variant(name, weight) for name, weight in weights.items()), function, salt, **given
    )


def halves(function: FunctionName, salt: str) -> Assignment:
    return Assignment(experiment(function, {"a": 0.5, "b": 0.5}, salt))


class TestHashes:
    def test_murmur3_gives_smhashers_verification_value(self) -> None:
        """The hash of the hashes of {0}, {0, 1}, …, seeded 256 − n: what SMHasher demands of an implementation."""
        hashes = b"".join(murmur3_32(bytes(range(n)), 256 - n).to_bytes(4, "little") for n in range(256))
        assert murmur3_32(hashes) == 0xB0F57EE3

    @pytest.mark.parametrize(("text", "found"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
    def test_fnv1a_gives_the_values_of_its_draft(self, text: str, found: int) -> None:
        assert fnv1a32(text) == found

    def test_fnv1a_takes_utf16_units(self) -> None:
        high, low = 0xD83D, 0xDE00
        once = (0x811C9DC5 ^ high) * 0x01000193 & 0xFFFFFFFF
        assert fnv1a32("\U0001f600") == (once ^ low) * 0x01000193 & 0xFFFFFFFF


class TestMlready:
    def test_all_published_vectors(self) -> None:
        wrong = [
            each for each in OURS["vectors"]
            if halves("mlready-sha256-v1", each["salt"]).position(each["unit"]) != each["bucket"]
        ]  # fmt: skip
        assert len(OURS["vectors"]) >= 1000
        assert wrong == []

    @pytest.mark.parametrize("unit", ["", "\ud800"])
    def test_who_has_no_name_is_not_assigned(self, unit: str) -> None:
        with pytest.raises(Unassignable):
            halves("mlready-sha256-v1", "checkout").position(unit)


class TestGrowthBook:
    @pytest.mark.parametrize(("seed", "value", "version", "found"), [c for c in GROWTHBOOK["hash"] if c[2] in {1, 2}])
    def test_hash(self, seed: str, value: str, version: int, found: float) -> None:
        assert growthbook_hash(seed, value, version) / (1000 if version == 1 else 10000) == found

    @pytest.mark.parametrize(("words", "given", "ranges"), GROWTHBOOK["getBucketRange"])
    def test_bucket_ranges(self, words: str, given: list[Any], ranges: list[list[float]]) -> None:
        count, coverage, weights = given
        if weights is None or len(weights) != count or not 0.99 <= sum(weights) <= 1.01:
            weights = [1 / count] * count  # as the SDK does where weights are no weights
        names = {str(at): weight for at, weight in enumerate(weights)}
        made = experiment("growthbook-v2", names, coverage=min(1, max(0, coverage)))
        found, _ = FUNCTIONS["growthbook-v2"].ends(made)
        assert [[round(end, 6) for end in one] for one in found] == ranges  # rounded as the SDKs round to compare

    def test_a_position_is_held_against_the_end_as_the_sdks_do(self) -> None:
        """0.2 · 0.2 is a little more than 0.04, so bucket 400 of 10,000 is within."""
        made = Assignment(experiment("growthbook-v2", {"a": 0.2, "b": 0.8}, coverage=0.2))
        assert made.ranges == (("a", 0, 401), ("b", 2000, 3601))

    @pytest.mark.parametrize(("words", "id", "namespace", "inside"), GROWTHBOOK["inNamespace"])
    def test_namespaces(self, words: str, id: str, namespace: list[Any], inside: bool) -> None:
        made = experiment("growthbook-v2", {"in": 1.0}, "x", namespace=tuple(namespace), outside="out")
        assert variant_of(made, id) == ("in" if inside else "out")

    @pytest.mark.parametrize(("words", "position", "ranges", "chosen"), GROWTHBOOK["chooseVariation"])
    def test_choice(self, words: str, position: float, ranges: list[list[float]], chosen: int) -> None:
        held = [(round(start * 10_000), round(end * 10_000)) for start, end in ranges]
        variants = tuple(Variant(str(at), 0, (one,)) for at, one in enumerate(held))
        made = Assignment(Experiment("a test", variants, "growthbook-v2"))
        at = round(position * 10_000)
        assert next((int(name) for name, start, end in made.ranges if start <= at < end), -1) == chosen

    def test_runs(self) -> None:
        told = [each for each in GROWTHBOOK["run"] if self.hashes(*each[1:3])]
        assert len(told) == 51
        assert [each[0] for each in told if self.assigned(*each[1:3]) != (each[3] if each[5] else None)] == []

    @staticmethod
    def hashes(context: dict[str, Any], given: dict[str, Any]) -> bool:
        """Whether a case has nothing in it but what decides by hashing."""
        return set(given) <= HASHED and set(context) <= {"attributes"} and len(given["variations"]) > 1

    @staticmethod
    def assigned(context: dict[str, Any], given: dict[str, Any]) -> Any:
        """What the preset makes of a case: the variation, None for who is not in the experiment."""
        count = len(given["variations"])
        weights, ranges = given.get("weights", [1 / count] * count), given.get("ranges", [None] * count)
        version = given.get("hashVersion", 1)
        scale = 1000 if version == 1 else 10_000
        held = [r and ((round(r[0] * scale), round(r[1] * scale)),) for r in ranges]
        made = Experiment(
            "a test",
            tuple(Variant(str(at), *one) for at, one in enumerate(zip(weights, held, strict=True))),
            "growthbook-v1" if version == 1 else "growthbook-v2",
            given.get("seed", given["key"]),
            coverage=given.get("coverage", 1.0),
            namespace=tuple(given["namespace"]) if "namespace" in given else None,
            outside="none",
        )
        id = context.get("attributes", {}).get("id")
        try:
            found = variant_of(made, "" if id is None else id)
        except Unassignable:
            return None
        return None if found == "none" else given["variations"][int(found)]


class TestUnleash:
    @pytest.mark.parametrize("case", UNLEASH["rollouts"])
    def test_rollouts(self, case: dict[str, Any]) -> None:
        weights = {"on": case["percent"], "off": 100 - case["percent"]}
        made = experiment("unleash-rollout", weights, case["group"], total=100)
        assert variant_of(made, case["id"]) == ("on" if case["enabled"] else "off")

    @pytest.mark.parametrize("case", UNLEASH["variants"])
    def test_variants(self, case: dict[str, Any]) -> None:
        total = sum(case["weights"].values())
        assert (
            variant_of(experiment("unleash-variants", case["weights"], case["group"], total=total), case["id"])
            == (case["variant"])
        )


class TestLaunchDarkly:
    @pytest.mark.parametrize("case", OTHERS["launchdarkly"])
    def test_buckets(self, case: dict[str, Any]) -> None:
        found = halves("launchdarkly", case["salt"]).position(case["id"]) / FIFTEEN
        assert found == pytest.approx(case["bucket"], rel=1e-6)

    def test_the_end_of_a_range_is_beyond_it_and_the_last_variant_takes_the_rest(self) -> None:
        """As the SDK's own test builds it: a range of one hundred-thousandth around a user's bucket."""
        at = int(halves("launchdarkly", "key.salt").position("userkey") / FIFTEEN * 100_000)
        weights = {"before": at, "it": 1, "after": 100_000 - at - 1}
        assert variant_of(experiment("launchdarkly", weights, "key.salt", total=100_000), "userkey") == "it"
        short = {"all": at, "none": 0}
        assert variant_of(experiment("launchdarkly", short, "key.salt", total=100_000), "userkey") == "none"


class TestOptimizely:
    @pytest.mark.parametrize("case", OTHERS["optimizely"])
    def test_buckets(self, case: dict[str, Any]) -> None:
        assert halves("optimizely", case["salt"]).position(case["id"]) == case["bucket"]


class TestPlanOut:
    @pytest.mark.parametrize("case", OTHERS["planout"])
    def test_choices(self, case: dict[str, Any]) -> None:
        if "weights" in case:
            made = experiment("planout-weighted", case["weights"], case["salt"])
        else:
            made = experiment("planout-uniform", dict.fromkeys(case["choices"], 1.0), case["salt"])
        assert variant_of(made, case["id"]) == case["choice"]

    def test_the_end_of_a_range_is_within_it(self) -> None:
        made = Assignment(experiment("planout-weighted", {"a": 0.5, "b": 0.5}))
        (_, _, end), _ = made.ranges
        assert (end - 1) / FIFTEEN <= 0.5 < end / FIFTEEN

    def test_only_ascii_is_hashed(self) -> None:
        with pytest.raises(Unassignable, match="ASCII"):
            halves("planout-weighted", "e.p").position("jos\u00e9")


class TestStatsig:
    @pytest.mark.parametrize("case", OTHERS["statsig"])
    def test_hashes(self, case: dict[str, Any]) -> None:
        """The published values are of whole inputs; the preset's hold the salt and a dot."""
        value = int(case["hash"], 16)
        assert int.from_bytes(hashlib.sha256(case["input"].encode()).digest()[:8], "big") == value

    @pytest.mark.parametrize(("function", "count"), [("statsig", 1000), ("statsig-gate", 10_000)])
    def test_a_bucket_is_the_first_eight_bytes(self, function: FunctionName, count: int) -> None:
        whole = int.from_bytes(hashlib.sha256("s.é".encode()).digest()[:8], "big")
        assert halves(function, "s").position("é") == whole % count


def test_an_integer_is_its_decimal_digits() -> None:
    assert [text_of(7), text_of(-7), text_of("07")] == ["7", "-7", "07"]
    assert halves("optimizely", "1").position(7) == halves("optimizely", "1").position("7")
