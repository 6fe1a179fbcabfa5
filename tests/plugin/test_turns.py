"""What would spoil a measurement never overlaps it: tests, loads and other runs take turns at the target."""

from __future__ import annotations

import subprocess
import sys

from pytest import mark

from tests.plugin.project import Project

TWO = ("-p", "xdist", "-n", "2")
ASKING = """
import time

@mark.mlready
@pytest.mark.parametrize("i", range({count}))
def test_ours(mlready_client, i):
    for _ in range(5):
        mlready_client.get("/health?ours")
        time.sleep(0.01)
"""


def spans(project: Project) -> list[tuple[float, float]]:
    """When the pretended loads began and ended."""
    words = [line.split() for line in (project.path / "toy_load").read_text().splitlines()]
    assert [name for name, _ in words] == ["began", "ended"] * (len(words) // 2)
    times = [float(time) for _, time in words]
    return list(zip(times[::2], times[1::2], strict=True))


def ours(project: Project) -> list[float]:
    """When the service was asked by a test of the team."""
    return [at for at, _, path, _ in project.stub.requests if path == "/health?ours"]


def test_no_test_of_the_team_overlaps_a_load(project: Project) -> None:
    project.toys("lifecycle.loaded")
    project.environment.setenv("TOY_SECONDS", "0.5")
    project.tests(ASKING.format(count=20))
    ran = project.run(*TWO, "--dist=loadfile")
    assert (ran.exit_code, ran.state) == (0, "READY"), ran.output
    [(began, ended)] = spans(project)
    assert ended - began >= 0.5
    assert len(ours(project)) == 20 * 5
    assert [at for at in ours(project) if began < at < ended] == []
    assert max(ours(project)) > began, "the load came last: nothing could have overlapped"


def test_a_load_of_a_test_overlaps_no_other_test(project: Project) -> None:
    project.settings(service=f'url = "{project.url}"\nallow = ["load"]')
    project.tests(ASKING.format(count=60))
    project.tests(
        "import pathlib\n\n@mark.mlready\ndef test_load(mlready_load):\n"
        "    load = mlready_load(40.0, 1.0)\n    assert load.classes[0].sent > 10\n"
        "    pathlib.Path('span').write_text(f'{load.started_at} {load.started_at + load.duration_s}')\n",
        "test_load.py",
    )
    ran = project.run(*TWO, "--dist=loadfile")
    assert (ran.exit_code, ran.state) == (0, "READY"), ran.output
    began, ended = map(float, (project.path / "span").read_text().split())
    loads = [at for at, _, path, _ in project.stub.requests if path == "/predict" and began < at < ended]
    assert len(loads) > 10
    assert len(ours(project)) == 60 * 5
    assert [at for at in ours(project) if began < at < ended] == []
    assert max(ours(project)) > began, "the load came last: nothing could have overlapped"


@mark.parametrize("name", ["toy_load", "identity"])
@mark.parametrize("workers", [(), TWO], ids=["alone", "two_workers"])
def test_evidence_asked_for_inside_a_call_does_not_wait_for_itself(
    project: Project, name: str, workers: tuple[str, ...]
) -> None:
    project.toys("contract.holds", "lifecycle.loaded")
    body = f"    assert request.getfixturevalue('mlready_{name}') is not None\n    mlready_predict(mlready_rows[0])\n"
    for test in ("one", "two"):
        head = f"@mark.mlready\ndef test_{test}(request, mlready_predict, mlready_rows):\n"
        project.tests(head + body, f"test_{test}.py")
    ran = project.run("--dist=loadfile", *workers) if workers else project.run()
    assert (ran.exit_code, ran.state) == (0, "READY"), ran.output
    assert len(spans(project)) == 1


def test_a_report_directory_is_one_run_s_own(project: Project) -> None:
    project.toys("lifecycle.loaded")
    project.environment.setenv("TOY_SECONDS", "2")
    with started(project) as first:
        wait_for_load(project, first)
        ran = project.run()
        assert ran.exit_code == 4
        assert "another run writes to" in ran.output
        assert "give --mlready-report DIR" in ran.output
        assert first.wait(20) == 0, first.communicate()
    assert project.report()["verdict"]["state"] == "READY"


def test_two_runs_on_one_service_take_turns(project: Project) -> None:
    project.toys("lifecycle.loaded")
    project.environment.setenv("TOY_SECONDS", "0.6")
    with started(project) as first, started(project, "--mlready-report=other") as second:
        assert first.wait(30) == 0, first.communicate()
        assert second.wait(30) == 0, second.communicate()
    (_, ended), (began, _) = spans(project)
    assert ended <= began
    loads = [at for at, _, path, _ in project.stub.requests if path == "/health?load"]
    assert len(loads) == 2


def started(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """A run in the background."""
    command = [sys.executable, "-m", "pytest", *project.arguments("--mlready", *arguments)]
    return subprocess.Popen(
        command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for_load(project: Project, run: subprocess.Popen[str]) -> None:
    """Return when its pretended load has begun."""
    while not (project.path / "toy_load").exists():
        assert run.poll() is None, run.communicate()
