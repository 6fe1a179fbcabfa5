"""What a run came to: which shares count, what fails it, and that judging it always ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from pytest_mlready.openloop.outcome import Outcome
from pytest_mlready.openloop.stages import Verdict


@dataclass
class Steady:
    """A scenario whose results are numbers, and whole when added."""

    passed: bool = True
    cannot_keep: Exception | None = None
    cannot_judge: Exception | None = None
    kept: list[int] = field(default_factory=list)
    judgements: int = 0

    def merged(self, results: Sequence[int]) -> int:
        return sum(results)

    def keep(self, result: int) -> None:
        if self.cannot_keep is not None:
            raise self.cannot_keep
        self.kept.append(result)

    def judged(self, result: int) -> Verdict:
        self.judgements += 1
        if self.cannot_judge is not None:
            raise self.cannot_judge
        return Verdict(self.passed, (f"steady: {result}",))


class Soak(Steady):
    """Another."""


def outcome_of(*scenarios: Steady, shares: int = 1) -> Outcome:
    return Outcome(cast("Sequence[Any]", scenarios), shares)


def test_all_shares_of_all_scenarios_are_one_verdict() -> None:
    steady, soak = Steady(), Soak()
    outcome = outcome_of(steady, soak, shares=2)
    for share in (("Steady", 1, 10), ("Soak", 0, 4), ("Steady", 0, 5)):
        outcome.keep(*share)
        assert not outcome.complete
    outcome.keep("Soak", 1, None)
    assert outcome.complete
    assert not outcome.concluded
    outcome.conclude()
    assert (outcome.concluded, outcome.passed) == (True, True)
    assert outcome.lines == ("steady: 15", "steady: 4")
    assert (steady.kept, soak.kept) == ([15], [4])


def test_a_share_counts_once() -> None:
    outcome = outcome_of(Steady(), shares=2)
    for index, result in ((0, 10), (0, 10), (2, 70), (-1, 70)):
        outcome.keep("Steady", index, result)
    outcome.keep("Unknown", 1, 70)
    assert not outcome.complete
    outcome.conclude()
    assert not outcome.passed
    assert outcome.lines == ("steady: 10", "Steady: 1 of 2 shares missing: their worker was lost, or slow")


@pytest.mark.parametrize(
    ("scenario", "told", "kept"),
    [
        (Steady(passed=False), ("steady: 5",), [5]),
        (
            Steady(cannot_keep=OSError(28, "No space left on device")),
            ("steady: 5", "Steady: OSError: [Errno 28] No space left on device: its documents were not kept"),
            [],
        ),
        (Steady(cannot_judge=ValueError("no such trace")), ("Steady: ValueError: no such trace",), [5]),
    ],
    ids=["failed", "cannot be kept", "cannot be judged"],
)
def test_what_fails_a_scenario_fails_the_run_and_leaves_the_others(
    scenario: Steady, told: tuple[str, ...], kept: list[int]
) -> None:
    outcome = outcome_of(scenario, Soak())
    outcome.keep("Steady", 0, 5)
    outcome.keep("Soak", 0, 1)
    outcome.conclude()
    assert not outcome.passed
    assert {*outcome.lines} == {*told, "steady: 1"}
    assert (scenario.kept, scenario.judgements) == (kept, 1)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("", ""), ("Steady: there is no result",)),
        (("late", "late"), ("late", "Steady: there is no result")),
    ],
)
def test_without_a_result_nothing_passes(said: tuple[str, str], told: tuple[str, ...]) -> None:
    outcome = outcome_of(Steady(), shares=2)
    for index, problem in enumerate(said):
        outcome.keep("Steady", index, None, problem)
    outcome.conclude()
    assert outcome.complete
    assert not outcome.passed
    assert outcome.lines == told


def test_a_problem_beside_good_results_fails_the_run() -> None:
    outcome = outcome_of(Steady())
    outcome.keep("Steady", 0, 5, "Steady: interrupted before its end")
    outcome.conclude()
    assert not outcome.passed
    assert outcome.lines == ("steady: 5", "Steady: interrupted before its end")
