"""The experiments family on literal records: definitions, labels, independence, ramps, analysis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import experiment_analysis, experiment_changes, experiment_config
from pytest_mlready.finding import Status
from pytest_mlready.records import (
    AnalysisTrials,
    Assigned,
    Assignments,
    Exchange,
    ExperimentDrill,
    Labelled,
    RampStep,
    Sample,
)
from pytest_mlready.settings import Settings
from tests.unit.records_made import exchange, settings

AT = 1.8e9
HALVES = [{"name": "control", "weight": 0.5}, {"name": "blue", "weight": 0.5}]


def declared(**changed: Any) -> dict[str, Any]:
    return {"name": "e", "function": "mlready-sha256-v1", "salt": "e", "variants": HALVES, **changed}


def of(*experiments: dict[str, Any]) -> Settings:
    return settings(experiments={"declared": list(experiments), "assignment": "/{experiment}/{id}"})


def told(variant: str | None, *units: str | int, experiment: str = "e") -> tuple[Assigned, ...]:
    return tuple(Assigned(experiment, unit, "random", variant, "200", f"/assignment/{unit}") for unit in units)


class TestConfigSane:
    def test_weights_that_add_up_pass(self) -> None:
        found = experiment_config.config_sane(Assignments((), asked_at=AT), of(declared()))
        assert (found.status, found.summary) == (Status.PASS, "1 definitions add up")

    @pytest.mark.parametrize(("weights", "total"), [((0.5, 0.6), 1.0), ((0.5, 0.4), 1.0), ((50, 49), 100.0)])
    def test_weights_that_do_not_fail(self, weights: tuple[float, float], total: float) -> None:
        variants = [{"name": str(at), "weight": weight} for at, weight in enumerate(weights)]
        found = experiment_config.config_sane(Assignments(()), of(declared(variants=variants, total=total)))
        assert found.status is Status.FAIL
        assert f"add up to {sum(weights):g}, not {total:g}" in found.summary

    @pytest.mark.parametrize(
        ("held", "said"),
        [
            ({"variants": [{"name": "control", "weight": 0.4}, {"name": "blue", "weight": 0.6}]}, "holds 0.4"),
            ({"variants": [{"name": "control", "weight": 0.5}, {"name": "blue", "weight": 0.6}]}, "add up to 1.1"),
            ({"variants": [{"name": "control", "weight": 1}]}, "'control' is declared to weigh 0.5"),
            ({"variants": [{"name": "control"}]}, "no variant 'blue'"),
            ({"variants": HALVES, "salt": "other"}, "holds the salt 'other'"),
            ({"detail": "not found"}, "without a list `variants`"),
            ([], "without a list `variants`"),
        ],
    )
    def test_a_service_that_holds_something_else_fails(self, held: object, said: str) -> None:
        given = {"e": exchange(200, held, method="GET", path="/experiments/e", sent=b"")}
        found = experiment_config.config_sane(Assignments((), definitions=given, asked_at=AT), of(declared()))
        assert (found.status, said in found.summary) == (Status.FAIL, True)
        assert "/experiments/e" in found.replay

    def test_weights_in_percent_and_other_fields_are_no_fault(self) -> None:
        given = {"e": exchange(200, {"variants": [{**one, "version": "2"} for one in HALVES], "salt": "e"})}
        found = experiment_config.config_sane(Assignments((), definitions=given, asked_at=AT), of(declared()))
        assert "1 are what the service holds" in found.summary

    def test_outside_its_dates_everyone_must_get_the_control(self) -> None:
        ended = of(declared(ends_at="2020-01-01T00:00:00Z"))
        inside = Assignments((*told("control", "a"), *told("blue", "b")), asked_at=AT)
        found = experiment_config.config_sane(inside, ended)
        assert found.status is Status.FAIL
        assert "1 of 2 users are in an experiment outside its dates; e does not run now, and id 'b'" in found.summary
        assert experiment_config.config_sane(replace(inside, asked=told("control", "a")), ended).status is Status.PASS
        assert experiment_config.config_sane(inside, of(declared(ends_at="2090-01-01T00:00:00Z"))).status is Status.PASS

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (exchange(404), Status.PASS),
            (exchange(200, {"variant": "control"}), Status.PASS),
            (exchange(200, {"variant": "blue"}), Status.FAIL),
            (exchange(500), Status.FAIL),
            (exchange(None), Status.FAIL),
        ],
    )
    def test_who_asks_for_what_does_not_exist(self, answer: Exchange, status: Status) -> None:
        found = experiment_config.config_sane(Assignments((), unknown=answer, asked_at=AT), of(declared()))
        assert found.status is status


class TestLabelled:
    GOOD = Labelled("ada", "blue", exchange(200), "blue", True)

    def judged(self, *labelled: Labelled, in_metrics: tuple[str, ...] | None = ("blue",)) -> Any:
        return experiment_config.labelled(Assignments((), labelled=labelled, in_metrics=in_metrics))

    def test_named_everywhere_passes(self) -> None:
        found = self.judged(self.GOOD)
        assert (found.status, found.summary) == (Status.PASS, "1 predictions name their variant, 1 in the log")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"told": None}, "names no variant"),
            ({"told": "control"}, "names 'control'"),
            ({"logged": False}, "the log has 1 of 1 predictions without"),
        ],
    )
    def test_unnamed_fails(self, changed: dict[str, Any], said: str) -> None:
        found = self.judged(replace(self.GOOD, **changed))
        assert (found.status, said in found.summary) == (Status.FAIL, True)

    def test_metrics_without_it_fail_and_no_metrics_are_not_judged(self) -> None:
        assert self.judged(self.GOOD, in_metrics=("control",)).status is Status.FAIL
        assert self.judged(self.GOOD, in_metrics=None).status is Status.PASS

    def test_a_log_that_cannot_be_read_is_said(self) -> None:
        assert "was not judged" in self.judged(replace(self.GOOD, logged=None)).details[0]

    def test_no_answer_says_nothing(self) -> None:
        assert self.judged(replace(self.GOOD, answer=exchange(422))).status is Status.INCONCLUSIVE
        assert self.judged().status is Status.INCONCLUSIVE


class TestIndependent:
    def test_two_salts_pass_and_one_fails(self) -> None:
        asked = Assignments((), asked_at=AT)
        other = declared(name="f", salt="f")
        assert experiment_config.independent(asked, of(declared(), other)).status is Status.PASS
        found = experiment_config.independent(asked, of(declared(), {**other, "salt": "e"}))
        assert found.status is Status.FAIL
        assert "'blue' has 100.0% and 0.0% of them" in found.summary or "'blue' has 0.0% and 100.0%" in found.summary

    def test_one_that_has_ended_does_not_count(self) -> None:
        ended = declared(name="f", ends_at="2020-01-01T00:00:00Z")
        found = experiment_config.independent(Assignments((), asked_at=AT), of(declared(), ended))
        assert found.status is Status.INCONCLUSIVE

    @pytest.mark.parametrize(("same", "status"), [(True, Status.FAIL), (False, Status.PASS)])
    def test_unknown_functions_are_judged_by_their_answers(self, same: bool, status: Status) -> None:
        units = tuple(f"u{n}" for n in range(400))
        first = tuple(n * 7 % 11 % 2 for n in range(400))
        second = first if same else tuple(n * 5 % 13 % 2 for n in range(400))
        names = ("control", "blue")
        samples = (Sample("e", "uuid", names, units, first), Sample("f", "uuid", names, units, second))
        unknown = of({"name": "e", "variants": HALVES}, {"name": "f", "variants": HALVES})
        found = experiment_config.independent(Assignments((), samples, asked_at=AT), unknown)
        assert found.status is status
        assert ("by the variants of" in found.summary) == same


class TestStartSmall:
    @pytest.mark.parametrize(
        ("ramp", "status"),
        [
            ([0.05, 0.2], Status.PASS),
            ([0.01], Status.PASS),
            ([0.1, 0.5], Status.FAIL),
            ([0.02, 0.5, 0.2], Status.FAIL),
            ([0.02, 0.02], Status.FAIL),
        ],
    )
    def test_the_first_step(self, ramp: list[float], status: Status) -> None:
        seen = Assignments((*told("blue", "a"), *told("control", "b", "c")))
        found = experiment_config.start_small(seen, of(declared(ramp=ramp), declared(name="f")))
        assert found.status is status
        assert found.details == (("e: now 1 of 3 users at random",) if status is Status.PASS else ())


class TestStickyRestart:
    BEFORE = Assignments((*told("blue", "a", "b", "c"), *told(None, "d")))

    def judged(self, *again: Assigned, restarted: tuple[Assigned, ...] = ()) -> Any:
        return experiment_changes.sticky_restart(self.BEFORE, ExperimentDrill(again, restarted))

    def test_the_same_passes(self) -> None:
        found = self.judged(*told("blue", "a", "b", "z"))
        assert (found.status, found.summary) == (Status.PASS, "2 users are told the same by a second process")

    def test_one_that_changes_fails(self) -> None:
        found = self.judged(*told("blue", "a"), *told("control", "b"))
        assert found.status is Status.FAIL
        assert "1 of 2 users change variants with the process; e: id 'b' was told 'blue' and then 'control'" in (
            found.summary
        )

    def test_one_that_changes_with_a_restart_fails(self) -> None:
        assert self.judged(*told("blue", "a"), restarted=told("control", "a")).status is Status.FAIL
        found = self.judged(*told("blue", "a"), restarted=told("blue", "a"))
        assert (found.status, ", 1 also after it was killed" in found.summary) == (Status.PASS, True)

    def test_nobody_in_both_says_nothing(self) -> None:
        assert self.judged(*told("blue", "z")).status is Status.INCONCLUSIVE
        assert self.judged().status is Status.INCONCLUSIVE


class TestRampMonotone:
    USERS = tuple(f"u{n}" for n in range(100))

    def step(self, share: float, treated: int, *, first: int = 0, answer: Exchange | None = None) -> RampStep:
        blue = told("blue", *self.USERS[first : first + treated])
        rest = told("control", *self.USERS[:first], *self.USERS[first + treated :])
        return RampStep("e", share, answer or exchange(200), (*blue, *rest))

    def judged(self, *steps: RampStep) -> Any:
        return experiment_changes.ramp_monotone(ExperimentDrill((), steps=steps), of(declared(ramp=[0.1, 0.2])))

    def test_who_is_in_stays_in(self) -> None:
        found = self.judged(self.step(0.1, 10), self.step(0.2, 20))
        assert (found.status, found.summary) == (Status.PASS, "10 users stayed in their variants over 1 steps")

    def test_one_leaver_fails(self) -> None:
        found = self.judged(self.step(0.1, 10), self.step(0.2, 20, first=1))
        assert found.status is Status.FAIL
        assert "from 10% to 20%, 1 of 10 users leave their variant; id 'u0'" in found.summary

    def test_a_change_without_effect_fails(self) -> None:
        found = self.judged(self.step(0.2, 0), self.step(0.5, 0))
        assert (found.status, "at 20% none of 100 users" in found.summary) == (Status.FAIL, True)

    def test_a_refused_change_says_nothing(self) -> None:
        refused = self.judged(self.step(0.1, 10, answer=exchange(401, {"detail": "who are you"})))
        assert (refused.status, "401: " in refused.summary) == (Status.INCONCLUSIVE, True)
        assert self.judged(self.step(0.01, 0), self.step(0.02, 1)).status is Status.INCONCLUSIVE


class TestStatsSound:
    GOOD = AnalysisTrials(5, 3, 400, 4, 20, 20, 20, 0, 5, 20, 0)

    @pytest.mark.parametrize(
        ("changed", "status", "said"),
        [
            ({}, Status.PASS, "4 of 400 experiments without a difference"),
            ({"false_claims": 17}, Status.INCONCLUSIVE, "not surely within 5%"),
            ({"false_claims": 150}, Status.FAIL, "with 5 looks at 3 metrics"),
            ({"missing_claims": 20}, Status.FAIL, "a third of one variant's values is missing"),
            ({"tiny_claims": 20}, Status.FAIL, "decided by 5 users each"),
            ({"found": 2}, Status.FAIL, "it finds nothing"),
            ({"problem": "KeyError: 'basket'"}, Status.FAIL, "the analysis broke: KeyError"),
            ({"null_trials": 0, "false_claims": 0}, Status.INCONCLUSIVE, "0 of 0"),
        ],
    )
    def test_trials(self, changed: dict[str, Any], status: Status, said: str) -> None:
        found = experiment_analysis.stats_sound(replace(self.GOOD, **changed))
        assert (found.status, said in found.summary) == (status, True)
