"""What came of one run: the shares of each scenario, what went wrong, and one verdict on all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_mlready.openloop.stages import Verdict

if TYPE_CHECKING:
    from pytest_mlready.openloop.user import OpenLoopUser


class Outcome:
    """Takes what each of `shares` processes has of each scenario; `conclude`, called once, judges it.

    A run has passed if every scenario has a verdict and passes, no share is missing, and nothing went wrong.
    """

    def __init__(self, scenarios: Sequence[OpenLoopUser], shares: int) -> None:
        self.concluded = False
        self.passed = False
        self.lines: tuple[str, ...] = ()
        self._scenarios = {type(one).__name__: one for one in scenarios}
        self._shares = shares
        self._results: dict[str, dict[int, Any]] = {name: {} for name in self._scenarios}
        self._problems: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether every share of every scenario has been handed in."""
        return all(len(one) == self._shares for one in self._results.values())

    def scenario(self, name: str) -> OpenLoopUser:
        """One of the run's scenarios. Raises KeyError."""
        return self._scenarios[name]

    def keep(self, name: str, index: int, result: Any, problem: str = "") -> None:
        """Take the share `index` of a scenario: its result, if there is one, and what went wrong, if anything did.

        Only the first counts of what is said to be the same share, for all of it would be counted twice.
        """
        if name in self._results and 0 <= index < self._shares and index not in self._results[name]:
            self._results[name][index] = result
            self.add_problem(problem)

    def add_problem(self, problem: str) -> None:
        """Have the run fail for this reason, unless it is empty."""
        if problem and problem not in self._problems:
            self._problems.append(problem)

    def conclude(self) -> None:
        """Put together, keep and judge what there is. Raises nothing: what cannot be done is a problem of the run."""
        self.concluded = True
        passed, lines = True, list[str]()
        for name, user in self._scenarios.items():
            missing = self._shares - len(self._results[name])
            if missing:
                self.add_problem(f"{name}: {missing} of {self._shares} shares missing: their worker was lost, or slow")
            results = [one for _, one in sorted(self._results[name].items()) if one is not None]
            if not results:
                self.add_problem(f"{name}: there is no result")
                continue
            try:
                verdict = self._judged(user, results)
            except Exception as error:
                self.add_problem(described(name, error))
                continue
            passed = passed and verdict.passed
            lines += verdict.lines
        self.passed = passed and not self._problems
        self.lines = (*lines, *self._problems)

    def _judged(self, user: OpenLoopUser, results: list[Any]) -> Verdict:
        whole = user.merged(results)
        try:
            user.keep(whole)
        except OSError as error:
            # A disk that is full after hours of load must not cost the verdict, too.
            self.add_problem(f"{described(type(user).__name__, error)}: its documents were not kept")
        return user.judged(whole)


def described(name: str, error: Exception) -> str:
    """What went wrong with a scenario, in a line."""
    return f"{name}: {type(error).__name__}: {error}"
