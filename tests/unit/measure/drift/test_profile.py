from __future__ import annotations

import itertools
from collections import Counter
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from pytest import approx, mark, raises
from scipy.special import ndtri
from scipy.stats import rankdata

from pytest_mlready.measure.drift import (
    LevelPlan,
    NumberPlan,
    Profile,
    ProfileError,
    decode,
    encode,
    from_plain,
    judge,
    planned,
    profiled,
    steps,
    to_plain,
)
from pytest_mlready.measure.drift.correlations import FLOOR, _correlations
from pytest_mlready.measure.drift.pairs import FOURTH_ROWS, ROWS
from pytest_mlready.measure.drift.plan import ATOM_SHARE
from pytest_mlready.measure.drift.profile import MOST_PAIRED, Levels, Numbers
from tests.unit.measure.drift.made import columns, profiled_like, reference, rows_of, seen


def part(data: dict[str, Any], levels: dict[str, list[str]], start: int, stop: int) -> dict[str, Any]:
    cut = {name: Counter(levels[name][start:stop]) for name in levels}
    return {name: cut.get(name) or column[start:stop] for name, column in data.items()}


def test_parts_add_up_to_the_whole_in_any_order() -> None:
    rng = np.random.default_rng(3)
    levels = {name: rng.choice(["a", "b", "c"], 3000).tolist() for name in ("level", "flag")}
    data = columns(rng, 3000, **{name: Counter(some) for name, some in levels.items()})
    plan = planned(data)
    whole = profiled(plan, 3000, data, every=3, thin=5, first=0, ties=False)
    cuts = [0, 7, 1000, 1001, 2500, 3000]
    parts = [
        profiled(plan, stop - start, part(data, levels, start, stop), every=3, thin=5, first=start, ties=False)
        for start, stop in itertools.pairwise(cuts)
    ]
    documents = {encode(reduce(add, order)) for order in itertools.permutations(parts)}
    assert documents == {encode(whole)}


def test_profiles_of_different_plans_are_not_added() -> None:
    one, other = (reference(columns(np.random.default_rng(seed), 200)) for seed in (1, 2))
    with raises(ProfileError, match="make the second one with the plan of the first"):
        one + other


def test_counts_of_numbers() -> None:
    values = np.array([1.0] * 30 + [2.5] * 5 + [np.nan] * 4 + [np.inf] + list(range(100, 160)))
    found = reference({"x": values}).columns[0]
    assert isinstance(found, Numbers)
    assert (found.finite, found.missing, found.infinite, found.ties) == (95, 4, 1, 1)
    assert (found.atoms.tolist(), found.lowest, found.highest) == ([30, 5], 1.0, 159.0)


def test_values_that_many_rows_share_are_atoms() -> None:
    shared = [value for value in range(1, 61) for _ in range(value)]
    zeros = [0.0, -0.0] * 30
    values = np.concatenate([np.random.default_rng(8).normal(size=5000), shared, zeros, [np.nan, np.inf] * 40])
    frequent = [one for one in Counter(values.tolist()).most_common() if one[1] >= ATOM_SHARE * values.size]
    (plan,) = planned({"x": values})
    assert isinstance(plan, NumberPlan)
    finite = sorted((-count, value) for value, count in frequent if np.isfinite(value))
    assert plan.atoms == tuple(value for _, value in finite)
    assert len(plan.atoms) > 20


def test_levels_beyond_the_most_frequent_share_buckets() -> None:
    data = {"id": seen(**{f"id{number:05}": 1 + 50 * (number < 3) for number in range(1000)})}
    plan = planned(data)
    counts = reference(data).columns[0]
    assert isinstance(plan[0], LevelPlan)
    assert isinstance(counts, Levels)
    assert (plan[0].levels, plan[0].complete) == (("id00000", "id00001", "id00002"), False)
    assert (counts.listed.tolist(), int(counts.buckets.sum()), counts.others[0]) == ([51] * 3, 997, "id00003")


def test_correlations_are_those_of_normal_scores() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=20_000)
    y = 0.6 * x + 0.8 * rng.normal(size=20_000)
    profile = reference({"x": np.exp(x), "y": y, "alone": rng.random(20_000)})
    numbers = [one for one in profile.columns if isinstance(one, Numbers)]
    r, rows, inflated = _correlations(profile.pairs, numbers)
    assert [r[0, 1], r[0, 2]] == [approx(0.6, abs=0.02), approx(0, abs=0.02)]
    assert rows[0, 1] == 20_000
    assert inflated[0, 1] < 1.1


def test_how_much_the_z_of_a_pair_varies_that_is_no_normal_one() -> None:
    rng = np.random.default_rng(21)
    x = rng.normal(size=50_000)
    other_sign = np.where(rng.random(x.size) < 0.1, -x, x)
    profile = reference({"x": x, "square": x**2, "mixture": other_sign, "same": 3 * x})
    r, _, inflation = _correlations(profile.pairs, [one for one in profile.columns if isinstance(one, Numbers)])
    assert [r[0, 2], r[0, 3]] == [approx(0.8, abs=0.01), approx(1, abs=1e-9)]
    assert inflation[0, 2] == approx(3 / (1 - 0.8**2), rel=0.05)
    assert inflation[0, 3] == 1
    assert inflation[0, 1] == approx(_observed(x, x**2), rel=0.2)
    assert inflation == approx(inflation.T)


@mark.parametrize("rows", [ROWS, 2 * ROWS - 1, 2 * ROWS, 100_000, 4 * ROWS - 1, 1_000_000, 10**9])
def test_the_rows_that_tell_correlations_are_enough_for_the_smallest_change_that_matters(rows: int) -> None:
    every, thin = steps(rows).values()
    assert (every % 2, thin % 2) == (1, 1)
    assert 10 * (2 / (rows // every)) ** 0.5 < FLOOR
    assert rows // every < 2 * ROWS
    assert FOURTH_ROWS / 2 < rows // every // thin < 2 * FOURTH_ROWS


def test_of_few_rows_all_tell_correlations() -> None:
    assert steps(FOURTH_ROWS) == {"every": 1, "thin": 1}


def _observed(x: Any, y: Any, rows: int = 500) -> float:
    both = np.array([ndtri((rankdata(one) - 0.5) / one.size) for one in (x, y)])
    z = [np.arctanh(np.corrcoef(both[:, at : at + rows])[0, 1]) for at in range(0, x.size, rows)]
    return float(np.var(z)) * rows


def test_some_columns_of_a_profile() -> None:
    data = columns(np.random.default_rng(5), 500)
    some = reference(data).only(["uniform", "level", "count"], ignore=["level"])
    alone = reference({name: data[name] for name in ("uniform", "count")})
    assert encode(some) == encode(alone)


def test_more_numbers_than_are_paired() -> None:
    """What is left of a profile has sums of fewer columns than one of the same columns that is made anew."""
    rng = np.random.default_rng(9)
    data = {f"x{at}": rng.normal(size=60) for at in range(MOST_PAIRED + 2)}
    first = f"x{MOST_PAIRED}"
    less = {name: column for name, column in data.items() if name != "x0"}
    left, anew = reference(data).only(ignore=["x0"]), profiled_like(reference(data), less)
    assert (left.paired, anew.paired[-1]) == (tuple(less)[: MOST_PAIRED - 1], first)
    assert left.column(first) is not None
    read, _ = decode(encode(left))
    assert (encode(read), read.paired) == (encode(left), left.paired)
    assert judge(read, anew).alarms == ()
    both = left + profiled(left.plan, 60, less, every=1, first=60, ties=True)
    assert (both.paired, both.pairs.rows, both.pairs.sums.tolist()) == (
        left.paired,
        120,
        (2 * left.pairs.sums).tolist(),
    )


def test_a_document_gives_the_profile_back() -> None:
    data = columns(np.random.default_rng(6), 2000, empty=np.full(2000, np.nan))
    profile = reference(data)
    read, made_at = decode(encode(profile, 1.5e9))
    assert (encode(read), read.plan, made_at) == (encode(profile), profile.plan, 1.5e9)
    assert encode(read + read) == encode(profile + profile)


def test_a_hundred_columns_take_less_than_a_megabyte() -> None:
    rng = np.random.default_rng(7)
    data = {f"x{at}": rng.standard_t(2, 20_000) * 10**at for at in range(100)}
    assert len(encode(reference(data))) < 2**20


@mark.parametrize(
    ("document", "says"),
    [
        (b"", "p.json: is no profile"),
        (b"\xff", "p.json: is no profile"),
        (b"[]", "p.json: is no profile"),
        (b'{"a": 1}', "has no key 'mlready_profile'"),
        (b'{"mlready_profile": 99}', "version 99; make it again"),
        (b'{"mlready_profile": 1}', "version 1; make it again"),
        (b'{"mlready_profile": 2, "rows": "many"}', "is no profile: "),
    ],
)
def test_what_is_no_profile(document: bytes, says: str) -> None:
    with raises(ProfileError, match=says):
        decode(document, "p.json")


@mark.parametrize(("key", "value"), [("first_cell", -1), ("first_cell", 10**6), ("scores", [1]), ("scale", 0.0)])
def test_a_profile_with_impossible_values(key: str, value: object) -> None:
    import msgspec

    document = msgspec.json.decode(encode(reference(columns(np.random.default_rng(8), 100))))
    document["columns"][0][key] = value
    with raises(ProfileError, match="column 'normal'"):
        decode(msgspec.json.encode(document))


def test_sums_of_pairs_that_do_not_fit_together() -> None:
    document = to_plain(reference(columns(np.random.default_rng(8), 100)))
    document["pairs"]["cubes"].pop()
    with raises(ProfileError, match="is no profile"):
        from_plain(document)


def test_an_empty_data_set_has_a_profile() -> None:
    profile = reference({"x": np.array([]), "y": np.array([]), "level": Counter()})
    assert isinstance(profile, Profile)
    assert (profile.rows, rows_of({})) == (0, 0)
    assert encode(decode(encode(profile))[0]) == encode(profile)
