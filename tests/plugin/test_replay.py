"""Saved evidence judged again: the same verdict without a request, new limits, and nothing made otherwise."""

from __future__ import annotations

import shutil

from pytest import fixture, mark

from tests.plugin.project import REPORT, Project, Ran

REPLAY = f"--mlready-replay={REPORT}"
JUDGED = ("contract.holds", "contract.limited", "fuzz.fails", "fuzz.undecided", "fuzz.advises")


@fixture
def saved(project: Project) -> Project:
    """A project of which a run was saved, judged by toys of every status that evidence alone decides."""
    project.toys(*JUDGED)
    project.settings("[contract]\nmax_batch_rows = 5\n")
    assert project.run().statuses["contract.limited"] == "pass"
    project.stub.requests.clear()
    return project


def replay(project: Project, *arguments: str) -> Ran:
    """The replay of the saved run; its own report, which lies below the saved one's."""
    ran = project.run(REPLAY, *arguments)
    return Ran(ran.exit_code, ran.output, project.report(f"{REPORT}/replay"))


def judged(ran: Ran) -> dict[str, str]:
    """The statuses but for what is said of the run itself."""
    return {name: status for name, status in ran.statuses.items() if not name.startswith("harness.")}


def test_a_replay_repeats_the_verdict_without_a_request(saved: Project) -> None:
    first = saved.report()
    before = (saved.path / REPORT / "report.json").read_bytes()
    ran = replay(saved)
    assert saved.stub.requests == []
    assert judged(ran) == judged(Ran(0, "", first))
    assert ran.state == first["verdict"]["state"] == "NOT_READY"
    assert ran.report["verdict"]["blocking"] == first["verdict"]["blocking"]
    assert ran.exit_code == 1
    assert (saved.path / REPORT / "report.json").read_bytes() == before
    assert (saved.path / REPORT / "replay" / "report.md").exists()


def test_a_replay_of_a_ready_run_is_ready(project: Project) -> None:
    assert project.run().state == "READY"
    project.stub.requests.clear()
    ran = replay(project)
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert project.stub.requests == []
    assert ran.statuses["harness.target_pinned"] == "not_applicable"


def test_a_replay_needs_no_service(project: Project) -> None:
    project.command()
    assert project.run().state == "READY"
    asked = project.asked()
    (project.path / "requests.log").rename(project.path / "before.log")
    shutil.rmtree(project.path / REPORT / "instances")
    ran = replay(project)
    assert (ran.exit_code, ran.state) == (0, "READY")
    assert asked
    assert project.asked() == []
    assert project.pids() == []
    assert not (project.path / REPORT / "replay" / "instances").exists()


def test_a_changed_limit_is_judged_again(saved: Project) -> None:
    saved.settings("[contract]\nmax_batch_rows = 4\n")
    ran = replay(saved)
    assert ran.statuses["contract.limited"] == "fail"
    assert ran.check("contract.limited")["measurement"]["limit"] == 4
    assert saved.stub.requests == []


@mark.parametrize(
    ("change", "shown"),
    [("rows", "made with rows = '"), ("seed", "made with seed = 7, not 8"), ("service", "made with url = '")],
)
def test_evidence_made_otherwise_is_not_run_saying_why(saved: Project, change: str, shown: str) -> None:
    if change == "rows":
        saved.file("rows.csv", (saved.path / "rows.csv").read_text().replace("3.5", "33.5"))
    if change == "service":
        saved.settings("[contract]\nmax_batch_rows = 5\n", service='url = "http://127.0.0.1:9"')
    ran = replay(saved, *(["--mlready-seed=8"] if change == "seed" else []))
    assert set(judged(ran).values()) == {"not_run"}
    assert shown in ran.check("contract.holds")["reason"]
    assert ran.state == "NOT_READY"
    assert ran.exit_code == 1
    assert saved.stub.requests == []


def test_evidence_that_was_not_saved_is_not_run(saved: Project) -> None:
    (saved.path / REPORT / "evidence" / "identity.json").unlink()
    ran = replay(saved)
    assert set(judged(ran).values()) == {"not_run"}
    assert "the saved run holds no identity evidence" in ran.check("contract.holds")["reason"]
    assert ran.state == "NOT_READY"


@mark.parametrize("damage", ["cut", "empty", "other"])
def test_damaged_evidence_is_an_error_with_a_clear_sentence(saved: Project, damage: str) -> None:
    path = saved.path / REPORT / "evidence" / "identity.json"
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-20], "empty": b"", "other": whole.replace(b'"identity"', b'"scrape"')}[damage])
    ran = replay(saved)
    assert set(judged(ran).values()) == {"error"}
    assert "identity.json cannot be read" in ran.check("contract.holds")["reason"]
    assert "Traceback" not in ran.check("contract.holds")["reason"]
    assert ran.exit_code == 1


def test_a_replay_runs_no_test_of_the_team(saved: Project) -> None:
    saved.tests(
        "@mark.mlready('fuzz.of_ours')\ndef test_ours(mlready_predict, mlready_rows):\n"
        "    open('ran', 'w').close()\n    mlready_predict(mlready_rows[0])\n"
    )
    assert saved.run().statuses["fuzz.of_ours"] == "pass"
    (saved.path / "ran").unlink()
    saved.stub.requests.clear()
    ran = replay(saved)
    assert ran.statuses["fuzz.of_ours"] == "not_run"
    assert "a replay judges saved evidence; it runs no tests" in ran.check("fuzz.of_ours")["reason"]
    assert not (saved.path / "ran").exists()
    assert saved.stub.requests == []


def test_a_replay_of_some_checks_is_partial(project: Project) -> None:
    project.toys("contract.holds", "contract.also_holds")
    project.run()
    ran = replay(project, "mlready.toml::contract.holds")
    assert (ran.exit_code, ran.state) == (0, "PARTIAL")


def test_a_replay_between_two_workers_says_the_same(saved: Project) -> None:
    alone = replay(saved)
    shared = replay(saved, "-p", "xdist", "-n", "2")
    assert shared.statuses == alone.statuses
    assert shared.report["verdict"] == alone.report["verdict"]
    assert saved.stub.requests == []


@mark.parametrize("directory", ["nowhere", "rows.csv", "."])
def test_a_directory_without_evidence_is_a_wrong_option(project: Project, directory: str) -> None:
    ran = project.run(f"--mlready-replay={directory}")
    assert ran.exit_code == 4
    assert "--mlready-replay:" in ran.output
    assert "does not exist; give the report directory of an earlier run" in ran.output
    assert project.stub.requests == []


def test_a_replay_can_be_replayed_and_written_elsewhere(saved: Project) -> None:
    before = (saved.path / REPORT / "report.json").read_bytes()
    saved.run(REPLAY, "--mlready-report=elsewhere")
    assert saved.report("elsewhere")["verdict"]["state"] == "NOT_READY"
    assert replay(saved).statuses == {one["id"]: one["status"] for one in saved.report("elsewhere")["checks"]}
    assert (saved.path / REPORT / "report.json").read_bytes() == before
