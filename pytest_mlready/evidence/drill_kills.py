"""SIGKILL to a service that is being changed, a new start on what it left, and artefacts spoiled by then."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pytest_mlready.evidence.asking import clean
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.crash_images import Files, Image, files, taken, telling
from pytest_mlready.evidence.drill_damage import artefact, spoiled, ways
from pytest_mlready.evidence.drill_orders import Orders, history
from pytest_mlready.evidence.drill_stage import Stage
from pytest_mlready.evidence.drill_witness import Witness
from pytest_mlready.records import Change, DeploymentState, Kill, Order
from pytest_mlready.service.launch import NeverReady, StartError
from pytest_mlready.settings import Deployment as Table

KILL_WITHIN_S = (0.0, 0.3)
"""After the images were taken, orders are given for so many seconds until a kill in the middle of them, at random."""
MOST_STARTS = 4


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
        """Kill it at a random moment while orders are given without a pause; what was acknowledged must be there.

        Then start it on copies of the state as it was at the most telling moments before.
        """
        deployment, given = self.stage.deployment, [self.orders.promote(self.stage.deployment, self.versions[0])]
        (_, instance), rng, settled = self.stage.own(), self.context.rng("kill"), list[Files]()

        def ordering() -> None:
            while given[-1].outcome == "acknowledged":
                settled.append(files(instance.state_dir))
                given.append(self.orders.once(deployment, "promote", self.versions[len(given) % 2]))

        def acknowledged() -> Order:
            return next((one for one in reversed(given) if one.outcome == "acknowledged"), given[0])

        def ordered() -> tuple[Order, set[str]]:
            thread.join()
            return acknowledged(), set(self.versions)

        with tempfile.TemporaryDirectory(prefix="mlready-images-") as directory:
            thread = threading.Thread(target=ordering, name="drill", daemon=True)
            thread.start()
            found = taken(instance, Path(directory), acknowledged, rng)
            time.sleep(rng.uniform(*KILL_WITHIN_S))
            images = list(telling(found, settled).items())[:MOST_STARTS]
            self.kill(ordered, partial(self.start_on, images), "in the middle of orders")

    def start_on(self, images: Sequence[tuple[str, Image]]) -> None:
        """Kill and start it on one image after the other, as long as it comes up again."""
        if not images or self.found[-1].problem is not None:
            return
        (way, image), *others = images
        asked = (image.order, set(self.versions))
        then = partial(self.start_on, others)
        self.kill(lambda: asked, then, f"in the middle of orders, when {way}", image.directory)

    def kill(
        self,
        ordered: Callable[[], tuple[Order, set[str]]],
        then: Callable[[], None],
        moment: str = "right after an acknowledgement",
        image: Path | None = None,
    ) -> None:
        """SIGKILL and start again; `ordered` gives the last acknowledged order and what may serve after it."""
        began = time.monotonic()
        try:
            with self.stage.killed(image) as seconds:
                self.witness.context = replace(self.context, target=self.stage.target)
                order, allowed = ordered()
                state = self.orders.state(self.stage.deployment)
                expected = str(state.serving if state.serving in allowed else order.version)
                remembered = _remembered(order, history(self.stage.deployment))
                self.found.append(Kill(order, expected, state, seconds, state.problem, remembered, moment=moment))
                then()
        except StartError as error:
            problem, waited_s = clean(str(error), 1500), time.monotonic() - began
            state = DeploymentState(None, "neither", problem=problem)
            late = isinstance(error, NeverReady)
            empty_s = self.on_an_empty_state() if late else None
            kill = Kill(ordered()[0], "", state, waited_s, problem, late=late, moment=moment, empty_s=empty_s)
            self.found.append(kill)

    def on_an_empty_state(self) -> float | None:
        """Seconds until another one was ready on a state of its own; None if it was not, or not in time."""
        base, _ = self.stage.own()
        try:
            with base.fresh() as other:
                return other.ready_after_s
        except StartError:
            return None

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
