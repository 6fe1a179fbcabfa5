"""Users may override the fixtures in the root conftest, which every check sees, and nowhere else."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project

OVERRIDE = """
from dataclasses import replace

import pytest


@pytest.fixture(scope="session")
def mlready_identity(mlready_identity):
    return replace(mlready_identity, sources={"predict": "a long version"})
"""
RULE = "\n\n@mark.mlready('team.rule')\ndef test_rule():\n    pass\n"


def test_checks_see_an_override_in_the_root_conftest(project: Project) -> None:
    project.toys("contract.limited")
    project.settings("[contract]\nmax_batch_rows = 9\n")
    assert project.run().check("contract.limited")["measurement"]["value"] == 5
    project.file("conftest.py", OVERRIDE)
    ran = project.run()
    assert ran.check("contract.limited")["measurement"]["value"] == len("a long version")
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


@mark.parametrize("name", ["tests/conftest.py", "tests/test_team.py"])
def test_an_override_elsewhere_is_a_clear_error(project: Project, name: str) -> None:
    project.tests(RULE, "tests/test_rule.py")
    project.file(name, OVERRIDE + (f"\nfrom pytest import mark\n{RULE}" if "test_" in name else ""))
    ran = project.run()
    assert ran.exit_code == 4
    assert f"{name} overrides the fixture 'mlready_identity', where the checks do not see it" in ran.output
    assert f"move it to {project.path / 'conftest.py'}" in ran.output
    assert "Traceback" not in ran.output


def test_an_override_by_name_elsewhere_is_found_too(project: Project) -> None:
    source = "@pytest.fixture(name='mlready_rows', scope='session')\ndef rows():\n    return ()\n"
    project.tests(source + RULE, "tests/test_rule.py")
    ran = project.run()
    assert ran.exit_code == 4
    assert "overrides the fixture 'mlready_rows'" in ran.output


def test_an_override_in_a_test_class_is_found_too(project: Project) -> None:
    source = "class TestIt:\n    @pytest.fixture\n    def mlready_rows(self):\n        return ()\n\n"
    project.tests(f"{source}    @mark.mlready('team.rule')\n    def test_rule(self, mlready_rows):\n        pass\n")
    assert "overrides the fixture 'mlready_rows'" in project.run().output


def test_fixtures_of_other_names_are_the_users_own(project: Project) -> None:
    project.tests("@pytest.fixture\ndef ready(mlready_rows):\n    return mlready_rows\n" + RULE)
    assert project.run().state == "READY"


def test_a_fixture_that_raises_is_an_error_of_the_check(project: Project) -> None:
    project.file("conftest.py", OVERRIDE.replace("return replace", "raise LookupError('mine'); return replace"))
    ran = project.run()
    assert ran.check("contract.holds")["status"] == "error"
    assert "could not be judged: LookupError: mine" in ran.check("contract.holds")["reason"]
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


def test_a_fixture_whose_end_raises_is_an_error_of_the_last_check(project: Project) -> None:
    project.file(
        "conftest.py", OVERRIDE.replace("return replace", "yield mlready_identity; raise LookupError; replace")
    )
    ran = project.run()
    assert ran.check("contract.holds")["status"] == "error"
    assert "was judged, and then a fixture's end broke: LookupError" in ran.check("contract.holds")["reason"]
