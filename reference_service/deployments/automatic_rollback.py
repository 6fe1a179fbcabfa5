"""Going back by itself: a version that provably fails more often, or answers worse, than was declared is undone.

"Provably" is a test, not a comparison of shares: the failures among n answers must be so many that a service exactly at
its bound would show as many less than once in a million looks. The number of answers that this takes is its own
minimum. With a bound of 5% no fewer than 5 failures do, so one early failure is no reason, and five of five are; a
service that stays at its bound all day, looked at every second, is wrongly rolled back on less than one day in ten,
and one at half of its bound as good as never.

It undoes the last change of version once, and stops there: if the version before fails as well, the fault is likely
elsewhere, and going further back would only hide it from whoever has to find it.

If the version before is refused, it is asked for again, but after ever more looks: an examination reads files and runs
a model, which a service in trouble should not do every second.
"""

from __future__ import annotations

import asyncio
import datetime
import math
import time
from collections import deque
from collections.abc import Callable

from reference_service.deployments.changes import State
from reference_service.deployments.deployment import Deployments, Order
from reference_service.deployments.outcomes import Outcomes, Score
from reference_service.model.serving import Serving
from reference_service.settings import Settings
from reference_service.web.problems import Problem

ACTOR = "automatic rollback"
CHANCE = 1e-6
"""How likely one look may be wrong about a service that is exactly at its bound."""
NORMAL_QUANTILE = 4.753
"""The standard normal quantile of that."""
FEWEST_LABELS = 30
MOST_SKIPPED = 64
"""The most looks without an order after a refusal."""
FAILURES = frozenset({500, 504})


class AutomaticRollback:
    """Counts what this worker answers by the version that serves, and judges it once a second.

    Each worker judges by itself. All may come to the same conclusion: each wants it for one generation only, so it
    happens once.
    """

    def __init__(
        self,
        settings: Settings,
        task: str,
        serving: Serving,
        outcomes: Outcomes,
        deployments: Deployments,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.task = task
        self.serving = serving
        self.outcomes = outcomes
        self.deployments = deployments
        self.clock = clock
        self.begin(State(serving=""), clock())

    def begin(self, state: State, since: float) -> None:
        """Forget what was counted: what was told `since` then, in seconds since 1970, is another version's."""
        self.state = state
        self.since = since
        self.answers = 0
        self.failures = 0
        self.marks = deque([(self.clock(), 0, 0)])
        self.pause = 0  # how many looks the last refusal was worth; none yet
        self.skips = 0  # how many of them are left

    def answered(self, version: str, status: int) -> None:
        """A prediction was answered or failed; one that was shed, or whose client left, says nothing of the version."""
        if version == self.state.serving and (status == 200 or status in FAILURES):
            self.answers += 1
            self.failures += status != 200

    async def follow(self) -> None:
        """Look again and again, as long as the service runs."""
        settings = self.settings
        if settings.rollback_error_rate <= 0 and settings.rollback_quality is None:
            return
        while True:
            await asyncio.sleep(min(1.0, settings.rollback_window_seconds / 20))
            try:
                await self.look()
            except Problem:
                pass  # another worker was first, or a person, or there is no way back; the log tells
            except Exception as error:  # whatever it is, looking must go on
                self.deployments.log.failure(ACTOR, error)

    async def look(self) -> None:
        """Judge the version that serves, and undo it if need be."""
        state = self.serving.state()
        if (state.generation, state.serving) != (self.state.generation, self.state.serving):
            since = await self.came_into_force(state)
            if since is not None:
                self.begin(state, since)
            self.state = state
        if not state.earlier:
            return
        reason = self.too_many_failures()  # at every look: the window is made of its marks
        if self.skips:
            self.skips -= 1
            return
        reason = reason or await self.too_low_quality()
        if reason and not await self.was_automatic():
            await self.order(Order(ACTOR, reason=reason, expected=state.generation, repeated=self.pause > 0))

    async def order(self, order: Order) -> None:
        """Order to go back, and be patient if that is refused.

        Raises:
            Problem: it is. If only because something else has changed meanwhile, the next look may order again.
        """
        try:
            await self.deployments.rollback(order)
        except Problem as problem:
            if problem.kind != "stale-generation":
                self.skips = self.pause = min(2 * self.pause or 1, MOST_SKIPPED)
            raise

    async def came_into_force(self, state: State) -> float | None:
        """Since when the version that serves does so, if since another look: also if it went and came back between two.

        Labels may have come before the look that finds the change.
        """
        if not self.state.serving:
            return self.clock()
        for change in await self.deployments.history():
            if self.state.generation < change.generation <= state.generation and change.before != change.after:
                return datetime.datetime.fromisoformat(change.at).timestamp()
        same = (state.serving, state.earlier) == (self.state.serving, self.state.earlier)
        return None if same else self.clock()

    def too_many_failures(self) -> str | None:
        """What the errors of the window prove, if anything."""
        bound, window = self.settings.rollback_error_rate, self.settings.rollback_window_seconds
        now = self.clock()
        self.marks.append((now, self.answers, self.failures))
        while len(self.marks) > 1 and self.marks[1][0] <= now - window:
            self.marks.popleft()
        answers, failures = self.answers - self.marks[0][1], self.failures - self.marks[0][2]
        if bound <= 0 or chance_of_as_many(failures, answers, bound) >= CHANCE:
            return None
        return (
            f"{failures} of {answers} predictions of {self.state.serving} failed within {window:g} s; "
            f"the bound is a share of {bound:g}"
        )

    async def too_low_quality(self) -> str | None:
        """What the labels of the window prove, if anything."""
        bound, window = self.settings.rollback_quality, self.settings.rollback_window_seconds
        if bound is None:
            return None
        since = max(self.since, self.clock() - window)
        scores = await asyncio.to_thread(self.outcomes.scores, since)
        score = next((score for score in scores if score.version == self.state.serving), None)
        if score is None or not self.is_worse(score, bound):
            return None
        metric, value = score.quality(self.task)
        return (
            f"the {metric} of {score.version} over {score.labels} labels within {window:g} s is {value:.4g}; "
            f"the bound is {bound:g}"
        )

    def is_worse(self, score: Score, bound: float) -> bool:
        """Whether labels prove a quality beyond its bound.

        Errors of a regression are skewed to the right, where this bound of their mean errs on the side of patience.
        """
        if self.task == "classification":
            return chance_of_as_many(round(score.loss * score.labels), score.labels, 1 - bound) < CHANCE
        if score.labels < FEWEST_LABELS:
            return False
        variance = max(0.0, score.square - score.loss**2) / (score.labels - 1)
        return score.loss - NORMAL_QUANTILE * math.sqrt(variance) > bound

    async def was_automatic(self) -> bool:
        """Whether the version that serves came back by an automatic rollback."""
        for change in await self.deployments.history():
            if change.before != change.after:
                return change.actor == ACTOR
        return False


def chance_of_as_many(found: int, n: int, share: float) -> float:
    """The probability of `found` or more among `n` if each comes with probability `share`.

    Below a level exactly where the lower Clopper-Pearson bound of that level is over `share`.
    """
    if found <= n * share or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    ways = math.lgamma(n + 1) - math.lgamma(found + 1) - math.lgamma(n - found + 1)
    term = math.exp(ways + found * math.log(share) + (n - found) * math.log1p(-share))
    total = term
    for k in range(found, n):
        term *= (n - k) / (k + 1) * share / (1 - share)
        total += term
        if term < total * 1e-12:
            break
    return min(total, 1.0)
