"""Checks of who is in which variant."""

from __future__ import annotations

import datetime
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pytest_mlready.catalogue import check
from pytest_mlready.checks.assigned import experiments, mismatches, standing, told_wrong, unanswered
from pytest_mlready.checks.splits import judge_groups, sampled_users, undeclared
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.assignment.functions import Unit, text_of
from pytest_mlready.records import Assigned, Assignments
from pytest_mlready.settings import Settings

NEEDS = ("experiments.declared",)
PLAIN = frozenset({"random"})
"""Ids on which every implementation agrees that hashes their bytes: what is wrong here is the split itself."""


@check(
    "experiments.split",
    "must",
    needs=NEEDS,
    remedy="Divide users by the declared function, salt and weights; a change of any of them is another experiment.",
)
def split(assignments: Assignments, settings: Settings) -> Finding:
    """Users are divided as declared: each by the declared function, or else all of them in the declared shares.

    An arm that is larger than planned exposes more users than anybody agreed to; a split that is off makes every
    comparison of the arms wrong.
    """
    plain = [one for one in assignments.asked if one.kind in PLAIN]
    if (nothing := unanswered(plain)) is not None:
        return nothing
    found = list(mismatches(plain, standing(settings, assignments), assignments.asked_at))
    if found:
        return told_wrong(found, len(plain), "assignments")
    unknown = undeclared(settings, assignments)
    if unknown:
        return judge_groups({one: {"all users": [_variants(sampled_users(assignments, one))]} for one in unknown})
    return passed(f"{len(plain)} assignments are what the declared functions give", _none_of(plain))


@check(
    "experiments.sticky",
    "must",
    needs=NEEDS,
    remedy="Compute the variant from salt and id alone; no random numbers, time, order, worker or cache may decide it.",
)
def sticky(assignments: Assignments) -> Finding:
    """Who asks again is in the same variant, whichever worker answers.

    A user who changes sides sees both versions and counts for both: the experiment measures nothing.
    """
    told: dict[tuple[str, Unit], dict[str, Assigned]] = defaultdict(dict)
    times: Counter[tuple[str, Unit]] = Counter()
    for one in assignments.asked:
        if one.variant is not None:
            key = (one.experiment, text_of(one.unit) if one.kind == "again" else one.unit)
            told[key].setdefault(one.variant, one)
            times[key] += 1
    again = sum(count > 1 for count in times.values())
    flips = {key: variants for key, variants in told.items() if len(variants) > 1}
    measured = Measurement(len(flips), "1", n=again, limit=0)
    if flips:
        (experiment, unit), variants = next(iter(flips.items()))
        what = f"{experiment}: id {unit!r} was told {' and '.join(map(repr, variants))}"
        path = next(iter(variants.values())).path
        again_and_again = f"for i in $(seq 40); do curl -sS '{SERVICE}{path}'; echo; done"
        return failed(f"{len(flips)} of {again} users changed variants; {what}", measured,
                      replay=again_and_again if path else "")  # fmt: skip
    if not again:
        return inconclusive("no id was answered twice")
    return passed(f"{again} users who asked again were told the same, each on a new connection", measured)


@check(
    "experiments.uniform_over_ids",
    "must",
    needs=NEEDS,
    remedy="Hash the whole id, as UTF-8 in one normal form, by a hash that mixes (SHA-256, MurmurHash3); never the "
    "id's own digits, its first characters, or a default for ids that look odd.",
)
def uniform_over_ids(assignments: Assignments, settings: Settings) -> Finding:
    """The split holds for ids of every kind: digits, UUIDs, addresses, short, long and non-ASCII ones.

    A hash that works for test ids and not for real ones puts whole groups of users into one variant.
    """
    own = PLAIN | {"end", "again", "integer", "digits"}
    special = [one for one in assignments.asked if one.kind not in own]
    answers = [(one.case, one.outcome) for one in assignments.odd]
    answers += [(f"{one.kind} id {one.unit!r}", one.outcome) for one in special]
    broken = [one for one in answers if one[1].startswith("5")]
    if broken:
        return failed("{} is answered {}".format(*broken[0]), Measurement(len(broken), "1", n=len(answers), limit=0))
    if (nothing := unanswered(special)) is not None:
        return nothing
    found = list(mismatches(special, standing(settings, assignments), assignments.asked_at))
    if found:
        kinds = Counter(one.asked.kind for one in found)
        return told_wrong(found, len(special), f"ids of special kinds ({_listed(kinds)})")
    unknown = undeclared(settings, assignments)
    if unknown:
        return judge_groups({one: dict(_groupings(sampled_users(assignments, one))) for one in unknown})
    refused = Counter(one.kind for one in special if one.variant is None)
    details = (f"refused: {_listed(refused)}",) if refused else ()
    kinds = Counter(one.kind for one in special)
    return passed(f"{len(special)} ids of {len(kinds)} kinds are where they belong", _none_of(special), details=details)


@check(
    "experiments.int_equals_string_id",
    "should",
    needs=NEEDS,
    remedy='Make text of an id before it is hashed: 7 as "7". Or refuse one of the two types.',
)
def int_equals_string_id(assignments: Assignments, settings: Settings) -> Finding:
    """A numeric id and the same digits as a string are in the same variant, and where they belong.

    One client sends 7 and the other "7": the same user is then in both variants.
    """
    asked = [one for one in assignments.asked if one.kind in {"integer", "digits"}]
    if (nothing := unanswered(asked)) is not None:
        return nothing
    told = {(one.experiment, one.unit): one.variant for one in asked if one.variant is not None}
    pairs = [(name, unit, told[name, unit], told[name, str(unit)]) for name, unit in told
             if isinstance(unit, int) and (name, str(unit)) in told]  # fmt: skip
    apart = [one for one in pairs if one[2] != one[3]]
    if apart:
        name, unit, number, text = apart[0]
        what = f'{name}: {unit} is told {number!r} and "{unit}" is told {text!r}'
        return failed(f"{len(apart)} of {len(pairs)} ids differ by type; {what}", Measurement(len(apart), n=len(pairs)))
    found = list(mismatches(asked, standing(settings, assignments), assignments.asked_at))
    if found:
        return told_wrong(found, len(asked), "numeric ids")
    return passed(f"{len(pairs)} ids are told the same as a number and as text", _none_of(asked))


@check(
    "experiments.boundary_exact",
    "should",
    needs=NEEDS,
    remedy="Make ranges half-open, [start, end): a weight of 0 is then nobody, and 1 is everybody.",
)
def boundary_exact(assignments: Assignments, settings: Settings) -> Finding:
    """The ends of every range are exact: a weight of 0 is nobody, 1 everybody, and no bucket is on the wrong side.

    `<=` for `<` gives one bucket to the wrong variant: of 100 buckets that is a whole percent, also at a weight of 0.
    """
    now = datetime.datetime.fromtimestamp(assignments.asked_at, datetime.UTC)
    running = [one for one in experiments(settings) if one.runs(now)]
    empty = {(one.name, name) for one in running for name, share in one.shares.items() if share == 0}
    hit = next((one for one in assignments.asked if (one.experiment, one.variant) in empty), None)
    if hit is not None:
        what = f"{hit.experiment}: id {hit.unit!r} is told {hit.variant!r}, whose weight is 0"
        return failed(what, Measurement(1, "1", limit=0), replay=f"curl -sS '{SERVICE}{hit.path}'" if hit.path else "")
    ends = [one for one in assignments.asked if one.kind == "end"]
    found = list(mismatches(ends, standing(settings, assignments), assignments.asked_at))
    if found:
        return told_wrong(found, len(ends), "ids at the ends of ranges")
    if ends and (nothing := unanswered(ends)) is not None:
        return nothing
    if not ends:
        seen = sum(len(one.units) for one in assignments.samples) + len(assignments.asked)
        if not empty:
            return inconclusive("no function is declared and no weight is 0: one bucket more or less cannot be seen")
        missed = -math.expm1(math.log(0.05) / max(1, seen))
        return passed(f"none of {seen} users is in a variant of weight 0; it may still have {missed:.2%}")
    return passed(f"{len(ends)} ids at the ends of ranges, found by search, are on the right side", _none_of(ends))


def _groupings(users: Sequence[tuple[Unit, str, str]]) -> Iterator[tuple[str, list[list[str]]]]:
    """Ways to group users (id, kind, variant) in which a hash that mixes shows nothing: the variants, by group."""
    texts = [(text_of(unit), kind, variant) for unit, kind, variant in users]
    numbers = [(int(unit), variant) for unit, kind, variant in users if kind == "sequence"]
    yield "kinds of id", _grouped((kind, variant) for _, kind, variant in texts)
    yield "first characters", _grouped(((kind, text[:1]), variant) for text, kind, variant in texts)
    yield "last characters", _grouped(((kind, text[-1:]), variant) for text, kind, variant in texts)
    yield "lengths", _grouped(((kind, len(text)), variant) for text, kind, variant in texts)
    yield "sums of characters", _grouped((sum(map(ord, text)) % 100, variant) for text, _, variant in texts)
    yield "last two digits", _grouped((number % 100, variant) for number, variant in numbers)
    yield "thousands", _grouped((number // 1000, variant) for number, variant in numbers)


def _variants(users: Sequence[tuple[Unit, str, str]]) -> list[str]:
    return [variant for *_, variant in users]


def _grouped(pairs: Iterable[tuple[object, str]]) -> list[list[str]]:
    groups: dict[object, list[str]] = defaultdict(list)
    for key, variant in pairs:
        groups[key].append(variant)
    return list(groups.values())


def _none_of(asked: Sequence[Assigned]) -> Measurement:
    return Measurement(0, "1", n=len(asked), limit=0)


def _listed(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
