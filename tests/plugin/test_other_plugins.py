"""Beside other plugins, and under a user's hostile configuration, the checks are collected and judged as ever."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project, Ran

RULE = "@mark.mlready('team.rule')\n{}def test_rule(mlready_predict, mlready_rows):\n    {}\n"


def requests_to(project: Project, path: str) -> int:
    return sum(one == path for _, _, one, _ in project.stub.requests)


def ready(ran: Ran) -> bool:
    return (ran.exit_code, ran.state) == (0, "READY")


@mark.parametrize(
    "ini",
    [
        "addopts = --strict-markers --strict-config",
        "strict = true",
        "filterwarnings = error",
        "python_functions = it_*",
        "python_files = check_*.py\npython_classes = Suite",
        "xfail_strict = true\naddopts = -ra -W error --import-mode=importlib",
        "addopts = --runxfail --tb=no -q",
    ],
)
def test_a_users_configuration(project: Project, ini: str) -> None:
    project.real_checks()
    project.file("pytest.ini", f"[pytest]\n{ini}\n")
    ran = project.run()
    assert ran.exit_code in {0, 1}
    assert "pass" in ran.statuses.values()
    assert not {"error", "not_run"} & set(ran.statuses.values())
    assert "Warning" not in ran.output


def test_without_the_cache(project: Project) -> None:
    assert ready(project.run("-p", "no:cacheprovider"))


def test_without_a_terminal(project: Project) -> None:
    assert ready(project.run("-p", "no:terminal"))


def test_random_order(project: Project) -> None:
    project.toys("contract.holds", "contract.also_holds", "contract.limited")
    project.settings("[contract]\nmax_batch_rows = 9\n")
    project.tests(RULE.format("", "assert mlready_predict(mlready_rows[0])"))
    project.options += ["-p", "randomly"]
    for seed in (1, 2):
        ran = project.run("-v", f"--randomly-seed={seed}")
        assert ready(ran)
        ids = [line.split()[0] for line in ran.output.splitlines() if line.startswith("mlready.toml::")]
        assert ids == [f"mlready.toml::contract.{one}" for one in ("holds", "also_holds", "limited")]


@mark.parametrize("plugin", ["timeout", "pytest_timeout"], ids=["by_entry_point", "by_module"])
def test_a_short_timeout_does_not_end_long_gathering(project: Project, plugin: str) -> None:
    project.toys("lifecycle.loaded")
    project.settings(service=f'url = "{project.url}"\nallow = ["load"]')
    project.environment.setenv("TOY_SECONDS", "0.6")
    project.tests("@mark.mlready('team.rule')\n@mark.timeout(0.3)\ndef test_rule(mlready_toy_load):\n    pass\n")
    project.options += ["-p", plugin]
    assert ready(project.run("--timeout", "0.3"))


def test_a_timeout_still_ends_a_test_that_hangs(project: Project) -> None:
    project.tests(RULE.format("", "__import__('time').sleep(5)"))
    project.options += ["-p", "timeout"]
    ran = project.run("--timeout", "0.3", process=True)
    assert ran.statuses["team.rule"] == "fail"
    assert "imeout" in ran.check("team.rule")["reason"]


def test_asyncio_in_automatic_mode(project: Project) -> None:
    project.file("pytest.ini", "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    project.tests("@mark.mlready('team.rule')\nasync def test_rule(mlready_predict, mlready_rows):\n"
                  "    assert mlready_predict(mlready_rows[0]).version == '1.0.0'\n")  # fmt: skip
    project.options += ["-p", "asyncio"]
    ran = project.run()
    assert ready(ran)
    assert ran.statuses["team.rule"] == "pass"


def test_evidence_asked_for_inside_an_async_test(project: Project) -> None:
    project.file("pytest.ini", "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    project.tests("@mark.mlready('team.rule')\nasync def test_rule(request):\n"
                  "    assert request.getfixturevalue('mlready_identity').info.ok\n")  # fmt: skip
    project.options += ["-p", "asyncio"]
    assert ready(project.run())


def test_a_rerun_launders_no_flake_of_a_users_test(project: Project) -> None:
    project.tests("tries = []\n\n\n" + RULE.format("", "tries.append(1); assert len(tries) > 1, 'the first time'"))
    project.options += ["-p", "rerunfailures"]
    ran = project.run("--reruns", "2")
    assert (ran.exit_code, ran.state) == (1, "INCONCLUSIVE")
    assert "1 rerun" in ran.output
    reason = ran.check("team.rule")["reason"]
    assert reason.startswith("passed when run again; before that: ")
    assert reason.count("the first time") == reason.count("passed when run again") == 1


def test_a_rerun_gathers_no_evidence_again(project: Project) -> None:
    project.toys("fuzz.fails")
    project.options += ["-p", "rerunfailures"]
    ran = project.run("--reruns", "2")
    once = requests_to(project, "/metrics")
    assert (ran.exit_code, ran.statuses["fuzz.fails"]) == (1, "fail")
    assert "2 rerun" in ran.output
    project.stub.requests.clear()
    project.run()
    assert requests_to(project, "/metrics") == once


def test_two_workers_gather_once(project: Project) -> None:
    project.toys("contract.holds", "contract.also_holds", "fuzz.fails", "fuzz.advises")
    project.run()
    alone = len(project.stub.requests)
    project.stub.requests.clear()
    project.options += ["-p", "xdist"]
    ran = project.run("-n", "2", "-v", process=True)
    assert "mlready.toml::fuzz.fails" in ran.output
    assert "check fuzz.fails::" not in ran.output
    assert ran.statuses | {"contract.holds": "pass", "contract.also_holds": "pass", "fuzz.fails": "fail"} == (
        ran.statuses
    )
    assert len(project.stub.requests) == alone
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


def test_two_workers_below_testpaths(project: Project) -> None:
    project.file("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.tests(RULE.format("", "assert mlready_predict(mlready_rows[0])"), "tests/test_team.py")
    project.options += ["-p", "xdist"]
    ran = project.run("-n", "2", process=True)
    assert ready(ran)
    assert ran.statuses["contract.holds"] == ran.statuses["team.rule"] == "pass"


def test_a_narrowed_run_on_two_workers_is_partial(project: Project) -> None:
    project.toys("contract.holds", "contract.also_holds")
    project.options += ["-p", "xdist"]
    ran = project.run("-n", "2", "-k", "also", process=True)
    assert (ran.exit_code, ran.state, ran.report["verdict"]["partial"]) == (0, "PARTIAL", [1, 2])
