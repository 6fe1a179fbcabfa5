"""What an installed plugin costs a run that does not use it, and what a run that does never imports."""

from __future__ import annotations

import json
import sys

from tests.plugin.project import Project

LIST_MODULES = """
import json, pathlib, sys

def pytest_unconfigure():
    pathlib.Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""


def modules(project: Project, *arguments: str) -> set[str]:
    """What is imported when a run ends."""
    project.file("conftest.py", LIST_MODULES)
    project.file("test_one.py", "def test_one():\n    pass\n")
    project.pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments)
    return set(json.loads((project.path / "modules.json").read_text()))


def test_a_run_that_does_not_use_it_imports_the_hooks_only(project: Project) -> None:
    more = modules(project, "-p", "pytest_mlready.plugin") - modules(project)
    assert more == {"pytest_mlready", "pytest_mlready.plugin"}


def test_its_users_marked_tests_import_no_more(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule(mlready_client):\n    pass\n")
    bare = modules(project)
    assert modules(project, "-p", "pytest_mlready.plugin") - bare == {"pytest_mlready", "pytest_mlready.plugin"}


def test_load_never_runs_in_the_process_of_pytest(project: Project) -> None:
    project.settings(service=f'url = "{project.url}"\nallow = ["load"]')
    project.tests(
        "@mark.mlready('team.rule')\ndef test_rule(mlready_load):\n    assert mlready_load(20, 0.5).classes\n"
    )
    imported = modules(project, *project.arguments("--mlready"))
    assert project.report()["verdict"]["state"] == "READY"
    assert not {"locust", "gevent", "greenlet"} & imported
    assert "pytest_mlready.active" in imported
