"""Replicas behind one address, on literal records."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.checks.latency_replicas import dead_replica_ejected, replicas_balanced
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Replicas
from tests.unit.records_made import settings

NAMES = ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
TURNS = tuple(at % 3 for at in range(300))
DUE = tuple(at / 50 for at in range(450))
"""Requests after the death: 5 s until it should be left out, 4 s in which it should be."""


def balanced(seen: Replicas, **declared: Any) -> Finding:
    table = {"count": 3, "header": "x-served-by", **declared}
    return replicas_balanced(seen, settings(latency={"rate": 120, "p99_ms": 250, "replicas": table}))


def ejected(outcomes: Any, **made: Any) -> Finding:
    after = tuple((begun, outcomes(at, begun)) for at, begun in enumerate(DUE))
    seen = Replicas(**{"names": NAMES, "told": TURNS, "killed": NAMES[0], "after": after, **made})
    table = {"count": 3, "header": "x-served-by"}
    return dead_replica_ejected(seen, settings(latency={"rate": 120, "p99_ms": 250, "replicas": table}))


def test_even_shares_pass_and_are_shown() -> None:
    found = balanced(Replicas(NAMES, TURNS))
    assert found.status is Status.PASS
    assert "got 33.3% [25.6%, 41.8%] of 300 requests; 16.7% to 66.7% allowed" in found.summary
    assert [one.partition(",")[0] for one in found.details] == [f"{name}: 100 requests" for name in NAMES]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (tuple(0 if at % 30 else 1 + at % 2 for at in range(300)), "10.0.0.1:80 got 96.7%"),
        (tuple(at % 2 for at in range(300)), "10.0.0.3:80 got 0.0%"),
        (tuple(2 if at % 40 == 0 else at % 2 for at in range(300)), "10.0.0.3:80 got 2.7%"),
    ],
)
def test_uneven_shares_fail_and_name_the_replica(told: tuple[int, ...], words: str) -> None:
    found = balanced(Replicas(NAMES, told))
    assert found.status is Status.FAIL
    assert words in found.summary


def test_a_replica_that_was_never_seen_has_no_share() -> None:
    found = balanced(Replicas(NAMES[:2], tuple(at % 2 for at in range(300))))
    assert found.status is Status.FAIL
    assert "one that never answered got 0.0%" in found.summary


def test_all_to_one_may_be_the_clients_address() -> None:
    found = balanced(Replicas(NAMES[:1], (0,) * 300))
    assert found.status is Status.INCONCLUSIVE
    assert "all 300 requests went to 10.0.0.1:80" in found.summary


def test_more_is_tolerated_where_more_is_declared() -> None:
    told = tuple((0, 0, 0, 0, 1, 2)[at % 6] for at in range(1200))
    assert balanced(Replicas(NAMES, told)).status is Status.INCONCLUSIVE
    assert balanced(Replicas(NAMES, told), share_ratio=3).status is Status.PASS
    assert balanced(Replicas(NAMES, told), share_ratio=1.5).status is Status.FAIL


def test_too_few_requests_say_how_many_would_do() -> None:
    found = balanced(Replicas(NAMES, TURNS[:12]))
    assert found.status is Status.INCONCLUSIVE
    assert found.summary.endswith(" would decide")


@pytest.mark.parametrize(
    ("seen", "declared", "words"),
    [
        (Replicas((), (-1,) * 50), {}, "50 of 50 answers do not say who gave them (header 'x-served-by')"),
        (Replicas((), ()), {}, "0 of 0 answers do not say"),
        (Replicas(NAMES, TURNS + (-1,) * 40, {"reset": 40}), {}, "40 of 340 answers do not say"),
        (Replicas(NAMES, TURNS + (-1,) * 40, {"reset": 40}), {}, "not answered: 40 × reset"),
        (Replicas(tuple("abcdefg"), tuple(range(7))), {}, "7 names came for 3 declared replicas (a, b, c, d, e, …)"),
        (
            Replicas((), (-1,)),
            {"path": "/whoami", "field": "host"},
            "who gave them ('host' at /whoami)",
        ),
    ],
)
def test_where_it_is_not_told_who_answers_nothing_is_decided(
    seen: Replicas, declared: dict[str, Any], words: str
) -> None:
    table = {"count": 3, **(declared or {"header": "x-served-by"})}
    found = replicas_balanced(seen, settings(latency={"rate": 120, "p99_ms": 250, "replicas": table}))
    assert found.status is Status.INCONCLUSIVE
    assert words in found.summary


def test_failures_that_end_in_time_are_told_and_forgiven() -> None:
    found = ejected(lambda at, begun: "reset" if at % 3 == 0 and begun < 2 else "200", back_s=7.0)
    assert found.status is Status.PASS
    assert found.details == (
        "34 of 250 requests failed until then, the last failure 2.0 s after the death; "
        "10.0.0.1:80 answered again after 7.0 s",
    )


def test_a_dead_one_that_is_still_sent_its_share_fails() -> None:
    found = ejected(lambda at, _: "reset" if at % 3 == 0 else "200")
    assert found.status is Status.FAIL
    assert "failed later than 5 s after the death of 10.0.0.1:80 (66 × reset)" in found.summary


@pytest.mark.parametrize("every", [9, 14, 25])
def test_one_that_is_tried_again_now_and_then_does_not_fail(every: int) -> None:
    assert ejected(lambda at, _: "503" if at % every == 0 else "200").status is not Status.FAIL


def test_too_few_requests_after_it_decide_nothing() -> None:
    found = ejected(lambda at, _: "200", after=tuple((5.0 + at / 10, "200") for at in range(10)))
    assert found.status is Status.INCONCLUSIVE
    assert "would decide" in found.summary


def test_none_killed_is_no_pass() -> None:
    found = ejected(lambda *_: "200", killed=None, problem="no process is known by the name 'r1'")
    assert found.status is Status.INCONCLUSIVE
    assert found.summary == "none was killed: no process is known by the name 'r1'"


def test_the_only_one_that_answered_is_another_matter() -> None:
    found = ejected(lambda *_: "closed", names=NAMES[:1])
    assert found.status is Status.INCONCLUSIVE
    assert "which alone had answered: see latency.replicas_balanced" in found.summary
    assert ejected(lambda *_: "200", names=NAMES[:1]).status is Status.PASS
