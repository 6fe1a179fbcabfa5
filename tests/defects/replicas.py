"""Defects of the balancer before several replicas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.balancer import Balancer
from tests.defects.planting import defect

MODELS = Path(__file__).parents[2] / "models"


def before_replicas(defect: str) -> str:
    """The table that declares replicas behind the balancer of a defect."""
    balancer = f"{{python}} -m tests.balancer --port {{port}} --replicas 3 --defect {defect}"
    replica = f"{{python}} -m reference_service --models '{MODELS}' --port @PORT --state {{state}}/@PORT"
    return f"""[latency.replicas]
count = 3
header = "x-served-by"
ejected_s = 3
command = "{balancer} -- {replica}"
"""


@defect("latency.dead_replica_ejected", declares=before_replicas("turns_are_taken_whoever_is_dead"))
def turns_are_taken_whoever_is_dead(balancer: type[Balancer]) -> type[Balancer]:
    """Blind round robin: nobody looks whether a replica is alive, and nobody else is asked. Deployment guide."""

    class Blind(balancer):  # type: ignore[misc, valid-type]
        def order(self) -> Sequence[int]:
            return [self.ports[next(self.turns) % len(self.ports)]]

    return Blind


@defect("latency.replicas_balanced", declares=before_replicas("the_first_replica_gets_nearly_everything"))
def the_first_replica_gets_nearly_everything(balancer: type[Balancer]) -> type[Balancer]:
    """The others are asked once in thirty times: for those who miss the first one's cookie. SRE practice."""

    class Lopsided(balancer):  # type: ignore[misc, valid-type]
        def order(self) -> Sequence[int]:
            turn = next(self.turns)
            first, *others = self.ports
            return [others[turn % len(others)] if turn % 30 < 2 else first, *self.ports]

    return Lopsided
