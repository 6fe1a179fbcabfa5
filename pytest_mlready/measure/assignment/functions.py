"""Published assignment functions: from a salt and a user id to a position, from positions to variants.

Every function puts an id on one of finitely many positions, and gives each variant half-open ranges of them.
Where a vendor compares floating-point numbers the ranges are found by making the vendor's comparison, so that they are
exact to the last bit. Sources: the vendors' open SDKs; each function reproduces the vectors that are published for it.
"""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pytest_mlready.measure.assignment.declared import Experiment, FunctionName
from pytest_mlready.measure.assignment.hashes import fnv1a32, murmur3_32

Unit = str | int
Ranges = tuple[tuple[str, int, int], ...]
"""Variant, first position, position after the last."""
Below = Callable[[int, float], bool]
"""Whether a position is below a cumulative weight; of the positions, the first ones are."""

_UNLEASH_VARIANT_SEED = 86028157
_FIFTEEN_DIGITS = 0xFFFFFFFFFFFFFFF


class Unassignable(ValueError):
    """The function is not defined for this id."""


@dataclass(frozen=True)
class Function:
    """One assignment function.

    Attributes:
        count: number of positions for an experiment.
        position: (salt, text of the id, number of positions) to the position. Raises Unassignable.
        ends: for an experiment the cumulative weight at which each variant begins and ends, and the comparison that
            positions are held against it with.
        bounded: whether who is beyond the last variant is in none; else the last one takes them.
    """

    count: Callable[[Experiment], int]
    position: Callable[[str, str, int], int]
    ends: Callable[[Experiment], tuple[list[tuple[float, float]], Below]]
    bounded: bool = True


def variant_of(experiment: Experiment, unit: Unit) -> str:
    """The variant of a user by the declared function.

    Raises:
        Unassignable: the function is not defined for this id.
        KeyError: the experiment declares no function.
    """
    return Assignment(experiment).variant(unit)


class Assignment:
    """An experiment whose function is declared, made ready to be asked.

    Raises:
        KeyError: the experiment declares no function.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.function = FUNCTIONS[_named(experiment)]
        self.positions = self.function.count(experiment)
        self.ranges = tuple(self._ranges())
        self._bounds = [(start, end, name) for name, start, end in self.ranges]

    def position(self, unit: Unit) -> int:
        """Where an id is put, from 0 to `positions` − 1. Raises Unassignable."""
        return self.function.position(self.experiment.salt, text_of(unit), self.positions)

    def variant(self, unit: Unit) -> str:
        """The variant of an id while the experiment runs. Raises Unassignable."""
        position = self.position(unit)
        outside = self.experiment.outside or self.experiment.control
        if self.experiment.namespace is not None and not _in_namespace(self.experiment.namespace, text_of(unit)):
            return outside
        return next((name for start, end, name in self._bounds if start <= position < end), outside)

    def _ranges(self) -> Iterator[tuple[str, int, int]]:
        variants = self.experiment.variants
        if any(one.ranges is not None for one in variants):
            yield from ((one.name, start, end) for one in variants for start, end in one.ranges or ())
            return
        ends, below = self.function.ends(self.experiment)
        for at, (variant, (start, end)) in enumerate(zip(variants, ends, strict=True)):
            last = at == len(variants) - 1 and not self.function.bounded
            first = 0 if at == 0 else self._first_not(below, start)
            yield variant.name, first, self.positions if last else self._first_not(below, end)

    def _first_not(self, below: Below, weight: float) -> int:
        return bisect_left(range(self.positions), True, key=lambda position: not below(position, weight))


def text_of(unit: Unit) -> str:
    """An id as text: an integer as its decimal digits."""
    return unit if isinstance(unit, str) else str(int(unit))


def _named(experiment: Experiment) -> FunctionName:
    if experiment.function is None:
        raise KeyError(f"experiment {experiment.name!r} declares no assignment function")
    return experiment.function


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unassignable(f"{text!r} has no UTF-8") from None


def _mlready(salt: str, unit: str, count: int) -> int:
    if not unit:
        raise Unassignable("an empty id names nobody")
    salted, named = (_utf8(unicodedata.normalize("NFC", text)) for text in (salt, unit))
    return int.from_bytes(hashlib.sha256(salted + b"\x1f" + named).digest()[:8], "big") % count


def _growthbook(version: int) -> Callable[[str, str, int], int]:
    def position(salt: str, unit: str, count: int) -> int:
        if not unit:
            raise Unassignable("an empty id is not in any experiment")
        return growthbook_hash(salt, unit, version)

    return position


def growthbook_hash(seed: str, value: str, version: int) -> int:
    """GrowthBook's hash: in thousandths by version 1, in ten-thousandths by version 2."""
    if version == 1:
        return fnv1a32(value + seed) % 1000
    return fnv1a32(str(fnv1a32(seed + value))) % 10000


def _in_namespace(namespace: tuple[str, float, float], unit: str) -> bool:
    name, start, end = namespace
    return start <= growthbook_hash(f"__{name}", unit, 1) / 1000 < end


def _murmur(seed: int, template: str) -> Callable[[str, str, int], int]:
    def position(salt: str, unit: str, count: int) -> int:
        return murmur3_32(_utf8(template.format(salt=salt, unit=unit)), seed) % count

    return position


def _optimizely(salt: str, unit: str, count: int) -> int:
    return int(murmur3_32(_utf8(unit + salt), 1) / 2**32 * count)


def _sha1(salt: str, unit: str, count: int) -> int:
    return int(hashlib.sha1(_utf8(f"{salt}.{unit}")).hexdigest()[:15], 16)


def _planout(salt: str, unit: str, count: int) -> int:
    if not (salt + unit).isascii():
        raise Unassignable("PlanOut hashes ASCII only")
    return _sha1(salt, unit, count) % count


def _statsig(salt: str, unit: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(_utf8(f"{salt}.{unit}")).digest()[:8], "big") % count


def _whole(experiment: Experiment) -> tuple[list[tuple[float, float]], Below]:
    """Weights in whole positions."""
    count = FUNCTIONS[_named(experiment)].count(experiment)
    sizes = [round(one.weight / experiment.total * count) for one in experiment.variants]
    ends = list(itertools.accumulate(sizes, initial=0))
    return [(float(start), float(end)) for start, end in itertools.pairwise(ends)], lambda position, end: position < end


def _even(experiment: Experiment) -> tuple[list[tuple[float, float]], Below]:
    """One position for each variant, whatever the weights."""
    return list(itertools.pairwise(range(len(experiment.variants) + 1))), lambda position, end: position < end


def _growthbook_ends(experiment: Experiment) -> tuple[list[tuple[float, float]], Below]:
    count = FUNCTIONS[_named(experiment)].count(experiment)
    found, start = [], 0.0
    for one in experiment.variants:
        weight = one.weight / experiment.total
        found.append((start, start + experiment.coverage * weight))
        start += weight
    return found, lambda position, end: position / count < end


def _launchdarkly_ends(experiment: Experiment) -> tuple[list[tuple[float, float]], Below]:
    parts = (round(one.weight / experiment.total * 100_000) / 100_000 for one in experiment.variants)
    ends = list(itertools.accumulate(parts, initial=0.0))
    return list(itertools.pairwise(ends)), lambda position, end: position / float(_FIFTEEN_DIGITS) < end


def _planout_ends(experiment: Experiment) -> tuple[list[tuple[float, float]], Below]:
    ends = list(itertools.accumulate((one.weight for one in experiment.variants), initial=0.0))
    last = ends[-1]
    return list(itertools.pairwise(ends)), lambda position, end: position / float(_FIFTEEN_DIGITS) * last <= end


def _fixed(count: int) -> Callable[[Experiment], int]:
    return lambda experiment: count


FUNCTIONS: Mapping[FunctionName, Function] = {
    "mlready-sha256-v1": Function(_fixed(10_000), _mlready, _whole),
    "growthbook-v1": Function(_fixed(1000), _growthbook(1), _growthbook_ends),
    "growthbook-v2": Function(_fixed(10_000), _growthbook(2), _growthbook_ends),
    "unleash-rollout": Function(_fixed(100), _murmur(0, "{salt}:{unit}"), _whole),
    "unleash-variants": Function(
        lambda experiment: round(sum(one.weight for one in experiment.variants)),
        _murmur(_UNLEASH_VARIANT_SEED, "{salt}:{unit}"),
        _whole,
    ),
    "launchdarkly": Function(_fixed(_FIFTEEN_DIGITS + 1), _sha1, _launchdarkly_ends, bounded=False),
    "optimizely": Function(_fixed(10_000), _optimizely, _whole),
    "planout-uniform": Function(lambda experiment: len(experiment.variants), _planout, _even),
    "planout-weighted": Function(_fixed(_FIFTEEN_DIGITS + 1), _planout, _planout_ends, bounded=False),
    "statsig": Function(_fixed(1000), _statsig, _whole),
    "statsig-gate": Function(_fixed(10_000), _statsig, _whole),
}
