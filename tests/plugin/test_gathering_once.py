"""Evidence is gathered once: by whichever worker, however often a check runs again, and also if it goes wrong."""

from __future__ import annotations

import json

from pytest import mark

from tests.plugin.project import REPORT, Project

TWO = ("-p", "xdist", "-n", "2")
AGAIN = ("-p", "pytest_rerunfailures", "--reruns", "2")
CHECKS = ("contract.holds", "contract.also_holds", "contract.limited", "fuzz.advises", "lifecycle.loaded")
ASKS = "@mark.mlready('fuzz.ours_{i}')\ndef test_ours_{i}(mlready_toy_load):\n    assert mlready_toy_load.ended\n\n"


def loads(project: Project) -> list[str]:
    """`began` and `ended` of the pretended loads."""
    return [line.partition(" ")[0] for line in (project.path / "toy_load").read_text().splitlines()]


def gathered(project: Project) -> list[str]:
    """What lies in the evidence directory."""
    return sorted(path.name for path in (project.path / REPORT / "evidence").glob("*.json"))


@mark.parametrize("workers", [(), TWO, ("-p", "xdist", "-n", "3", "--dist=each")], ids=["alone", "two", "each"])
def test_a_gatherer_runs_once_whoever_asks(project: Project, workers: tuple[str, ...]) -> None:
    project.toys("lifecycle.loaded", "contract.holds")
    for i in range(4):
        project.tests(ASKS.format(i=i), f"test_{i}.py")
    ran = project.run(*workers)
    assert (ran.exit_code, ran.state) == (0, "READY"), ran.output
    assert loads(project) == ["began", "ended"]
    assert sum(path == "/health?load" for _, _, path, _ in project.stub.requests) == 1
    assert gathered(project) == ["identity.json", "mapping.json", "toy_load.json"]


@mark.parametrize(
    ("selected", "users", "arguments", "made"),
    [
        (["lifecycle.loaded"], "", (), False),
        (["lifecycle.heated"], "", (), True),
        (["lifecycle.loaded", "lifecycle.heated"], "", TWO, True),
        (["lifecycle.loaded"], ASKS.format(i=1), (), True),
    ],
    ids=["unread", "read", "read_by_another", "a_users_test_asks"],
)
def test_a_part_of_evidence_is_made_where_somebody_reads_it(
    project: Project, selected: list[str], users: str, arguments: tuple[str, ...], made: bool
) -> None:
    project.toys("lifecycle.loaded", "lifecycle.heated")
    project.tests(users)
    ran = project.run("test_team.py", *(f"mlready.toml::{name}" for name in selected), *arguments)
    assert {ran.statuses[name] for name in selected} == {"pass"}, ran.output
    assert (project.path / "toy_heat").exists() == made


def test_a_check_that_runs_again_is_judged_on_the_same_evidence(project: Project) -> None:
    project.toys("fuzz.fails", "lifecycle.loaded")
    once = project.run()
    asked = len(project.stub.requests)
    project.stub.requests.clear()
    again = project.run(*AGAIN)
    assert once.statuses == again.statuses
    assert "2 rerun" in again.output
    assert len(project.stub.requests) == asked
    assert loads(project) == ["began", "ended"] * 2  # one a run


@mark.parametrize("arguments", [(), AGAIN, TWO], ids=["alone", "reruns", "two_workers"])
def test_a_gatherer_that_raises_is_not_tried_again(project: Project, arguments: tuple[str, ...]) -> None:
    project.toys("lifecycle.loaded", "contract.holds")
    project.environment.setenv("TOY_END", "raise")
    ran = project.run(*arguments)
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")
    assert loads(project) == ["began"]
    assert ran.statuses["contract.holds"] == "pass"
    assert ran.statuses["lifecycle.loaded"] == "error"
    assert "the generator broke" in ran.check("lifecycle.loaded")["reason"]
    saved = json.loads((project.path / REPORT / "evidence" / "toy_load.json").read_text())
    assert (saved["error"], saved["record"]) == ("RuntimeError('the generator broke')", None)


def test_every_check_that_needs_broken_evidence_says_why(project: Project) -> None:
    project.toys(*CHECKS)
    project.stub.title = ""
    project.tests("@mark.mlready('fuzz.own')\ndef test_own(mlready_rows):\n    assert mlready_rows\n")
    (project.path / REPORT / "evidence").mkdir(parents=True)
    project.file(
        "conftest.py",
        "import pytest_mlready.evidence.identity as identity\n\n"
        "def broken(context):\n    open('asked', 'a').write('x')\n    raise OSError('no such luck')\n\n"
        "identity.gather = broken\n".replace("open('asked', 'a').write('x')", note()),
    )
    ran = project.run(process=True)
    named = {name for name, status in ran.statuses.items() if status == "error"}
    assert named == {"contract.holds", "contract.also_holds", "contract.limited", "fuzz.advises"}
    for name in named:
        assert "no such luck" in ran.check(name)["reason"]
    assert ran.statuses["fuzz.own"] == ran.statuses["lifecycle.loaded"] == "pass"
    assert (project.path / "asked").read_text() == "x"


def note() -> str:
    """Source that counts how often it ran."""
    return "import pathlib\n    with pathlib.Path('asked').open('a') as file:\n        file.write('x')"


def test_a_gatherer_killed_half_way_is_not_repeated(project: Project) -> None:
    project.toys("lifecycle.loaded", "contract.holds")
    project.environment.setenv("TOY_END", "kill")
    for i in range(3):
        project.tests(ASKS.format(i=i), f"test_{i}.py")
    ran = project.run(*TWO, process=True)
    assert (ran.exit_code, ran.state) == (1, "NOT_READY"), ran.output
    assert loads(project) == ["began"]
    assert ran.statuses["contract.holds"] == "pass"
    told = [ran.check(name) for name in ("lifecycle.loaded", "fuzz.ours_0", "fuzz.ours_1", "fuzz.ours_2")]
    assert sorted(one["status"] for one in told) == ["error", "error", "error", "not_run"]  # one died with its worker
    for one in told:
        assert one["status"] == "not_run" or "no toy_load evidence: the process that gathered it died" in one["reason"]


def test_evidence_of_a_service_that_died_names_what_it_died_of(project: Project) -> None:
    project.toys("lifecycle.loaded", "metrics.scraped", "contract.holds")
    project.command(tables="[metrics]\n")
    project.tests(
        "import os, signal, pathlib, time\n\n@mark.mlready('fuzz.kills')\ndef test_kills():\n"
        "    for pid in pathlib.Path('pids').read_text().split():\n        os.kill(int(pid), signal.SIGKILL)\n"
        "    time.sleep(0.2)\n"
    )
    ran = project.run(process=True)
    assert ran.state == "NOT_READY"
    for name in ("lifecycle.loaded", "metrics.scraped", "contract.holds"):
        assert ran.statuses[name] == "error", ran.output
        assert "the service was lost" in ran.check(name)["reason"]
        assert "has ended with exit code -9" in ran.check(name)["reason"]
    assert not (project.path / "toy_load").exists()


def test_a_service_lost_by_a_load_is_lost_by_that_load(project: Project) -> None:
    project.toys("metrics.scraped")
    project.environment.setenv("TOY_SECONDS", "1")
    project.command(tables="[metrics]\n")
    project.tests(
        "import os, pathlib, signal, threading\n\n"
        "def kill():\n    for pid in pathlib.Path('pids').read_text().split():\n"
        "        os.kill(int(pid), signal.SIGKILL)\n\n"
        "@mark.mlready('fuzz.during')\ndef test_during(request):\n"
        "    threading.Timer(0.05, kill).start()\n    request.getfixturevalue('mlready_toy_load')\n\n"
    )
    ran = project.run(process=True)
    assert "the service was lost by toy_load: " in (project.path / REPORT / "service.lost").read_text()
    assert ran.statuses["metrics.scraped"] == "error"
    assert "the service was lost by toy_load: " in ran.check("metrics.scraped")["reason"], ran.output
