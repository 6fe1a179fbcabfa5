"""Which checks a run collects, from which file, and by which ids."""

from __future__ import annotations

from pytest import MonkeyPatch, mark

from tests.plugin.project import Project


def test_a_check_has_a_node_id_of_its_own(project: Project) -> None:
    project.toys("contract.holds", "fuzz.advises")
    ran = project.run("-v")
    assert "mlready.toml::contract.holds PASSED" in ran.output
    assert "mlready.toml::fuzz.advises ADVISORY" in ran.output
    assert ran.check("contract.holds")["nodeid"] == "mlready.toml::contract.holds"
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_unmarked_tests_are_deselected_and_make_no_run_partial(project: Project) -> None:
    project.tests("def test_ordinary():\n    assert False\n")
    ran = project.run()
    assert "1 passed, 1 deselected" in ran.output
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_without_the_option_checks_are_not_collected(project: Project) -> None:
    project.tests("def test_ordinary():\n    pass\n")
    ran = project.run_plain()
    assert "1 passed" in ran.output
    assert ran.report == {}
    assert project.stub.requests == []


def test_testpaths_do_not_hide_the_file_of_the_root(project: Project) -> None:
    project.file("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pass\n", "tests/test_team.py")
    ran = project.run()
    assert ran.statuses | {"contract.holds": "pass", "team.rule": "pass"} == ran.statuses
    assert ran.state == "READY"


def test_testpaths_above_the_file_do_not_collect_it_twice(project: Project) -> None:
    project.file("pytest.ini", "[pytest]\ntestpaths = .\n")
    ran = project.run()
    assert ran.check("contract.holds")["status"] == "pass"
    assert "1 passed" in ran.output


def test_a_subdirectory_judges_the_file_of_the_root(project: Project, monkeypatch: MonkeyPatch) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pass\n", "tests/test_team.py")
    monkeypatch.chdir(project.path / "tests")
    ran = project.run()
    assert ran.statuses | {"contract.holds": "pass", "team.rule": "pass"} == ran.statuses
    assert ran.check("contract.holds")["nodeid"] == "mlready.toml::contract.holds"


def test_a_nested_file_is_left_alone(project: Project) -> None:
    project.file("examples/other/mlready.toml", "nonsense")
    ran = project.run("-v")
    assert "examples" not in ran.output
    assert ran.state == "READY"


def test_another_file_is_used_when_named(project: Project) -> None:
    other = (project.path / "mlready.toml").read_text().replace('"rows.csv"', '"../../rows.csv"')
    project.file("examples/other/mlready.toml", other)
    project.file("mlready.toml", "nonsense")
    ran = project.run("examples/other/mlready.toml", "-v")
    assert "examples/other/mlready.toml::contract.holds PASSED" in ran.output
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_another_file_is_used_when_its_directory_is_named(project: Project) -> None:
    other = (project.path / "mlready.toml").read_text().replace('"rows.csv"', '"../../rows.csv"')
    project.file("examples/other/mlready.toml", other)
    assert "examples/other/mlready.toml::contract.holds PASSED" in project.run("examples/other", "-v").output


def test_two_files_are_refused(project: Project) -> None:
    project.file("other/mlready.toml", "nonsense")
    ran = project.run("mlready.toml", "other/mlready.toml")
    assert ran.exit_code == 4
    assert "one service at a time" in ran.output


@mark.parametrize("option", ["--collect-only", "--setup-plan", "--setup-only", "--fixtures", "--fixtures-per-test"])
def test_looking_only_starts_no_service_and_judges_nothing(project: Project, option: str) -> None:
    project.command()
    ran = project.run(option)
    assert ran.exit_code == 0
    assert "readiness" not in ran.output
    assert "Traceback" not in ran.output
    assert ran.report == {}
    assert project.asked() == []


def test_collect_only_lists_the_ids(project: Project) -> None:
    assert "mlready.toml::contract.holds" in project.run("--collect-only", "-q").output


def test_the_list_needs_neither_file_nor_service(project: Project) -> None:
    (project.path / "mlready.toml").unlink()
    project.real_checks()
    ran = project.run_plain("--mlready-list")
    assert ran.exit_code == 0
    assert "identity.version_agrees" in ran.output
    assert ran.report == {}
