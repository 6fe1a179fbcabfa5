"""What is declared of an experiment: all that is needed to say where each user is in it."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Literal

FunctionName = Literal[
    "mlready-sha256-v1",
    "growthbook-v1",
    "growthbook-v2",
    "unleash-rollout",
    "unleash-variants",
    "launchdarkly",
    "optimizely",
    "planout-uniform",
    "planout-weighted",
    "statsig",
    "statsig-gate",
]


@dataclass(frozen=True)
class Variant:
    """One way to be answered: the name by which answers call it, and its weight.

    `ranges` are the buckets that it holds, half-open; without them the variants follow each other in their order.
    """

    name: str
    weight: float
    ranges: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Experiment:
    """Users divided among variants, the first of which is the control.

    Attributes:
        function: the published assignment function; None where it is not known, and statistics have to do.
        salt: what is hashed beside the id. `growthbook-*`: the seed (the experiment's key); `unleash-*`: the group id;
            `launchdarkly`: "key.salt", or the seed; `optimizely`: the parent id; `planout-*`: "experiment.parameter";
            `statsig`: the experiment's salt; `statsig-gate`: "gate salt.rule salt".
        total: what the weights add up to: 1, or the units that a vendor counts in (100, 1000, 10000, 100000).
        coverage: share of users that are in the experiment at all (`growthbook-*`).
        namespace: its id, and the part [start, end) of it that the experiment has (`growthbook-*`).
        outside: what the answer calls the variant of who is not in the experiment; by default the control.
        starts_at, ends_at: outside these times everyone gets the control.
        ramp: the planned shares of all variants but the control, one after the other.
    """

    name: str
    variants: tuple[Variant, ...]
    function: FunctionName | None = None
    salt: str = ""
    total: float = 1.0
    coverage: float = 1.0
    namespace: tuple[str, float, float] | None = None
    outside: str | None = None
    starts_at: datetime.datetime | None = None
    ends_at: datetime.datetime | None = None
    ramp: tuple[float, ...] = ()

    @property
    def control(self) -> str:
        """The variant of everyone whom the experiment leaves alone."""
        return self.variants[0].name

    @property
    def shares(self) -> dict[str, float]:
        """The share of all users that each variant is declared to have; beside them those who are not in it."""
        entered = self.coverage * (1.0 if self.namespace is None else self.namespace[2] - self.namespace[1])
        given = {one.name: entered * one.weight / self.total for one in self.variants}
        outside = self.outside or self.control
        left = 1 - sum(given.values())
        return {**given, outside: given.get(outside, 0.0) + left} if left > 1e-9 else given

    def fault(self) -> str | None:
        """The key that is wrong, and what was expected of it; that weights add up is judged, not demanded."""
        names = [one.name for one in self.variants]
        if len(names) < 2 or len(set(names)) < len(names):
            return f"variants: expected two or more of different names, got {', '.join(names) or 'none'}"
        if any(not 0 <= one.weight < math.inf for one in self.variants) or not 0 < self.total < math.inf:
            return "variants: expected weights from 0 on, and a total above 0"
        if any(not 0 < share <= 1 for share in self.ramp):
            return f"ramp: expected shares above 0 and at most 1, got {list(self.ramp)}"
        if not 0 <= self.coverage <= 1:
            return f"coverage: expected a share, got {self.coverage:g}"
        if self.function == "unleash-variants" and self.total != sum(one.weight for one in self.variants):
            return f"total: expected the sum of the weights, which Unleash divides by, got {self.total:g}"
        partial = self.namespace is not None or self.coverage < 1
        if partial and self.function not in {"growthbook-v1", "growthbook-v2"}:
            return "coverage, namespace: only the functions of GrowthBook have them"
        return None

    def runs(self, now: datetime.datetime) -> bool:
        """Whether users are in their own variants; times without a zone are UTC."""
        starts, ends = _utc(self.starts_at), _utc(self.ends_at)
        return (starts is None or starts <= now) and (ends is None or now < ends)


def _utc(time: datetime.datetime | None) -> datetime.datetime | None:
    return time.replace(tzinfo=datetime.UTC) if time is not None and time.tzinfo is None else time
