"""A profile as a JSON document, which is stored beside the model: at most about 10 kB a column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_mlready.measure.drift.cells import CELLS, Ints
from pytest_mlready.measure.drift.pairs import Pairs
from pytest_mlready.measure.drift.plan import BUCKETS, HIGHEST_SCORE, ColumnPlan, LevelPlan, NumberPlan
from pytest_mlready.measure.drift.profile import Levels, Numbers, Profile, ProfileError, paired

VERSION = 2


class _Numbers(msgspec.Struct, tag="numbers", tag_field="kind", frozen=True, forbid_unknown_fields=True):
    name: str
    centre: float
    scale: float
    scores: list[int]
    first_cell: int
    cells: list[int]
    missing: int
    infinite: int
    atoms: list[tuple[float, int]]
    ties: int | None
    lowest: float | None
    highest: float | None


class _Levels(msgspec.Struct, tag="levels", tag_field="kind", frozen=True, forbid_unknown_fields=True):
    name: str
    levels: dict[str, int]
    complete: bool
    buckets: dict[int, int]
    others: list[str]
    missing: int


class _Pairs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`names` are those of the columns, where they are not the first numbers of the profile's."""

    rows: int
    fourths: int
    sums: list[int]
    products: list[int]
    squares: list[int]
    cubes: list[int]
    names: list[str] | None = None


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mlready_profile: int
    rows: int
    made_at: float | None
    columns: list[_Numbers | _Levels]
    pairs: _Pairs


def encode(profile: Profile, made_at: float | None = None) -> bytes:
    """The profile as UTF-8 JSON; `made_at` is when its data were taken, in seconds since the epoch."""
    return msgspec.json.encode(_document(profile, made_at))


def to_plain(profile: Profile, made_at: float | None = None) -> dict[str, Any]:
    """The document as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(_document(profile, made_at), str_keys=True)
    return plain


def from_plain(plain: Mapping[str, Any], source: str = "profile") -> tuple[Profile, float | None]:
    """The reverse of `to_plain`. Raises ProfileError, which names the source."""
    return decode(msgspec.json.encode(plain), source)


def _document(profile: Profile, made_at: float | None) -> _Document:
    columns = [_column(*one) for one in zip(profile.plan, profile.columns, strict=True)]
    triangle = np.triu_indices(len(profile.pairs.sums))
    products, squares = (one[triangle].tolist() for one in (profile.pairs.products, profile.pairs.squares))
    cubes = profile.pairs.cubes.ravel().tolist()
    counted = profile.pairs.rows, profile.pairs.fourths
    names = None if profile.paired == _first_numbers(profile.plan) else list(profile.paired)
    pairs = _Pairs(*counted, profile.pairs.sums.tolist(), products, squares, cubes, names)
    return _Document(VERSION, profile.rows, made_at, columns, pairs)


def decode(document: bytes | str, source: str = "profile") -> tuple[Profile, float | None]:
    """The reverse: the profile and when its data were taken. Raises ProfileError, which names the source."""
    try:
        version = msgspec.json.decode(document, type=dict[str, msgspec.Raw]).get("mlready_profile")
        if version is None:
            raise ProfileError(f"{source}: is no profile: it has no key 'mlready_profile'")
        if msgspec.json.decode(version) != VERSION:
            raise ProfileError(f"{source}: is a profile of version {bytes(version).decode()}; make it again")
        plain = msgspec.json.decode(document, type=_Document)
        return _profile(plain), plain.made_at
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, ProfileError):
            raise
        raise ProfileError(f"{source}: is no profile: {error}") from None


def _column(plan: ColumnPlan, counts: Numbers | Levels) -> _Numbers | _Levels:
    if isinstance(plan, NumberPlan) and isinstance(counts, Numbers):
        filled = np.flatnonzero(counts.cells)
        first, last = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, 0)
        return _Numbers(
            plan.name,
            plan.centre,
            plan.scale,
            list(plan.scores),
            first,
            counts.cells[first:last].tolist(),
            counts.missing,
            counts.infinite,
            list(zip(plan.atoms, counts.atoms.tolist(), strict=True)),
            counts.ties,
            counts.lowest if filled.size else None,
            counts.highest if filled.size else None,
        )
    if not (isinstance(plan, LevelPlan) and isinstance(counts, Levels)):
        raise TypeError(f"column {plan.name!r} has counts of another kind")
    buckets = {int(at): int(counts.buckets[at]) for at in np.flatnonzero(counts.buckets)}
    levels = dict(zip(plan.levels, counts.listed.tolist(), strict=True))
    return _Levels(plan.name, levels, plan.complete, buckets, list(counts.others), counts.missing)


def _profile(plain: _Document) -> Profile:
    read = [_numbers(one) if isinstance(one, _Numbers) else _levels(one) for one in plain.columns]
    plan = tuple(one for one, _ in read)
    names = _first_numbers(plan) if plain.pairs.names is None else tuple(plain.pairs.names)
    if len({one.name for one in plan}) != len(plan):
        raise ValueError("two columns have one name")
    if len(plain.pairs.sums) != len(names) or not set(names) <= {one.name for one in plan}:
        raise ValueError(f"has sums of {len(plain.pairs.sums)} columns for {len(names)} of numbers")
    return Profile(plan, plain.rows, tuple(counts for _, counts in read), _pairs(plain.pairs), names)


def _first_numbers(plan: Sequence[ColumnPlan]) -> tuple[str, ...]:
    return tuple(one.name for one in paired(plan))


def _numbers(one: _Numbers) -> tuple[ColumnPlan, Numbers | Levels]:
    last = one.first_cell + len(one.cells)
    if one.first_cell < 0 or last > CELLS or len(one.scores) != 2 * HIGHEST_SCORE:
        raise ValueError(f"column {one.name!r} has {len(one.cells)} cells and {len(one.scores)} scores")
    if not (one.scale > 0 and math.isfinite(one.scale) and math.isfinite(one.centre)):
        raise ValueError(f"column {one.name!r}: centre {one.centre}, scale {one.scale}")
    cells = np.zeros(CELLS, dtype=np.int64)
    cells[one.first_cell : one.first_cell + len(one.cells)] = one.cells
    plan = NumberPlan(one.name, one.centre, one.scale, tuple(value for value, _ in one.atoms), tuple(one.scores))
    lowest, highest = (
        math.inf if one.lowest is None else one.lowest,
        -math.inf if one.highest is None else one.highest,
    )
    atoms = _ints([count for _, count in one.atoms])
    return plan, Numbers(cells, one.missing, one.infinite, atoms, one.ties, lowest, highest)


def _levels(one: _Levels) -> tuple[ColumnPlan, Numbers | Levels]:
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    for at, count in one.buckets.items():
        if not 0 <= at < BUCKETS:
            raise ValueError(f"column {one.name!r} has a bucket {at}")
        buckets[at] = count
    listed = _ints(list(one.levels.values()))
    return LevelPlan(one.name, tuple(one.levels), one.complete), Levels(listed, buckets, one.missing, tuple(one.others))


def _pairs(one: _Pairs) -> Pairs:
    sums = _ints(one.sums)
    cubes = _ints(one.cubes).reshape(sums.size, sums.size)
    products, squares = (_square(each, sums.size) for each in (one.products, one.squares))
    return Pairs(one.rows, one.fourths, sums, products, squares, cubes)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _square(triangle: list[int], size: int) -> NDArray[np.int64]:
    square = np.zeros((size, size), dtype=np.int64)
    upper = np.triu_indices(size)
    square[upper] = triangle
    square.T[upper] = triangle
    return square
