"""A wrong configuration: one clear line, exit code 4, and a report that says so, also where a READY one lay."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project

SERVICE = '[service]\nurl = "http://127.0.0.1:1"\n'
INPUTS = '[inputs]\nrows = "rows.csv"\n'


def refused(project: Project, said: str, *arguments: str) -> None:
    """A run ends as a usage error that says so, after an earlier one that was READY."""
    settings = project.path / "mlready.toml"
    wrong = settings.read_text() if settings.exists() else None
    project.settings()
    assert project.run("--mlready-report=mlready-report").state == "READY"
    settings.unlink() if wrong is None else settings.write_text(wrong)
    ran = project.run(*arguments)
    assert ran.exit_code == 4
    assert said in ran.output
    assert "Traceback" not in ran.output
    assert "INTERNALERROR" not in ran.output
    assert ran.state == "NOT_READY"
    assert said in str(ran.problem)
    assert said.splitlines()[0][:20] in (project.path / "mlready-report" / "report.md").read_text().replace("\\", "")


def test_no_file(project: Project) -> None:
    (project.path / "mlready.toml").unlink()
    refused(project, "mlready.toml: write one (only [service] is required), or give --mlready-url URL")


def test_no_such_file_that_was_named(project: Project) -> None:
    ran = project.run("other/mlready.toml")
    assert ran.exit_code == 4
    assert "other/mlready.toml" in ran.output
    assert "Traceback" not in ran.output


@mark.parametrize(
    ("text", "said"),
    [
        ("[service\n", "mlready.toml: not valid TOML: "),
        ("", "mlready.toml: [service] is missing; say `command = "),
        ("[service]\n", "mlready.toml: service.command: give one of `command` and `url`"),
        ("[servce]\n", "mlready.toml: unknown key 'servce'; did you mean 'service'?"),
        (SERVICE + "[latency]\nrat = 1\n", "mlready.toml: unknown key 'latency.rat'; did you mean 'rate'?"),
        (SERVICE + "[latency]\nrate = '1'\np99_ms = 2\n", "mlready.toml: latency.rate: Expected `float`, got `str`"),
        (SERVICE + "[latency]\nrate = 0\np99_ms = 2\n", "mlready.toml: latency.rate: expected a number above 0, got 0"),
        (SERVICE + '[waive."fuzz.fails"]\nreason = "x"\n', 'mlready.toml: waive."fuzz.fails": missing key `expires`'),
        (SERVICE + "[inputs]\nrows = 'nowhere.csv'\n", "inputs.rows: nowhere.csv: no such file"),
        (SERVICE + "[inputs]\nrows = 'short.csv'\n", "inputs.rows: short.csv: has 1 rows, needs 20 or more"),
        (
            SERVICE + "[inputs]\nrows = 'ragged.csv'\n",
            "ragged.csv: cannot be read as csv: line 3 has 1 cells, the head",
        ),
        (SERVICE + "[inputs]\nrows = 'binary.csv'\n", "inputs.rows: binary.csv: cannot be read as csv: "),
        (SERVICE + INPUTS + "label = 'lable'\n", "inputs.label: rows.csv has no column 'lable'; did you mean 'label'?"),
    ],
)
def test_a_wrong_file(project: Project, text: str, said: str) -> None:
    project.file("short.csv", "a,b\n1,2\n")
    project.file("ragged.csv", "a,b\n1,2\n3\n")
    (project.path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    project.file("mlready.toml", text)
    refused(project, said)


@mark.parametrize(
    ("arguments", "said"),
    [
        (["--mlready-profile", "fast"], "--mlready-profile: expected one of smoke, quick, full, not 'fast'"),
        (["--mlready-allow", "all"], "--mlready-allow: expected a comma list of fuzz, load, deploy, kill, not 'all'"),
        (["--mlready-base-url", "x"], "--mlready-base-url: service.url: expected http://… or https://…, got 'x'"),
        (
            ["--mlready-base-url", "http://x", "--mlready-base-command", "y"],
            "give one of --mlready-base-command and --mlready-base-url",
        ),
        (["--mlready-url", "ftp://x"], "service.url: expected http://… or https://…, got 'ftp://x'"),
        (["mlready.toml::contract.nothing"], "no check 'contract.nothing'"),
    ],
)
def test_a_wrong_option(project: Project, arguments: list[str], said: str) -> None:
    refused(project, said, *arguments)


def test_a_url_that_needs_protocol_settings_says_which(project: Project) -> None:
    project.settings(service=f'url = "{project.url}"\njson = {{ predict_pth = "/x" }}')
    ran = project.run()
    assert ran.exit_code == 4
    assert "predict_pth" in ran.output
    assert (ran.state, "predict_pth" in str(ran.problem)) == ("NOT_READY", True)
