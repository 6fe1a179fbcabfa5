"""What a gatherer is given."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.protocols.request_rows import most_rows

if TYPE_CHECKING:
    from pytest_mlready.deployment import Recipe
    from pytest_mlready.records import Row
    from pytest_mlready.service.target import Target
    from pytest_mlready.settings import Settings


class Spare:
    """An instance that one gatherer started and hardly asked: the next one need not start its own."""

    def __init__(self) -> None:
        self._held: list[tuple[Target, ExitStack]] = []

    def keep(self, instance: Target, ending: ExitStack) -> None:
        """Have it for whoever comes next; `ending` ends it."""
        self._held.append((instance, ending))

    @contextmanager
    def or_fresh(self, target: Target) -> Iterator[Target]:
        """The one that was kept, or else a fresh instance of the target; ended on leaving."""
        with ExitStack() as stack:
            if self._held:
                kept, ending = self._held.pop()
                stack.push(ending)
                yield kept
            else:
                yield stack.enter_context(target.fresh())

    def end(self) -> None:
        """Nobody came for it."""
        while self._held:
            self._held.pop()[1].close()


@dataclass(frozen=True)
class Context:
    """The target, the settings, the sample rows and the time a gatherer may take.

    `rows` are the sample rows without their label, values as JSON would carry them. `turn_fd` is the descriptor of
    the lock that makes our turn exclusive, to be handed to a load generator so that the turn lasts as long as it
    lives (None in a shared turn). `directory` takes what services write, `progress` a short text for the terminal.
    `given` are the fixtures that the evidence asks for, which a user may override; `deployment_recipe` is how the
    declared deployment is made. `spare` holds what one gatherer leaves for the next; somebody else ends it. `parts` are
    those of the evidence that somebody reads.
    """

    target: Target
    settings: Settings
    rows: tuple[Row, ...]
    seed: int
    budget_s: float
    turn_fd: int | None = None
    directory: Path = Path("mlready-report")
    progress: Callable[[str], None] = lambda text: None
    given: Mapping[str, Any] = field(default_factory=dict)
    deployment_recipe: Recipe | None = None
    spare: Spare | None = None
    parts: frozenset[str] = frozenset()

    @cached_property
    def max_batch_rows(self) -> int | None:
        """The most rows that a batch may have, as declared or as the interface document has it; None: no such cap."""
        documented = most_rows(self.target.openapi, self.target.mapping)
        caps = [cap for cap in (self.settings.contract.max_batch_rows, documented) if cap is not None]
        return min(caps, default=None)

    def rng(self, purpose: str) -> random.Random:
        """A random generator of its own for each purpose: evidence does not depend on who was gathered before."""
        return random.Random(f"{self.seed}:{purpose}")

    def part_of_settings(self, *names: str) -> Mapping[str, Any]:
        """Some top-level tables of the settings, for `made_with`."""
        return {name: getattr(self.settings, name) for name in names}
