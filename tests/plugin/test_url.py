"""`--mlready-url`: a running server, with a settings file or without one."""

from __future__ import annotations

from tests.plugin.project import Project


def no_file(project: Project) -> None:
    (project.path / "mlready.toml").unlink()


def test_no_file_is_needed(project: Project) -> None:
    no_file(project)
    ran = project.run_plain("--mlready-url", project.url, "-v")
    assert "mlready.toml::contract.holds PASSED" in ran.output
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert ran.report["target"]["url"] == project.url


def test_a_check_is_named_by_its_node_id_without_a_file(project: Project) -> None:
    no_file(project)
    project.toys("contract.holds", "contract.also_holds")
    ran = project.run_plain("--mlready-url", project.url, "mlready.toml::contract.holds", "-v")
    assert "mlready.toml::contract.holds PASSED" in ran.output
    assert "also_holds" not in ran.output
    assert "PARTIAL: 1 of 2 checks" in ran.output


def test_a_word_of_k_narrows_without_a_file(project: Project) -> None:
    no_file(project)
    project.toys("contract.holds", "fuzz.fails")
    ran = project.run_plain("--mlready-url", project.url, "-k", "holds")
    assert "1 passed, 1 deselected" in ran.output
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")


def test_an_unknown_check_is_a_usage_error_that_names_the_nearest(project: Project) -> None:
    no_file(project)
    ran = project.run_plain("--mlready-url", project.url, "mlready.toml::contract.hold")
    assert ran.exit_code == 4
    assert "no check 'contract.hold'; did you mean 'contract.holds'?" in ran.output


def test_it_takes_the_place_of_the_service_in_the_file_and_resets_what_is_allowed(project: Project) -> None:
    project.command(service='allow = ["fuzz", "load"]')
    ran = project.run("--mlready-url", project.url)
    assert ran.report["target"]["url"] == project.url
    assert project.asked() == []
    project.real_checks()
    ran = project.run("--mlready-url", project.url, "--mlready-profile", "smoke", "--collect-only", "-q")
    assert "rejects_bad" not in ran.output


def test_allow_says_what_may_be_done_to_it(project: Project) -> None:
    project.real_checks()
    ran = project.run("--mlready-url", project.url, "--mlready-allow", "fuzz", "--collect-only", "-q")
    assert "fuzz.rejects_bad" in ran.output


def test_allow_names_what_there_is(project: Project) -> None:
    ran = project.run("--mlready-url", project.url, "--mlready-allow", "fuz")
    assert ran.exit_code == 4
    assert "expected a comma list of fuzz, load, deploy, kill, not 'fuz'" in ran.output


def test_a_url_that_is_none_is_a_usage_error(project: Project) -> None:
    ran = project.run_plain("--mlready-url", "example.org")
    assert ran.exit_code == 4
    assert "expected http://… or https://…, got 'example.org'" in ran.output
