"""Orders of a drill, each with its times and what became of it, and looks at what is in force."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from pytest_mlready.deployment import Acknowledged, Deployment, Refused, Unanswered
from pytest_mlready.evidence.asking import clean
from pytest_mlready.records import Change, DeploymentState, Order
from pytest_mlready.records.deployment import Outcome

_LONGEST = 200


class Orders:
    """Gives orders and keeps all that were given one after the other.

    `clock` gives the seconds since the drill began; `answering` says which version answers predictions now.
    """

    def __init__(self, clock: Callable[[], float], answering: Callable[[], str]) -> None:
        self.clock = clock
        self.answering = answering
        self.given: list[Order] = []

    def promote(self, deployment: Deployment, version: str) -> Order:
        """Order a promotion, and keep the order."""
        return self._kept(self.once(deployment, "promote", version))

    def rollback(self, deployment: Deployment, to: str | None) -> Order:
        """Order a rollback, and keep the order."""
        return self._kept(self.once(deployment, "rollback", to))

    def at_once(self, deployment: Deployment, orders: Sequence[tuple[str, str | None]]) -> tuple[Order, ...]:
        """Give orders at the same time."""
        together = Barrier(len(orders))

        def one(wanted: tuple[str, str | None]) -> Order:
            together.wait()
            return self.once(deployment, *wanted)

        with ThreadPoolExecutor(len(orders)) as threads:
            return tuple(threads.map(one, orders))

    def once(self, deployment: Deployment, action: str, version: str | None) -> Order:
        """Give one order."""
        began, said, found = self.clock(), "", Acknowledged()
        outcome: Outcome = "acknowledged"
        try:
            found = deployment.promote(str(version)) if action == "promote" else deployment.rollback(version)
        except Refused as refused:
            outcome, said = "refused", str(refused)
        except Unanswered as unanswered:
            outcome, said = "unanswered", str(unanswered)
        told = clean(said, _LONGEST)
        return Order(action, version, outcome, began, self.clock(), told, found.serves, found.changed, found.generation)

    def state(self, deployment: Deployment) -> DeploymentState:
        """What is in force, by the deployment's word and by the predictions."""
        answers = self.answering()
        try:
            serving = clean(deployment.current(), _LONGEST)
            newest = next(iter(deployment.history() or ()), None)
        except (Refused, Unanswered) as problem:
            return DeploymentState(None, answers, problem=clean(str(problem), _LONGEST))
        return DeploymentState(serving, answers, newest)

    def _kept(self, order: Order) -> Order:
        self.given.append(order)
        return order


def history(deployment: Deployment) -> tuple[Change, ...] | None:
    """The changes, newest first; None where none are kept or they cannot be read."""
    try:
        found = deployment.history()
    except (Refused, Unanswered):
        return None
    return None if found is None else tuple(found)


def since(history: tuple[Change, ...] | None, before: DeploymentState) -> tuple[Change, ...] | None:
    """The changes that came after the newest one of an earlier look, newest first."""
    if history is None:
        return None
    added = []
    for change in history:
        if change == before.tip:
            break
        added.append(change)
    return tuple(added)


def clock_from_now() -> Callable[[], float]:
    """Seconds since this call."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
