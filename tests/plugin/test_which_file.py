"""Which `mlready.toml` a run judges, where several lie in a project."""

from __future__ import annotations

from pytest import MonkeyPatch, fixture, mark

from tests.plugin.project import Project, Ran

RULE = "from pytest import mark\n\n\n@mark.mlready('{}')\ndef test_rule():\n    pass\n"


@fixture
def nested(project: Project) -> Project:
    """Settings of the root and, further down, others that claim metrics as well."""
    project.toys("contract.holds", "metrics.scraped")
    root = (project.path / "mlready.toml").read_text()
    below = root.replace('"rows.csv"', '"../../rows.csv"') + "[metrics]\n"
    project.file("examples/other/mlready.toml", below)
    project.file("examples/other/tests/deep/test_other.py", RULE.format("team.other"))
    project.file("tests/test_root.py", RULE.format("team.root"))
    return project


def made(ran: Ran) -> set[str]:
    """Node ids of what was judged and passed."""
    passed = [one for one in ran.report["checks"] if one["status"] == "pass"]
    return {one["nodeid"] for one in passed if not one["id"].startswith("harness.")}


@mark.parametrize(
    "words",
    [
        ["examples/other/tests"],
        ["examples/other/tests/deep/test_other.py"],
        ["examples/other/tests/deep/test_other.py::test_rule"],
        ["./examples/../examples/other/tests/deep"],
    ],
)
def test_the_nearest_above_what_is_named(nested: Project, words: list[str]) -> None:
    ran = nested.run(*words)
    assert made(ran) == {"examples/other/tests/deep/test_other.py::test_rule"}
    assert "metrics.scraped" not in ran.statuses  # claimed by the nearer file, so not made here instead of unclaimed
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")


def test_a_directory_between_two_files_belongs_to_the_root(nested: Project) -> None:
    ran = nested.run("tests")
    assert made(ran) == {"tests/test_root.py::test_rule"}
    assert ran.statuses["metrics.scraped"] == "unclaimed"


def test_tests_of_two_services_are_refused(nested: Project) -> None:
    ran = nested.run("tests", "examples/other/tests")
    assert ran.exit_code == 4
    assert "one service at a time" in ran.output
    assert nested.stub.requests == []


def test_a_file_and_a_test_below_it(nested: Project) -> None:
    ran = nested.run("examples/other/mlready.toml", "examples/other/tests")
    file, test = "examples/other/mlready.toml", "examples/other/tests/deep/test_other.py"
    assert made(ran) == {f"{file}::contract.holds", f"{file}::metrics.scraped", f"{test}::test_rule"}
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_a_node_id_of_another_file(nested: Project) -> None:
    ran = nested.run("examples/other/mlready.toml::metrics.scraped")
    assert made(ran) == {"examples/other/mlready.toml::metrics.scraped"}


def test_the_same_node_id_twice_is_one_check(nested: Project) -> None:
    node = "mlready.toml::contract.holds"
    assert "1 passed" in nested.run(node, node).output


def test_a_settings_file_of_another_name(nested: Project) -> None:
    nested.file("staging.toml", (nested.path / "mlready.toml").read_text() + "[metrics]\n")
    ran = nested.run("staging.toml")
    assert made(ran) == {"staging.toml::contract.holds", "staging.toml::metrics.scraped"}


def test_a_subdirectory_of_another_service_still_judges_the_root(nested: Project, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(nested.path / "examples" / "other")
    ran = nested.run()
    assert "mlready.toml::contract.holds" in made(ran)
    assert ran.statuses["metrics.scraped"] == "unclaimed"


def test_a_node_id_from_a_subdirectory(nested: Project, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(nested.path / "tests")
    assert made(nested.run("../mlready.toml::contract.holds")) == {"mlready.toml::contract.holds"}


def test_the_report_lies_at_the_root_wherever_the_run_began(nested: Project, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(nested.path / "tests")
    assert nested.run().report
    assert not (nested.path / "tests" / "mlready-report").exists()


def test_without_a_file_pytest_counts_the_checks_as_collected(project: Project) -> None:
    (project.path / "mlready.toml").unlink()
    project.toys("contract.holds", "contract.also_holds", "fuzz.fails")
    url = ("--mlready-url", project.url)
    assert "collected 3 items / 2 deselected / 1 selected" in project.run_plain(*url, "-k", "also").output
    assert "3 tests collected" in project.run_plain(*url, "--collect-only", "-q").output


def test_last_failed_without_a_file(project: Project) -> None:
    (project.path / "mlready.toml").unlink()
    project.toys("contract.holds", "fuzz.fails")
    project.run_plain("--mlready-url", project.url)
    ran = project.run_plain("--mlready-url", project.url, "--lf")
    assert (ran.exit_code, ran.report["verdict"]["partial"]) == (1, [1, 2])
    assert "contract.holds" not in ran.statuses
