"""SIGKILL to a service that is being changed, a new start on what it left, and artefacts spoiled by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from pytest_mlready.evidence.asking import clean
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.drill_damage import artefact, spoiled, ways
from pytest_mlready.evidence.drill_orders import Orders, history
from pytest_mlready.evidence.drill_stage import Stage
from pytest_mlready.evidence.drill_witness import Witness
from pytest_mlready.records import Change, DeploymentState, Kill, Order
from pytest_mlready.service.launch import NeverReady, StartError
from pytest_mlready.settings import Deployment as Table

KILL_WITHIN_S = (0.2, 0.8)
"""So long orders are given until a kill in the middle of them comes, at random; in seconds."""


@dataclass
class Kills:
    """The last act of a drill on an instance of its own; `attempt` gives an order between two looks at the state."""

    context: Context
    stage: Stage
    table: Table
    versions: tuple[str, str]
    witness: Witness
    orders: Orders
    attempt: Callable[[str, str, Callable[[], Order]], None]
    found: list[Kill] = field(default_factory=list)

    def kill_and_spoil(self, *, long: bool) -> None:
        """Kill it right after an acknowledgement, see what comes up, and spoil the version that is to come back."""
        order = self.orders.promote(self.stage.deployment, self.versions[1])

        def then() -> None:
            self.spoil()
            if long:
                self.kill_in_the_middle()

        self.kill(lambda: (order, {str(order.version)}), then)

    def kill_in_the_middle(self) -> None:
        """Kill it at a random moment while orders are given without a pause; what was acknowledged must be there."""
        deployment, given = self.stage.deployment, [self.orders.promote(self.stage.deployment, self.versions[0])]

        def ordering() -> None:
            while given[-1].outcome == "acknowledged":
                given.append(self.orders.once(deployment, "promote", self.versions[len(given) % 2]))

        thread = threading.Thread(target=ordering, name="drill", daemon=True)
        thread.start()
        time.sleep(self.context.rng("kill").uniform(*KILL_WITHIN_S))

        def ordered() -> tuple[Order, set[str]]:
            thread.join()
            return ([one for one in given if one.outcome == "acknowledged"] or given)[-1], set(self.versions)

        self.kill(ordered, lambda: None)

    def kill(self, ordered: Callable[[], tuple[Order, set[str]]], then: Callable[[], None]) -> None:
        """SIGKILL and start again; `ordered` gives the last acknowledged order and what may serve after it."""
        began = time.monotonic()
        try:
            with self.stage.killed() as seconds:
                self.witness.context = replace(self.context, target=self.stage.target)
                order, allowed = ordered()
                state = self.orders.state(self.stage.deployment)
                expected = str(state.serving if state.serving in allowed else order.version)
                remembered = _remembered(order, history(self.stage.deployment))
                self.found.append(Kill(order, expected, state, seconds, state.problem, remembered))
                then()
        except StartError as error:
            problem, waited_s = clean(str(error), 500), time.monotonic() - began
            state = DeploymentState(None, "neither", problem=problem)
            late = isinstance(error, NeverReady)
            self.found.append(Kill(ordered()[0], "", state, waited_s, problem, late=late))

    def spoil(self) -> None:
        """Spoil the first version's artefact in several ways, and try to go back to it each time."""
        if self.stage.registry is None:
            return
        first, second = self.versions
        file, other = (artefact(self.stage.registry, one, self.table.model) for one in self.versions)
        for case, spoil in ways(other).items():
            if self.orders.state(self.stage.deployment).serving != second:
                self.orders.promote(self.stage.deployment, second)
            with spoiled(file, spoil):
                self.attempt(
                    "corrupt artefact", case, partial(self.orders.once, self.stage.deployment, "rollback", first)
                )


def _remembered(order: Order, changes: tuple[Change, ...] | None) -> bool | None:
    """Whether a history still has an acknowledged order; None where none is kept."""
    if changes is None:
        return None
    if order.generation is None:
        return any(one.after == order.version for one in changes)
    return any(one.generation is not None and one.generation >= order.generation for one in changes)
