"""Which ids are asked for: so few that a service hardly notices, so chosen that no common fault stays unseen."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache

from pytest_mlready.measure.assignment import ids
from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.measure.assignment.functions import Assignment, Unit
from pytest_mlready.measure.assignment.telling import telling

REQUESTS = 540
"""For all experiments together; with what is asked besides they are fewer than 600."""
AGAIN = 0.15
"""Part of the requests that ask for an id once more."""
Wanted = tuple[str, str, Unit]
"""Experiment, kind of id, id."""


def planned(experiments: Sequence[Experiment], seed: str) -> list[Wanted]:
    """What is asked, in an order that is drawn. The first experiment, which routes predictions, gets two thirds."""
    count = len(experiments)
    shares = [REQUESTS] if count == 1 else [REQUESTS * 2 // 3, *[REQUESTS // 3 // max(1, count - 1)] * (count - 1)]
    wanted = [one for each, share in zip(experiments, shares, strict=False) for one in _of_one(each, share, seed)]
    random.Random(f"{seed}:order").shuffle(wanted)
    return wanted


def _of_one(experiment: Experiment, requests: int, seed: str) -> list[Wanted]:
    """Ids at the ends of ranges, of all kinds, at random, and some of them once more."""
    rng = random.Random(seed)  # the same ids for each experiment: who is in which variant of one and of the other
    units: list[tuple[str, Unit]] = []
    if experiment.function is not None:
        units += _searched(experiment, tell=requests > REQUESTS / 2)
    again = round(AGAIN * requests)
    kinds = list(ids.of_all_kinds(rng))
    units += kinds if len(kinds) <= requests / 2 else rng.sample(kinds, requests // 2)
    units = [(kind, unit) for unit, kind in {unit: kind for kind, unit in reversed(units)}.items()]
    units += [("random", id) for id in itertools.islice(ids.at_random(rng), max(0, requests - again - len(units)))]
    repeated = [("again", unit) for _, unit in rng.sample(units, min(again, len(units)))]
    return [(experiment.name, kind, unit) for kind, unit in (*units, *repeated)]


@lru_cache(64)
def _searched(experiment: Experiment, *, tell: bool) -> tuple[tuple[str, Unit], ...]:
    assignment = Assignment(experiment)
    ends: list[tuple[str, Unit]] = [("end", id) for id, _ in ids.at_ends(assignment)]
    return (*ends, *(telling(assignment) if tell else ()))


def asked_again(experiments: Sequence[Experiment], seed: str, each: int = 40) -> list[Wanted]:
    """Some of the same ids, for another process: at random and of each kind."""
    found: list[Wanted] = []
    for one in experiments:
        rng = random.Random(seed)
        kinds = list(ids.of_all_kinds(rng))
        found += [(one.name, kind, unit) for kind, unit in kinds[::4]]
        found += [(one.name, "random", id) for id in itertools.islice(ids.at_random(rng), each)]
    return found
