"""What an experiment is, and how one may change while users are in it."""

from __future__ import annotations

import datetime

import msgspec

from reference_service.experiments.bucket_ranges import Ranges, resized
from reference_service.web.problems import Fault, Problem


class Variant(msgspec.Struct, frozen=True):
    """One way to be answered.

    Attributes:
        version: the version of the model that answers; None for the one that serves.
        weight: the number of buckets.
        ranges: which ones.
    """

    name: str
    version: str | None
    weight: int
    ranges: Ranges = ()


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """Users divided among variants; the first variant is the control.

    Outside its dates (from `starts_at` to before `ends_at`) an experiment stands still: everyone gets the control.
    """

    name: str
    salt: str
    variants: tuple[Variant, ...]
    starts_at: datetime.datetime
    ends_at: datetime.datetime | None = None

    @property
    def control(self) -> Variant:
        """The variant of everyone whom the experiment leaves alone."""
        return self.variants[0]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin wants an experiment to be; of its variants without their ranges.

    Attributes:
        salt: None for that of the standing experiment, or for a new one its name.
        starts_at: None for that of the standing experiment, or for a new one now.
    """

    variants: tuple[Variant, ...]
    salt: str | None = None
    starts_at: datetime.datetime | None = None
    ends_at: datetime.datetime | None = None


def defined(name: str, wanted: Definition, standing: Experiment | None, now: datetime.datetime) -> Experiment:
    """The experiment that a definition makes of the standing one, or a new one.

    While an experiment stands, its salt and its control stay what they are, and a variant with users in it neither
    goes away nor gets another version; weights, dates and further variants may change. So nobody's answers change
    unless the weights say so.

    Raises:
        Problem: 409, something would change that must not; 422, it would end before it starts.
    """
    faults = [] if standing is None else _forbidden(standing, wanted)
    if faults:
        detail = "Users are in this experiment; what would change their answers must be a new one."
        raise Problem(409, "experiment-stands", detail, faults)
    starts_at = wanted.starts_at or (now if standing is None else standing.starts_at)
    if wanted.ends_at is not None and wanted.ends_at <= starts_at:
        raise ill_defined(Fault("$.ends_at", f"must be after the start, {starts_at:%Y-%m-%dT%H:%M:%SZ}"))
    held = {} if standing is None else {variant.name: variant.ranges for variant in standing.variants}
    ranges = resized(held, {variant.name: variant.weight for variant in wanted.variants})
    return Experiment(
        name=name,
        salt=wanted.salt or (name if standing is None else standing.salt),
        variants=tuple(msgspec.structs.replace(each, ranges=ranges[each.name]) for each in wanted.variants),
        starts_at=starts_at,
        ends_at=wanted.ends_at,
    )


def ill_defined(*faults: Fault) -> Problem:
    """A 422: well-formed JSON that is no experiment."""
    return Problem(422, "invalid-experiment", "The request does not define an experiment; see errors.", faults)


def _forbidden(standing: Experiment, wanted: Definition) -> list[Fault]:
    faults = []
    if wanted.salt not in {None, standing.salt}:
        faults.append(Fault("$.salt", "would move all users; it is part of the experiment"))
    if wanted.variants[0].name != standing.control.name:
        faults.append(Fault("$.variants[0].name", f"must stay {standing.control.name!r}, the control"))
    places = {variant.name: i for i, variant in enumerate(wanted.variants)}
    for variant in standing.variants:
        if variant.weight == 0 and variant is not standing.control:
            continue
        if variant.name not in places:
            faults.append(Fault("$.variants", f"{variant.name!r} has users; give it weight 0 before it goes"))
        elif wanted.variants[places[variant.name]].version != variant.version:
            where = f"$.variants[{places[variant.name]}].version"
            faults.append(Fault(where, "the variant has users; another version is another variant"))
    return faults
