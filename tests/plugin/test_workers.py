"""Narrowing, reports and targets with two workers: as in one process."""

from __future__ import annotations

from xml.etree import ElementTree

from pytest import MonkeyPatch, fixture, mark

from tests.plugin.project import Project

TWO = ("-n", "2")


@fixture
def workers(project: Project) -> Project:
    """A project with a pass, a fault and a doubt, and pytest-xdist."""
    project.toys("contract.holds", "contract.also_holds", "fuzz.fails", "fuzz.undecided")
    project.options += ["-p", "xdist"]
    return project


@mark.parametrize("dist", ["loadfile", "worksteal"])
def test_however_items_are_dealt_out_the_verdict_is_the_same(workers: Project, dist: str) -> None:
    alone = workers.run()
    dealt = workers.run(*TWO, "--dist", dist, process=True)
    assert (dealt.exit_code, dealt.state, dealt.statuses) == (alone.exit_code, alone.state, alone.statuses)


def test_a_marker_expression(workers: Project) -> None:
    workers.toys("contract.holds", "fuzz.advises")
    ran = workers.run(*TWO, "-m", "mlready(severity='should')", process=True)
    assert (ran.exit_code, ran.state, ran.report["verdict"]["partial"]) == (0, "PARTIAL", [1, 2])
    assert "fuzz.advises" in ran.statuses
    assert "contract.holds" not in ran.statuses


def test_last_failed(workers: Project) -> None:
    workers.run()
    ran = workers.run(*TWO, "--lf", process=True)
    assert {one for one in ran.statuses if not one.startswith("harness.")} == {"fuzz.fails", "fuzz.undecided"}
    assert ran.report["verdict"]["partial"] == [2, 4]


def test_stop_at_the_first_failure_leaves_the_rest_not_run(workers: Project) -> None:
    workers.toys("contract.holds")
    test = "@mark.mlready('team.t{0}')\ndef test_{0}():\n    __import__('time').sleep(0.1)\n    assert {0} > 1\n"
    workers.tests("\n\n".join(test.format(n) for n in range(20)))
    ran = workers.run(*TWO, "-x", process=True)
    assert ran.state == "NOT_READY"
    team = {name: status for name, status in ran.statuses.items() if name.startswith("team.")}
    assert len(team) == 20
    assert {"fail", "not_run"} <= set(team.values()) <= {"pass", "fail", "not_run"}
    assert list(team.values()).count("not_run") > 10


def test_each_check_is_one_case_of_junit(workers: Project) -> None:
    workers.run(*TWO, "--junitxml=junit.xml", process=True)
    cases = list(ElementTree.parse(workers.path / "junit.xml").getroot().iter("testcase"))
    status = {
        str(case.get("name")): next(
            one.get("value") for one in case.iter("property") if one.get("name") == "mlready.status"
        )
        for case in cases
    }
    assert len(cases) == len(status) == 4
    assert (status["contract.holds"], status["fuzz.fails"], status["fuzz.undecided"]) == (
        "pass",
        "fail",
        "inconclusive",
    )


def test_a_url_without_a_file(workers: Project) -> None:
    (workers.path / "mlready.toml").unlink()
    workers.toys("contract.holds", "contract.also_holds")
    ran = workers.run_plain("--mlready-url", workers.url, *TWO, "mlready.toml::contract.holds", process=True)
    assert (ran.exit_code, ran.state, ran.report["verdict"]["partial"]) == (0, "PARTIAL", [1, 2])


def test_a_subdirectory(workers: Project, monkeypatch: MonkeyPatch) -> None:
    workers.toys("contract.holds")
    workers.tests("@mark.mlready('team.rule')\ndef test_rule():\n    pass\n", "tests/test_team.py")
    monkeypatch.chdir(workers.path / "tests")
    ran = workers.run(*TWO, process=True)
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert ran.statuses["contract.holds"] == ran.statuses["team.rule"] == "pass"


def test_collect_only_starts_nothing(workers: Project) -> None:
    workers.command()
    ran = workers.run(*TWO, "--collect-only", "-q", process=True)
    assert ran.exit_code == 0
    assert "mlready.toml::contract.holds" in ran.output
    assert (workers.asked(), ran.report) == ([], {})


def test_one_service_is_started_for_all(workers: Project) -> None:
    workers.toys("contract.holds", "contract.also_holds")
    workers.command()
    ran = workers.run(*TWO, process=True)
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert len((workers.path / "pids").read_text().split()) == 1
    assert workers.pids() == []


def test_a_users_flake_is_not_laundered(workers: Project) -> None:
    workers.options += ["-p", "rerunfailures"]
    workers.tests(
        "tries = []\n\n\n@mark.mlready('team.rule')\ndef test_rule():\n"
        "    tries.append(1)\n    assert len(tries) > 1, 'the first time'\n"
    )
    ran = workers.run("-n", "1", "--reruns", "2", "-k", "test_rule", process=True)
    assert (ran.exit_code, ran.statuses["team.rule"]) == (1, "inconclusive")


def test_random_order_is_the_same_for_all(workers: Project) -> None:
    workers.toys("contract.holds", "contract.also_holds")
    workers.options += ["-p", "randomly"]
    for n in range(4):
        workers.tests(f"@mark.mlready('team.rule_{n}')\ndef test_rule():\n    pass\n", f"test_{n}.py")
    ran = workers.run(*TWO, process=True)
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert sum(name.startswith("team.") for name in ran.statuses) == 4
