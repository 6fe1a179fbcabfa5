"""As a user has it: installed, found by its entry point, beside every plugin that is installed, judging real checks."""

from __future__ import annotations

import json
import re
from collections import Counter

from pytest import RunResult, fixture

from tests.plugin.project import Project

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
AGREES = "mlready.toml::identity.version_agrees"


@fixture
def installed(project: Project) -> Project:
    """A project that pytest finds the plugins of by itself."""
    project.real_checks()
    project.environment.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    project.file("pytest.ini", INI)
    return project


def run(project: Project, *arguments: str) -> RunResult:
    return project.pytester.runpytest_subprocess("--mlready", *arguments)


def asked(project: Project) -> Counter[str]:
    """How often each path was asked for, since the last time."""
    paths = Counter(path for _, _, path, _ in project.stub.requests)
    project.stub.requests.clear()
    return paths


def made(project: Project) -> dict[str, str]:
    """The status of each check that was an item."""
    return {one["id"]: one["status"] for one in project.report()["checks"] if one["status"] in {"pass", "fail"}}


def test_all_plugins_at_once_change_neither_verdict_nor_traffic(installed: Project) -> None:
    run(installed, "-p", "no:randomly")
    alone, requests = made(installed), asked(installed)
    assert alone["identity.version_agrees"] == "pass"
    result = run(installed, "-n", "2", "--reruns", "2", "--timeout", "1", "-p", "randomly")
    assert "randomly" in str(result.stdout)
    assert made(installed) == alone
    assert asked(installed) == requests


def test_a_check_is_run_by_its_node_id(installed: Project) -> None:
    result = run(installed, AGREES, "-v")
    assert f"{AGREES} PASSED" in str(result.stdout)
    assert result.ret == 0
    assert installed.report()["verdict"]["state"] == "PARTIAL"
    assert asked(installed)["/openapi.json"] <= 1


def test_a_node_id_beside_a_users_test(installed: Project) -> None:
    installed.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pass\n\n\ndef test_other():\n    assert False\n")
    run(installed, AGREES, "test_team.py::test_rule").assert_outcomes(passed=2)
    assert made(installed) | {"identity.version_agrees": "pass", "team.rule": "pass"} == made(installed)


def test_the_command_to_repeat_a_fault_collects_that_check_alone(installed: Project) -> None:
    installed.toys("fuzz.fails", "contract.holds")
    toys = ("-p", "tests.plugin.toys", "-p", "no:xdist")
    run(installed, *toys)
    again = next(one["replay"] for one in installed.report()["checks"] if one["id"] == "fuzz.fails")
    found = re.fullmatch(r"pytest --mlready '(\S+)' --mlready-seed (\d+)", again)
    assert found is not None
    result = run(installed, *toys, found[1], "--mlready-seed", found[2])
    result.assert_outcomes(failed=1)


def test_a_letter_of_k_selects_real_checks(installed: Project) -> None:
    run(installed, "-k", "version_agrees or version_reported").assert_outcomes(passed=2)
    assert installed.report()["verdict"]["partial"][0] == 2


def test_collect_only_is_silent_towards_the_service(installed: Project) -> None:
    installed.command()
    result = run(installed, "--collect-only", "-q")
    assert result.ret == 0
    assert AGREES in str(result.stdout).splitlines()
    assert "readiness" not in str(result.stdout)
    assert (installed.asked(), installed.pids(), installed.report()) == ([], [], {})


def test_the_list_starts_no_service(installed: Project) -> None:
    installed.command()
    result = run(installed, "--mlready-list")
    assert result.ret == 0
    assert "identity.version_agrees" in str(result.stdout)
    assert (installed.asked(), (installed.path / "pids").exists(), installed.report()) == ([], False, {})


def test_a_run_that_does_not_use_it_runs_the_users_tests(installed: Project) -> None:
    installed.tests(
        "@mark.mlready('team.rule')\ndef test_rule():\n    assert False\n\n\n"
        "@pytest.fixture\ndef scorer(mlready_client):\n    return mlready_client\n\n\n"
        "def test_by_way_of_a_fixture(scorer):\n    pass\n\n\ndef test_ordinary():\n    pass\n"
    )
    result = installed.pytester.runpytest_subprocess("-rs", "--strict-markers")
    result.assert_outcomes(passed=1, skipped=2)
    assert str(result.stdout).count("run `pytest --mlready`") >= 1
    assert asked(installed) == Counter()
    assert not (installed.path / "mlready-report").exists()


def test_it_can_be_blocked(installed: Project) -> None:
    installed.tests("def test_ordinary():\n    pass\n")
    result = installed.pytester.runpytest_subprocess("-p", "no:mlready", "--mlready")
    assert result.ret == 4
    assert "unrecognized arguments: --mlready" in str(result.stderr)


def test_strict_and_warnings_as_errors_with_every_plugin(installed: Project) -> None:
    installed.file("pytest.ini", INI + "strict = true\nfilterwarnings = error\npython_functions = it_*\n")
    result = run(installed)
    assert result.ret == 0
    assert installed.report()["verdict"]["state"] == "READY"


def test_a_marked_flake_is_not_laundered(installed: Project) -> None:
    installed.tests(
        "tries = []\n\n\n@mark.flaky(reruns=3)\n@mark.mlready('team.rule')\ndef test_rule():\n"
        "    tries.append(1)\n    assert len(tries) > 2, f'try {len(tries)}'\n"
    )
    result = run(installed, "-k", "test_rule")
    rule = next(one for one in installed.report()["checks"] if one["id"] == "team.rule")
    assert (int(result.ret), rule["status"]) == (1, "inconclusive")
    assert "before that: try" in rule["reason"]


def test_a_subtest_that_fails_on_a_worker_fails_the_finding(installed: Project) -> None:
    installed.tests(
        "@mark.mlready('team.rule')\ndef test_rule(subtests):\n"
        "    for n in range(3):\n        with subtests.test(n=n):\n            assert n != 1\n"
    )
    result = run(installed, "-n", "1", "-k", "test_rule")
    rule = next(one for one in installed.report()["checks"] if one["id"] == "team.rule")
    assert (int(result.ret), rule["status"]) == (1, "fail")


def test_a_report_directory_that_pytest_takes_for_its_root(installed: Project) -> None:
    outside = installed.path.parent / "outside"
    outside.mkdir()
    refused = run(installed, "--mlready-report", str(outside), AGREES)
    assert refused.ret == 4
    assert f"write --mlready-report={outside}" in str(refused.stderr)
    assert run(installed, f"--mlready-report={outside}", AGREES).ret == 0
    assert json.loads((outside / "report.json").read_text())["verdict"]["state"] == "PARTIAL"
