"""Routers of experiments that are broken in one way each, in this process, and what judges them.

A router stands for a service with two workers. It is asked for (experiment, id) and answers a variant, or None where it
refuses. `Router` is the healthy one.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import unicodedata
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pytest_mlready.checks import experiment_changes, experiment_config, experiments
from pytest_mlready.finding import Finding, Status
from pytest_mlready.measure.assignment import ids
from pytest_mlready.measure.assignment.declared import Experiment, Variant
from pytest_mlready.measure.assignment.functions import Assignment, Unassignable, Unit
from pytest_mlready.measure.assignment.planned import Wanted, asked_again, planned
from pytest_mlready.records import Assigned, Assignments, ExperimentDrill, Sample
from pytest_mlready.settings import Experiments, Service, Settings

NOW = 1.8e9
Asked = Callable[[str, Unit], str | None]
ROUTERS: dict[str, type[Router]] = {}
DECLARED = (
    Experiment("checkout", (Variant("control", 0.9), Variant("boosted", 0.1)), "mlready-sha256-v1", "checkout"),
    Experiment(
        "wording",
        (Variant("plain", 0.5), Variant("warm", 0.5), Variant("retired", 0.0)),
        "mlready-sha256-v1",
        "wording",
    ),
)


class Router:
    """The declared function; each step of it can be replaced.

    Args:
        chance: what is random in a process and its requests; another process is another router.
    """

    def __init__(self, experiments: Sequence[Experiment], chance: random.Random) -> None:
        self.experiments = {one.name: one for one in experiments}
        self.made: dict[Experiment, Assignment] = {}
        self.chance = chance
        self.salts = [chance.random(), chance.random()]
        self.count = 0

    def __call__(self, name: str, unit: Unit) -> str | None:
        """One request, which one of the workers takes."""
        self.count += 1
        self.worker = self.chance.randrange(2)
        experiment = self.experiments[name]
        try:
            return self.choose(experiment, self.bucket(experiment, unit))
        except Unassignable:
            return None

    def assignment(self, experiment: Experiment) -> Assignment:
        if experiment not in self.made:
            self.made[experiment] = Assignment(experiment)
        return self.made[experiment]

    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        if experiment.function != "mlready-sha256-v1":
            return self.assignment(experiment).position(unit)
        content = self.salted(experiment) + b"\x1f" + self.named(unit)
        return int.from_bytes(self.digest(content)[:8], "big") % 10_000

    def salted(self, experiment: Experiment) -> bytes:
        return unicodedata.normalize("NFC", experiment.salt).encode()

    def named(self, unit: Unit) -> bytes:
        return self.text(unit).encode()

    def text(self, unit: Unit) -> str:
        return unicodedata.normalize("NFC", str(unit))

    def digest(self, content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    def choose(self, experiment: Experiment, bucket: int) -> str:
        ranges = self.assignment(experiment).ranges
        return next((name for name, start, end in ranges if start <= bucket < end), experiment.control)


def broken(router: type[Router]) -> type[Router]:
    """Register a router that the checks must see."""
    ROUTERS[router.__name__] = router
    return router


@broken
class TenPercentIsEleven(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return "boosted" if experiment.name == "checkout" and bucket >= 8900 else super().choose(experiment, bucket)


@broken
class TenPercentIsTwelve(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return "boosted" if experiment.name == "checkout" and bucket >= 8800 else super().choose(experiment, bucket)


@broken
class EndsAreIncluded(Router):
    """`<=` for `<`: one bucket of 10,000."""

    def choose(self, experiment: Experiment, bucket: int) -> str:
        ranges = self.assignment(experiment).ranges
        return next((name for name, start, end in ranges if start <= bucket <= end), experiment.control)


@broken
class StartsAreExcluded(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        ranges = self.assignment(experiment).ranges
        return next((name for name, start, end in ranges if start < bucket <= end), experiment.control)


@broken
class TheLastBucketIsLost(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return experiment.control if bucket == 9999 else super().choose(experiment, bucket)


@broken
class AWeightOfZeroHasTheLastBucket(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return experiment.variants[-1].name if bucket == 9999 else super().choose(experiment, bucket)


@broken
class ArmsAreSwapped(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return super().choose(experiment, 9999 - bucket)


@broken
class RangesByTheNamesOfVariants(Router):
    """The order of a dictionary's keys instead of the declared one."""

    def choose(self, experiment: Experiment, bucket: int) -> str:
        variants = tuple(sorted(experiment.variants, key=lambda one: one.name))
        return super().choose(replace(experiment, variants=variants), bucket)


@broken
class TheRevisionIsInTheSalt(Router):
    def salted(self, experiment: Experiment) -> bytes:
        return super().salted(experiment) + b":r2"


@broken
class NoSalt(Router):
    def salted(self, experiment: Experiment) -> bytes:
        return b""


@broken
class OneSaltForAll(Router):
    def salted(self, experiment: Experiment) -> bytes:
        return b"experiments"


@broken
class NoSeparator(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return int.from_bytes(self.digest(self.salted(experiment) + self.named(unit))[:8], "big") % 10_000


@broken
class SaltedHash(Router):
    """Python's own hash of a text, salted for each process."""

    def digest(self, content: bytes) -> bytes:
        return super().digest(repr(self.salts).encode() + content)


@broken
class EachWorkerHasItsSalt(Router):
    def digest(self, content: bytes) -> bytes:
        return super().digest(repr(self.salts[self.worker]).encode() + content)


@broken
class OneWorkerHasTheOldWeights(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return experiment.control if self.worker and 9000 <= bucket < 9500 else super().choose(experiment, bucket)


@broken
class AtRandom(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return self.chance.randrange(10_000)


@broken
class InTurn(Router):
    """Every tenth request."""

    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return 9999 if self.count % 10 == 0 else 0


@broken
class RememberedInMemory(Router):
    """At random, then remembered for as long as the worker lives."""

    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return random.Random(f"{self.salts[self.worker]}{experiment.name}{unit}").randrange(10_000)


@broken
class ByTheHour(Router):
    def salted(self, experiment: Experiment) -> bytes:
        return super().salted(experiment) + str(self.count // 300).encode()


@broken
class NotNormalised(Router):
    def text(self, unit: Unit) -> str:
        return str(unit)


@broken
class DecomposedForm(Router):
    def text(self, unit: Unit) -> str:
        return unicodedata.normalize("NFD", str(unit))


@broken
class CaseIsFolded(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit).casefold()


@broken
class BlanksAreTrimmed(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit).strip()


@broken
class PlusIsABlank(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit).replace("+", " ")


@broken
class PercentIsDecodedTwice(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit).replace("%2F", "/")


@broken
class IdsEndAtASlash(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit).partition("/")[0]


@broken
class OddIdsGetTheControl(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return experiment.control if self.odd else super().choose(experiment, bucket)

    def text(self, unit: Unit) -> str:
        self.odd = not str(unit).isascii()
        return super().text(unit)


@broken
class EmojiAreDropped(Router):
    def text(self, unit: Unit) -> str:
        return "".join(one for one in super().text(unit) if ord(one) < 0x10000)


@broken
class EmojiAreSurrogates(Router):
    """CESU-8, as of UTF-16 units one by one: only characters beyond the first plane differ."""

    def named(self, unit: Unit) -> bytes:
        units = self.text(unit).encode("utf-16-be")
        words = [units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)]
        return "".join(words).encode("utf-8", "surrogatepass")


@broken
class Latin1(Router):
    def named(self, unit: Unit) -> bytes:
        return self.text(unit).encode("latin-1", "replace")


@broken
class IdsAreCutAt64(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit)[:64]


@broken
class OnlyTheFirstEightCharacters(Router):
    def text(self, unit: Unit) -> str:
        return super().text(unit)[:8]


@broken
class NumbersAreHashedAsNumbers(Router):
    def named(self, unit: Unit) -> bytes:
        return f"int:{unit}".encode() if isinstance(unit, int) else super().named(unit)


@broken
class DigitsAreRead(Router):
    """ "007" is 7, and large numbers are rounded to what a double holds."""

    def text(self, unit: Unit) -> str:
        text = super().text(unit)
        return str(int(float(text))) if text.isdecimal() else text


@broken
class IdModulo100(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        text = str(unit)
        return int(text) % 100 * 100 if text.isdecimal() else super().bucket(experiment, unit)


@broken
class Crc32(Router):
    def digest(self, content: bytes) -> bytes:
        return zlib.crc32(content).to_bytes(8, "big")


@broken
class Sha1(Router):
    def digest(self, content: bytes) -> bytes:
        return hashlib.sha1(content).digest()


@broken
class FourBytesOfTheDigest(Router):
    def digest(self, content: bytes) -> bytes:
        return super().digest(content)[:4].rjust(8, b"\0")


@broken
class LittleEndian(Router):
    def digest(self, content: bytes) -> bytes:
        return super().digest(content)[:8][::-1]


def judged(
    router: Asked,
    other: Asked,
    declared: Sequence[Experiment] = DECLARED,
    seed: str = "7:ids",
    sampled: Sequence[Sample] = (),
) -> dict[str, Finding]:
    """What the checks say of a router, and of another process of it."""
    settings = Settings(Service(), experiments=Experiments(tuple(declared)))
    assignments = Assignments(_ask(router, planned(declared, seed)), tuple(sampled), asked_at=NOW)
    return judge(settings, assignments, ExperimentDrill(_ask(other, asked_again(declared, seed))))


def judge(settings: Settings, assignments: Assignments, drill: ExperimentDrill) -> dict[str, Finding]:
    """The checks of who is in which variant."""
    return {
        "split": experiments.split(assignments, settings),
        "sticky": experiments.sticky(assignments),
        "uniform_over_ids": experiments.uniform_over_ids(assignments, settings),
        "int_equals_string_id": experiments.int_equals_string_id(assignments, settings),
        "boundary_exact": experiments.boundary_exact(assignments, settings),
        "config_sane": experiment_config.config_sane(assignments, settings),
        "independent": experiment_config.independent(assignments, settings),
        "sticky_restart": experiment_changes.sticky_restart(assignments, drill),
    }


def undeclared(declared: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """The same experiments, of whose function nothing is known."""
    return tuple(replace(one, function=None, salt="", total=one.total) for one in declared)


def sampled(router: Asked, declared: Sequence[Experiment], requests: int, seed: int) -> tuple[Sample, ...]:
    """As many users as these requests ask for, the same for each experiment; a kind of ids takes its part."""
    each = requests // (len(declared) * len(ids.SAMPLED))
    found = []
    for kind in ids.SAMPLED:
        units = tuple(itertools.islice(ids.sampled(kind, random.Random(f"{seed}{kind}")), each))
        for one in declared:
            told = [router(one.name, unit) for unit in units]
            names = tuple(dict.fromkeys(name for name in told if name is not None))
            places = tuple(-1 if name is None else names.index(name) for name in told)
            found.append(Sample(one.name, kind, names, units, places))
    return tuple(found)


def red(findings: Mapping[str, Finding]) -> set[str]:
    """The checks that failed."""
    return {name for name, one in findings.items() if one.status is Status.FAIL}


def _ask(router: Asked, wanted: Sequence[Wanted]) -> tuple[Assigned, ...]:
    told = [(name, kind, unit, router(name, unit)) for name, kind, unit in wanted]
    return tuple(Assigned(name, unit, kind, variant, "200" if variant else "422") for name, kind, unit, variant in told)
