"""Checks of the run itself on literal records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks.closing import plan_complete, target_pinned
from pytest_mlready.finding import Status
from pytest_mlready.records import Closing, LeftBehind

WHOLE = Closing({"version": "1"}, {"version": "1"}, ("a.b", "c.d"), ("a.b", "c.d"))


def test_the_same_target_with_every_check_judged_passes() -> None:
    assert target_pinned(WHOLE).status is Status.PASS
    assert plan_complete(WHOLE).status is Status.PASS


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"version": "2"}, "version: 1 became 2"),
        ({}, "version: 1 became absent"),
        (None, "could not be asked who it is after the run"),
    ],
)
def test_another_target_at_the_end_proves_nothing(after: dict[str, str] | None, said: str) -> None:
    found = target_pinned(replace(WHOLE, after=after))
    assert found.status is Status.INCONCLUSIVE
    assert said in found.summary


@pytest.mark.parametrize("after", [{"version": "2"}, None])
def test_a_version_that_is_not_put_back_fails_with_the_command_for_it(after: dict[str, str] | None) -> None:
    left = LeftBehind("1", None, "it is not put back yet", "curl -X POST there")
    found = target_pinned(replace(WHOLE, after=after, left=left))
    assert (found.status, found.replay) == (Status.FAIL, "curl -X POST there")
    assert found.summary == "1 served before a drill on the target, and it is not put back yet"


@pytest.mark.parametrize(
    ("closing", "said"),
    [
        (replace(WHOLE, judged=("a.b",)), "1 of 2 planned checks never ended in a verdict"),
        (replace(WHOLE, planned=()), "no check was planned"),
        (replace(WHOLE, problem="interrupted by Ctrl-C"), "interrupted by Ctrl-C"),
    ],
)
def test_a_run_that_is_not_whole_fails(closing: Closing, said: str) -> None:
    found = plan_complete(closing)
    assert (found.status, found.summary) == (Status.FAIL, said)
