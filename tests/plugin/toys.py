"""A plugin with checks whose verdict is known, in place of the real catalogue: `-p tests.plugin.toys`, TOYS names them.

They rest on real evidence, `identity` and `scrape`, and on `toy_load`: evidence that takes a turn alone, and notes in
the file `toy_load` when it began and ended, and in `toy_heat` that its part "heat" was made.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest import Config, hookimpl

from pytest_mlready import catalogue, fixtures
from pytest_mlready.catalogue import REGISTERED, Check, Judgement, checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding, Measurement, Severity, failed, inconclusive, passed
from pytest_mlready.records import Identity, Scrape
from pytest_mlready.schedule import SCHEDULE, Evidence
from pytest_mlready.settings import Settings
from tests.plugin.stub_service import HOSTILE

LOADED = "pytest_mlready.evidence.toy_load"


@dataclass(frozen=True)
class ToyLoad:
    """When a pretended load ran."""

    began: float
    ended: float


def made_with(context: Context) -> Mapping[str, Any]:
    """Nothing but what every evidence is made with."""
    return {}


def gather(context: Context) -> ToyLoad:
    """Pretend to load the target for TOY_SECONDS; TOY_END=kill kills this very process half-way, `raise` raises."""
    began = time.time()
    with Path("toy_load").open("a", encoding="utf-8") as file:
        file.write(f"began {began}\n")
    if "heat" in context.parts:
        Path("toy_heat").write_text("heated\n")
    context.target.transport().request("toy load", "GET", "/health?load")
    time.sleep(float(os.environ.get("TOY_SECONDS", "0.3")))
    if os.environ.get("TOY_END") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("TOY_END") == "raise":
        raise RuntimeError("the generator broke")
    with Path("toy_load").open("a", encoding="utf-8") as file:
        file.write(f"ended {time.time()}\n")
    return ToyLoad(began, time.time())


def holds(identity: Identity) -> Finding:
    """It holds.

    So that there is a pass.
    """
    return passed("it holds", Measurement(1.0, "s", limit=2.0))


def fails(identity: Identity) -> Finding:
    """It fails.

    So that there is a fault.
    """
    return failed("it does not hold", Measurement(0.312, "s", n=4800, interval=(0.289, 0.341), limit=0.25))


def undecided(identity: Identity) -> Finding:
    """It cannot be decided.

    So that there is a doubt.
    """
    return inconclusive("group B has 41 rows, needs 200 to decide")


def breaks(identity: Identity) -> Finding:
    """It breaks.

    So that there is an error of ours.
    """
    raise ZeroDivisionError("our own fault")


def limited(identity: Identity, settings: Settings) -> Finding:
    """At most `contract.max_batch_rows` letters stand in the version.

    So that there is a limit.
    """
    measured, limit = len(identity.sources["predict"] or ""), settings.contract.max_batch_rows or 0
    good = measured <= limit
    return (passed if good else failed)("counted", Measurement(measured, "1", limit=limit))


def hostile(identity: Identity) -> Finding:
    """The target says nothing odd.

    So that there is text of a stranger's.
    """
    return failed(HOSTILE, details=(HOSTILE,))


def scraped(scrape: Scrape) -> Finding:
    """It is claimed.

    So that there is something that is not.
    """
    return passed("scraped")


def loaded(toy_load: Any) -> Finding:
    """It bears a load.

    So that there is a turn to take alone.
    """
    return passed(f"loaded for {toy_load.ended - toy_load.began:.1f} s")


def heated(toy_load: Any) -> Finding:
    """It bears heat.

    So that there is a part of evidence that others do not read.
    """
    return (passed if Path("toy_heat").exists() else inconclusive)("heat")


def patient(start_timeline: Any) -> Finding:
    """There is time for it.

    So that there is something deferred.
    """
    return passed("never asked in a smoke run")


TOYS: dict[str, tuple[Judgement, Literal["must", "should", "may"]]] = {
    "contract.holds": (holds, "must"),
    "contract.also_holds": (holds, "must"),
    "contract.limited": (limited, "must"),
    "fuzz.fails": (fails, "must"),
    "fuzz.undecided": (undecided, "must"),
    "fuzz.breaks": (breaks, "must"),
    "fuzz.hostile": (hostile, "must"),
    "fuzz.advises": (fails, "should"),
    "fuzz.doubts": (undecided, "may"),
    "metrics.scraped": (scraped, "must"),
    "lifecycle.patient": (patient, "must"),
    "lifecycle.loaded": (loaded, "must"),
    "lifecycle.heated": (heated, "must"),
}
READS: dict[str, tuple[str, ...]] = {"lifecycle.loaded": (), "lifecycle.heated": ("heat",)}
"""The parts of their evidence; all of them where a toy is not named here."""


class Catalogue:
    """Puts the toys in the place of the real checks while a session lasts."""

    def __init__(self) -> None:
        self.real = dict(REGISTERED)

    @hookimpl(tryfirst=True)
    def pytest_configure(self, config: Config) -> None:
        checks()  # the real ones register once, on import
        self.real = dict(REGISTERED)
        SCHEDULE.evidence["toy_load"] = Evidence("toy_load", ToyLoad, {"smoke": 1}, turn="load", parts=("heat",))
        sys.modules[LOADED] = sys.modules[__name__]
        vars(fixtures)["mlready_toy_load"] = fixtures._evidence_fixture("toy_load")
        closing = {name: one for name, one in self.real.items() if one.closing}
        _catalogue(closing | {name: _toy(name) for name in os.environ["TOYS"].split(",")})

    def pytest_unconfigure(self) -> None:
        _catalogue(self.real)
        del SCHEDULE.evidence["toy_load"], sys.modules[LOADED]
        del vars(fixtures)["mlready_toy_load"]


@hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Config) -> None:
    """Register before anything is configured."""
    early_config.pluginmanager.register(Catalogue(), "toys")


def _toy(name: str) -> Check:
    function, severity = TOYS[name]
    return Check(name, Severity(severity), "Mend the toy.", function, reads=READS.get(name))


def _catalogue(made: Mapping[str, Check]) -> None:
    REGISTERED.clear()
    REGISTERED.update(made)
    catalogue.checks.cache_clear()
