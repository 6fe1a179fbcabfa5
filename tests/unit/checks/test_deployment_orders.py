"""The deployment family on literal records: orders, refused and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import deployment_orders as orders
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import (
    Attempt,
    AutomaticRollback,
    Change,
    Crowd,
    DeploymentState,
    Kill,
    LeftBehind,
    Order,
    RollbackDrill,
)
from tests.unit.checks.test_deployment import HEALTHY, ONE, TWO, order
from tests.unit.records_made import settings


def change(before: str, after: str, generation: int = 1, at: str | None = "12:00", actor: str | None = "ana") -> Change:
    return Change(before, after, at, actor, "promote", generation)


SERVES = DeploymentState(ONE, ONE, change(TWO, ONE))
OTHER = DeploymentState(TWO, TWO, change(ONE, TWO, 2))
REFUSED = Order("promote", "9", "refused", 0.0, 0.1, said="404: no such version")


def attempted(kind: str, given: Order = REFUSED, after: DeploymentState = SERVES) -> RollbackDrill:
    return replace(HEALTHY, attempts=(Attempt(kind, "a case", given, SERVES, after),))


REFUSALS: dict[str, Callable[[RollbackDrill], Finding]] = {
    "no right": orders.admin_guarded,
    "unknown version": orders.unknown_version_refused,
    "corrupt artefact": orders.corrupt_artifact_refused,
}


@pytest.mark.parametrize("kind", REFUSALS)
class TestRefusals:
    def test_refused_and_nothing_changed_passes(self, kind: str) -> None:
        found = REFUSALS[kind](attempted(kind))
        assert (found.status, "(404)" in found.summary) == (Status.PASS, True)

    def test_carried_out_fails(self, kind: str) -> None:
        found = REFUSALS[kind](attempted(kind, order("promote", "9", 0.0), OTHER))
        assert found.status is Status.FAIL
        assert "was carried out: 1.0.0 served and 1.0.0 answered, now 2.0.0 and 2.0.0" in found.summary

    @pytest.mark.parametrize(
        "after", [OTHER, DeploymentState(ONE, "neither"), DeploymentState(None, ONE, problem="500")]
    )
    def test_refused_but_changed_fails(self, kind: str, after: DeploymentState) -> None:
        assert REFUSALS[kind](attempted(kind, after=after)).status is Status.FAIL

    def test_no_answer_is_inconclusive(self, kind: str) -> None:
        lost = replace(REFUSED, outcome="unanswered", said="reset")
        assert REFUSALS[kind](attempted(kind, lost)).status is Status.INCONCLUSIVE

    def test_nothing_tried_is_no_pass(self, kind: str) -> None:
        assert REFUSALS[kind](HEALTHY).status is Status.INCONCLUSIVE


class TestSurvivesKill:
    KILL = Kill(order("promote", TWO, 1.0), TWO, OTHER, 2.0, kept=True)

    def test_the_acknowledged_version_passes(self) -> None:
        assert orders.survives_kill(replace(HEALTHY, kills=(self.KILL,))).status is Status.PASS

    @pytest.mark.parametrize(
        ("kill", "words"),
        [
            (replace(KILL, after=SERVES), "1.0.0 serves and 1.0.0 answers"),
            (replace(KILL, after=replace(OTHER, answers=ONE)), "2.0.0 serves and 1.0.0 answers"),
            (replace(KILL, problem="exited at once with code 3"), "exited at once"),
            (replace(KILL, kept=False), "lost the acknowledged promote 2.0.0"),
        ],
    )
    def test_anything_else_fails(self, kill: Kill, words: str) -> None:
        found = orders.survives_kill(replace(HEALTHY, kills=(kill,)))
        assert found.status is Status.FAIL
        assert words in found.summary

    def test_too_slow_a_machine_is_inconclusive(self) -> None:
        late = replace(self.KILL, problem="never became ready", late=True)
        assert orders.survives_kill(replace(HEALTHY, kills=(late,))).status is Status.INCONCLUSIVE

    def test_the_state_is_to_blame_where_an_empty_one_is_no_trouble(self) -> None:
        late = replace(self.KILL, problem="never became ready", late=True, restarted_s=40.0, empty_s=4.0)
        found = orders.survives_kill(replace(HEALTHY, kills=(late,)))
        assert found.status is Status.FAIL
        assert "not ready again within 40 s, but on an empty state within 4.0 s" in found.summary

    def test_every_moment_is_told(self) -> None:
        other = replace(self.KILL, moment="in the middle of orders, when state.json was there")
        found = orders.survives_kill(replace(HEALTHY, kills=(self.KILL, other)))
        assert "2 × SIGKILL, 1 of them in the middle of orders" in found.summary
        failed = orders.survives_kill(replace(HEALTHY, kills=(self.KILL, replace(other, problem="ended"))))
        assert failed.summary == "after SIGKILL in the middle of orders, when state.json was there: ended"

    def test_an_order_that_was_not_acknowledged_proves_nothing(self) -> None:
        kill = replace(self.KILL, order=REFUSED)
        assert orders.survives_kill(replace(HEALTHY, kills=(kill,))).status is Status.INCONCLUSIVE
        assert orders.survives_kill(HEALTHY).status is Status.INCONCLUSIVE

    def test_what_never_came_up_could_not_be_spoiled(self) -> None:
        record = replace(HEALTHY, kills=(replace(self.KILL, problem="ended"),))
        assert "survives_kill" in orders.corrupt_artifact_refused(record).summary


class TestLeftAsFound:
    def test_the_version_that_was_found_passes(self) -> None:
        left = replace(HEALTHY, fresh=False, left=LeftBehind(ONE, ONE))
        assert orders.left_as_found(left).status is Status.PASS
        assert orders.left_as_found(HEALTHY).status is Status.PASS

    def test_another_fails_and_says_how_to_bring_it_back(self) -> None:
        left = LeftBehind(ONE, TWO, "503", "curl -X POST …")
        found = orders.left_as_found(replace(HEALTHY, fresh=False, left=left))
        assert (found.status, found.replay) == (Status.FAIL, "curl -X POST …")
        assert found.summary == "1.0.0 served before the drill, 2.0.0 now: 503"


class TestConcurrentChanges:
    ORDERS = (
        order("promote", TWO, 1.0, changed=True, generation=2),
        order("promote", ONE, 1.0, changed=True, generation=3),
        order("promote", ONE, 1.0, changed=False, generation=3),
    )
    CROWD = Crowd(ORDERS, SERVES, SERVES, (change(TWO, ONE, 3), change(ONE, TWO, 2)))

    def judged(self, **given: Any) -> Finding:
        return orders.concurrent_changes_serialise(replace(HEALTHY, crowd=replace(self.CROWD, **given)))

    def test_a_chain_that_ends_in_what_serves_passes(self) -> None:
        assert self.judged().status is Status.PASS
        assert self.judged(added=None).status is Status.PASS

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"added": (change(ONE, TWO, 2),)}, "2 changes were acknowledged, and 1 are in the history"),
            ({"added": (change(ONE, TWO, 3), change(ONE, TWO, 2))}, "the history has a gap"),
            ({"after": OTHER}, "2.0.0 serves, and the history ends with 1.0.0"),
            ({"after": replace(SERVES, answers=TWO)}, "1.0.0 is said to serve, and 2.0.0 answers"),
            ({"after": DeploymentState(None, ONE, problem="500")}, "cannot be said any more: 500"),
            ({"orders": (ORDERS[0], replace(ORDERS[1], generation=2))}, "the same number: [2, 2]"),
        ],
    )
    def test_what_the_history_does_not_explain_fails(self, given: dict[str, Any], words: str) -> None:
        found = self.judged(**given)
        assert found.status is Status.FAIL
        assert words in found.summary

    def test_an_order_without_an_answer_is_inconclusive(self) -> None:
        lost = replace(self.ORDERS[0], outcome="unanswered", said="deadline")
        assert self.judged(orders=(lost,)).status is Status.INCONCLUSIVE
        assert orders.concurrent_changes_serialise(HEALTHY).status is Status.INCONCLUSIVE


class TestIdempotent:
    def test_a_second_time_without_effect_passes(self) -> None:
        assert orders.idempotent(attempted("same again", order("promote", ONE, 1.0))).status is Status.PASS

    def test_one_more_line_in_the_history_fails(self) -> None:
        after = replace(SERVES, tip=change(ONE, ONE, 2))
        found = orders.idempotent(attempted("same again", order("promote", ONE, 1.0), after))
        assert (found.status, "one more change" in found.summary) == (Status.FAIL, True)

    def test_a_toggle_fails(self) -> None:
        record = attempted("same again", order("promote", ONE, 1.0))
        twice = Attempt("back twice", "roll back again", order("rollback", None, 2.0), SERVES, OTHER)
        found = orders.idempotent(replace(record, attempts=(*record.attempts, twice)))
        assert (found.status, "which the first rollback undid" in found.summary) == (Status.FAIL, True)

    def test_nothing_given_twice_is_no_pass(self) -> None:
        assert orders.idempotent(HEALTHY).status is Status.INCONCLUSIVE


class TestHistoryComplete:
    KEPT = (change(TWO, ONE, 2), change(ONE, TWO, 1), change(ONE, ONE, 0))

    def test_every_change_with_who_and_when_passes(self) -> None:
        assert orders.history_complete(replace(HEALTHY, history=self.KEPT)).status is Status.PASS

    @pytest.mark.parametrize(
        ("history", "words"),
        [
            (KEPT[:1], "1 of 2 acknowledged changes are not in the history"),
            ((KEPT[1], KEPT[0]), "in another order than they were made"),
            ((change("1.5.0", ONE, 2), KEPT[1]), "the history has a gap"),
            ((change(TWO, ONE, 2, actor=None), KEPT[1]), "1 of 2 changes say not who and when"),
        ],
    )
    def test_a_gap_fails(self, history: tuple[Change, ...], words: str) -> None:
        found = orders.history_complete(replace(HEALTHY, history=history))
        assert found.status is Status.FAIL
        assert words in found.summary

    def test_no_history_is_no_pass(self) -> None:
        assert orders.history_complete(HEALTHY).status is Status.INCONCLUSIVE


class TestAutoRollback:
    @pytest.mark.parametrize(
        ("seen", "status"),
        [
            (AutomaticRollback(24, None, 0.5, 0.5), Status.PASS),
            (AutomaticRollback(24, None, None, 10.0), Status.FAIL),
            (AutomaticRollback(0, "404", None, 10.0), Status.INCONCLUSIVE),
            (None, Status.INCONCLUSIVE),
        ],
    )
    def test_a_bad_version(self, seen: AutomaticRollback | None, status: Status) -> None:
        record = replace(HEALTHY, automatic=seen)
        assert orders.auto_rollback(record, settings(deployment={})).status is status
