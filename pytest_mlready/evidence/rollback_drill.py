"""Evidence `rollback_drill`: versions promoted and rolled back in every way that goes wrong in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from pytest_mlready.deployment import Deployment, Refused, Unanswered, holding, remembers
from pytest_mlready.evidence.asking import ask_one, asked_of
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.drill_automatic import automatic_rollback
from pytest_mlready.evidence.drill_kills import Kills
from pytest_mlready.evidence.drill_orders import Orders, clock_from_now, history, since
from pytest_mlready.evidence.drill_stage import Stage, staged
from pytest_mlready.evidence.drill_traffic import Pins, Traffic, pinned
from pytest_mlready.evidence.drill_witness import Witness
from pytest_mlready.evidence.identity import selectable
from pytest_mlready.evidence.keeping import kept
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.records import (
    Attempt,
    AutomaticRollback,
    Crowd,
    GoldenRound,
    LeftBehind,
    Order,
    RollbackDrill,
)
from pytest_mlready.settings import Deployment as Table

UNKNOWN = "0.0.0-mlready-no-such-version"
SWAPS_S = {"quick": 1.5, "full": 10.0}
FEWEST_SWAPS = 8
FRESH_PROBES = 2
CROWD = 8
LONG_S = 20.0
"""A budget beyond which swaps go on for longer, and a second kill, in the middle of orders, has its time."""


def made_with(context: Context) -> Mapping[str, Any]:
    """The service, how it is spoken to, and how its versions are changed."""
    table = context.settings.deployment
    return {**asked_of(context), "deployment": None if table is None else asdict(table)}


def gather(context: Context) -> RollbackDrill:
    """Drill. Raises GatherError where there are no two versions to drill, or the drill's own instance fails."""
    table, deployment = context.settings.deployment, context.given.get("mlready_deployment")
    if table is None or deployment is None:
        raise GatherError("no [deployment] table says how versions are changed")
    with staged(context, deployment) as stage, kept(context, stage) as keeping:
        drill = _Drill(replace(context, target=stage.target), stage, table, keeping.found)
        drill.play()
        left = keeping.restored()
    return drill.record(left)


class _Drill:
    """One drill: what it has found so far."""

    def __init__(self, context: Context, stage: Stage, table: Table, found: str) -> None:
        self.context = context
        self.stage = stage
        self.table = table
        self.clock = clock_from_now()
        self.versions = (found, _another(stage.deployment, table, found))
        self.witness = Witness(context, self.versions)
        self.orders = Orders(self.clock, self.answering)
        self.traffic = Traffic(self.witness, self.clock)
        self.pins = Pins([], ())
        self.goldens: list[GoldenRound] = []
        self.attempts: list[Attempt] = []
        self.swaps: list[Order] = []
        self.kills = Kills(context, stage, table, self.versions, self.witness, self.orders, self.attempt)
        self.crowd: Crowd | None = None
        self.history = history(stage.deployment)
        self.automatic: AutomaticRollback | None = None

    def play(self) -> None:
        """All acts that somebody reads, each of which leaves the first version serving."""
        parts = self.context.parts
        self.pins = pinned(self.stage.target, self.table.workers)
        try:
            self.there_and_back()
            if "refusals" in parts:
                self.refusals()
            if "swaps" in parts:
                self.swap_under_load()
            if "crowd" in parts:
                self.all_at_once()
        finally:
            self.pins.close()
        if "automatic" in parts and self.stage.fresh and self.table.feedback is not None:
            self.automatic = automatic_rollback(self.witness, self.stage.deployment, self.table, self.orders)
            self.settle()
        if "kills" in parts and self.stage.fresh and "kill" in self.context.settings.allow:
            self.kills.kill_and_spoil(long=self.long)

    def there_and_back(self) -> None:
        """The answers of both versions, a promotion given twice, and a rollback."""
        first, second = self.versions
        deployment = self.stage.deployment
        with self.one_connection() as transport:
            self.goldens.append(self.witness.learn(first, "before", transport))
            promoted = self.orders.promote(deployment, second)
            if promoted.outcome != "acknowledged":
                raise GatherError(f"{promoted.text} was {promoted.outcome}: {promoted.said}")
            others = [pin.transport for pin in self.pins.pins[1:]]
            changed = self.witness.learn_changed(second, first, "after the promotion", transport, others)
            self.goldens.append(changed)
            places = self.witness.tell_apart()
            kept = [replace(one, answers=tuple(one.answers[at] for at in places)) for one in self.goldens]
            self.goldens = kept
            self.attempt("same again", f"promote {second}", partial(self.orders.once, deployment, "promote", second))
            self.orders.rollback(deployment, None if remembers(deployment) else first)
            self.goldens.append(self.witness.round(first, "after the rollback", transport)[0])
        if self.stage.fresh and remembers(deployment):
            self.attempt("back twice", "roll back again", partial(self.orders.once, deployment, "rollback", None))
        self.settle()

    def refusals(self) -> None:
        """Orders that nobody may give, or that name what is not there."""
        deployment, orders = self.stage.deployment, self.orders
        for action in ("promote", "rollback"):
            self.attempt("unknown version", UNKNOWN, partial(orders.once, deployment, action, UNKNOWN))
        for case, token in (("no token", None), ("a wrong token", "mlready-wrong-token-0123456789")):
            stranger = holding(deployment, token) if self.table.token_env is not None else None
            if stranger is None:
                continue
            for action in ("promote", "rollback"):
                self.attempt("no right", case, partial(orders.once, stranger, action, self.versions[1]))
                self.settle()

    def swap_under_load(self) -> None:
        """Swap again and again while requests flow; after each acknowledgement every worker is asked."""
        by_name = self.table.version_field if selectable(self.context.target, self.table.version_field) else None
        until = self.clock() + SWAPS_S["full" if self.long else "quick"]
        with self.traffic.flowing(by_name):
            while self.clock() < until or len(self.swaps) < FEWEST_SWAPS or len(self.swaps) % 2:
                at = len(self.swaps)
                if self.clock() > until + self.context.budget_s:
                    break
                if at % 2 == 0:
                    order = self.orders.promote(self.stage.deployment, self.versions[1])
                else:
                    order = self.orders.rollback(self.stage.deployment, self.versions[0])
                self.swaps.append(order)
                self.traffic.probe(self.pins, FRESH_PROBES, at)
        self.history = history(self.stage.deployment)
        self.settle()

    def all_at_once(self) -> None:
        """Orders at the same time."""
        wanted: list[tuple[str, str | None]] = [("promote", self.versions[at % 2]) for at in range(CROWD)]
        if remembers(self.stage.deployment):
            wanted[2::4] = [("rollback", None)] * len(wanted[2::4])
        before = self.orders.state(self.stage.deployment)
        given = self.orders.at_once(self.stage.deployment, wanted)
        after = self.orders.state(self.stage.deployment)
        self.crowd = Crowd(given, before, after, since(history(self.stage.deployment), before))
        self.settle()

    # --- what the acts share

    @property
    def long(self) -> bool:
        """Whether there is time for more than the least."""
        return self.context.budget_s > LONG_S

    def attempt(self, kind: str, case: str, order: Callable[[], Order]) -> None:
        """Give an order between two looks at the state."""
        before = self.orders.state(self.stage.deployment)
        given = order()
        self.attempts.append(Attempt(kind, case, given, before, self.orders.state(self.stage.deployment)))

    def settle(self) -> None:
        """Let the first version serve, if another does."""
        try:
            serving = self.stage.deployment.current()
        except (Refused, Unanswered):
            serving = None
        if serving != self.versions[0]:
            self.orders.promote(self.stage.deployment, self.versions[0])

    def answering(self) -> str:
        """The version that answers a row on a fresh connection."""
        made_by = self.witness.made_by(ask_one(self.witness.context, self.witness.rows[0]))
        return self.versions[made_by] if made_by in (0, 1) else "neither"

    @contextmanager
    def one_connection(self) -> Iterator[Any]:
        """The connection to a worker that is kept already, else a new one."""
        if self.pins.pins:
            yield self.pins.pins[0].transport
        else:
            with self.stage.target.transport() as transport:
                yield transport

    def record(self, left: LeftBehind) -> RollbackDrill:
        """All that was found."""
        return RollbackDrill(
            fresh=self.stage.fresh,
            versions=self.versions,
            rows=len(self.witness.rows),
            workers=self.pins.workers,
            goldens=tuple(self.goldens),
            orders=tuple(self.orders.given),
            swaps=tuple(self.swaps),
            failures=dict(self.traffic.failures),
            attempts=tuple(self.attempts),
            crowd=self.crowd,
            kills=tuple(self.kills.found),
            automatic=self.automatic,
            history=self.history,
            left=left,
            answers=self.traffic.columns(),
        )


def _another(deployment: Deployment, table: Table, found: str) -> str:
    """The version to drill beside the one that was found serving. Raises GatherError."""
    try:
        listed = list(table.versions) or list(deployment.versions())
    except (Refused, Unanswered) as problem:
        raise GatherError(f"which versions there are could not be found out: {problem}") from None
    if table.versions and found not in table.versions:
        raise GatherError(f"{found} serves, and deployment.versions are {' and '.join(table.versions)}")
    others = [one for one in listed if one != found]
    if not others:
        raise GatherError(f"a rollback needs two versions, and {found} is the only one")
    return others[-1]
