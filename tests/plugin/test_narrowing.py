"""Runs of some of the checks: they are judged the same, and never READY."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project


@mark.parametrize(
    "words",
    [
        ["-k", "also_holds"],
        ["-m", "mlready(severity='should')"],
        ["mlready.toml::contract.also_holds"],
        ["--deselect", "mlready.toml::contract.holds", "--deselect", "mlready.toml::fuzz.advises"],
    ],
    ids=["k", "m", "node_id", "deselect"],
)
def test_a_clean_narrowed_run_says_partial_and_exits_0(project: Project, words: list[str]) -> None:
    project.toys("contract.holds", "contract.also_holds", "fuzz.advises")
    ran = project.run(*words)
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")
    assert " PARTIAL: 1 of 3 checks" in ran.output
    assert " READY" not in ran.output
    assert ran.report["verdict"]["partial"] == [1, 3]
    assert ran.report["run"]["partial"] is True


def test_a_marker_expression_selects_severity(project: Project) -> None:
    project.toys("contract.holds", "fuzz.advises")
    ran = project.run("-m", 'mlready(severity="must")', "-v")
    assert "contract.holds PASSED" in ran.output
    assert "fuzz.advises" not in ran.output


def test_a_marker_expression_that_all_match_is_a_whole_run(project: Project) -> None:
    assert project.run("-m", "mlready").state == "READY"


def test_a_fault_in_a_narrowed_run_is_not_ready(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails")
    ran = project.run("-k", "fails")
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")
    assert "NOT READY   PARTIAL: 1 of 2 checks" in ran.output


def test_a_narrowed_run_does_not_ask_for_what_the_gate_requires(project: Project) -> None:
    project.toys("contract.holds", "contract.also_holds", "metrics.scraped")
    project.settings('[gate]\nrequire = ["metrics"]\n')
    assert project.run("-k", "also_holds").state == "PARTIAL"


def test_a_users_test_named_alone_is_partial(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pass\n")
    ran = project.run("test_team.py")
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")
    assert "PARTIAL: 1 of 2 checks" in ran.output


def test_a_users_test_left_out_makes_a_run_partial(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    assert False\n")
    ran = project.run("--deselect", "test_team.py::test_rule")
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")
    assert ran.report["verdict"]["partial"] == [1, 2]


def test_last_failed_runs_what_failed(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails", "fuzz.undecided", "fuzz.advises")
    project.run()
    ran = project.run("--lf", "-v")
    assert ran.report["verdict"]["partial"] == [2, 4]
    assert {"fuzz.fails", "fuzz.undecided"} == {one for one in ran.statuses if not one.startswith("harness.")}


def test_stop_at_the_first_failure_leaves_the_rest_not_run(project: Project) -> None:
    project.toys("fuzz.fails", "contract.holds", "contract.also_holds")
    ran = project.run("-x")
    assert ran.exit_code == 1
    assert ran.statuses["fuzz.fails"] == "fail"
    assert [ran.check(one)["status"] for one in ("contract.holds", "contract.also_holds")] == ["not_run", "not_run"]
    assert ran.report["verdict"]["blocking"][0] == "fuzz.fails"
    assert set(ran.report["verdict"]["blocking"]) >= {"contract.holds", "contract.also_holds"}


def test_a_check_that_is_not_in_the_profile_is_made_when_named(project: Project) -> None:
    project.toys("contract.holds", "lifecycle.patient")
    project.command()
    assert "lifecycle.patient" not in project.run("--collect-only", "-q").output
    named = project.run("--collect-only", "-q", "mlready.toml::lifecycle.patient")
    assert "mlready.toml::lifecycle.patient" in named.output


def test_an_unclaimed_check_that_is_named_says_what_to_add(project: Project) -> None:
    project.toys("contract.holds", "metrics.scraped")
    ran = project.run("mlready.toml::metrics.scraped")
    assert ran.exit_code == 4
    assert "metrics.scraped is unclaimed; add to mlready.toml: [metrics]" in ran.output


def test_nothing_selected_is_not_a_verdict_of_ready(project: Project) -> None:
    ran = project.run("-k", "nothing_of_that_name")
    assert ran.exit_code == 5
    assert ran.state != "READY"
