"""What a run leaves behind: complete, replaced whole, without secrets, and safe to print."""

from __future__ import annotations

import json

from tests.plugin.project import Project
from tests.plugin.stub_service import HOSTILE

SECRET = "s3cr3t-value-0123456789"
HEADERS = f'allow = ["load"]\n[service.headers]\nAuthorization = "Bearer {SECRET}"\nX-Team = "{SECRET}"\n'
TEST = """@mark.mlready('team.rule')
def test_rule(mlready_load, mlready_target, mlready):
    mlready.attach(mlready_target.headers)
    print(mlready_target.headers)
    assert mlready_load(20, 0.5).classes
    assert False, dict(mlready_target.headers)
"""


def test_a_secret_header_is_sent_and_stands_in_no_file_and_no_output(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails", "metrics.scraped")
    project.settings("[metrics]\n", service=f'url = "{project.url}"\n{HEADERS}')
    project.stub.title = f"echo of {SECRET}"
    project.tests(TEST)
    ran = project.run("--junitxml=junit.xml", "-p", "no:cacheprovider")
    assert any(SECRET in authorization for *_, authorization in project.stub.requests)
    written = [one for one in project.path.rglob("*") if one.is_file()]
    leaks = {one.name for one in written if SECRET.encode() in one.read_bytes()}
    assert leaks == {"mlready.toml"}
    assert SECRET not in ran.output
    assert ran.report["target"]["name"] == "echo of [redacted] 1.0.0"


def test_hostile_text_is_shown_and_does_nothing(project: Project) -> None:
    project.toys("fuzz.hostile")
    project.stub.title = HOSTILE
    ran = project.run()
    markdown = (project.path / "mlready-report" / "report.md").read_text("utf-8")
    for text in (ran.output, markdown, json.dumps(ran.report, ensure_ascii=False)):
        assert "\x1b[31m" not in text
        assert "\u202e" not in text
        assert "x1b[31m" in text.replace("\\\\", "\\").replace("\\[", "[")
    assert "<script>" not in markdown
    assert "[link](" not in markdown.replace("\\[link\\](", "")
    row = next(line for line in markdown.splitlines() if "`fuzz.hostile`" in line and line.startswith("|"))
    assert row.replace("\\|", "").count("|") == 6


def test_the_markdown_names_what_is_to_settle(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails", "metrics.scraped")
    project.run()
    lines = (project.path / "mlready-report" / "report.md").read_text("utf-8").splitlines()
    assert lines[0] == "# NOT READY"
    wanted = "| ✗ | `fuzz.fails` | must | it does not hold | 0.312 s, \\[0.289, 0.341\\], n = 4800, limit 0.25 s |"
    assert wanted in lines
    assert "    pytest --mlready 'mlready.toml::fuzz.fails' --mlready-seed 7" in lines
    assert "- `metrics.scraped` add to mlready.toml: \\[metrics\\]" in lines
    assert "- `contract.holds` it holds" in lines


def test_a_report_goes_where_it_is_wanted(project: Project) -> None:
    ran = project.run("--mlready-report=out/today")
    assert ran.report == {}
    assert project.report("out/today")["verdict"]["state"] == "READY"
    assert f"report: {project.path / 'out/today'}/report.json" in ran.output


def test_a_report_is_kept_out_of_version_control(project: Project) -> None:
    project.run()
    assert (project.path / "mlready-report" / ".gitignore").read_text() == "*\n"


def test_strange_files_in_the_directory_are_left_alone(project: Project) -> None:
    kept = project.file("mlready-report/notes.txt", "mine")
    also = project.file("mlready-report/evidence/mine.json", "{}")
    project.run()
    assert (kept.read_text(), also.read_text()) == ("mine", "{}")


def test_findings_are_journaled_as_they_arrive(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails")
    project.run()
    journal = (project.path / "mlready-report" / "findings.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["check"] for line in journal] == ["contract.holds", "fuzz.fails"]


def test_a_report_of_a_command_says_how_it_was_started(project: Project) -> None:
    project.command()
    ran = project.run("--mlready-seed", "11")
    assert ran.report["run"]["seed"] == 11
    assert "stub_service.py" in ran.report["target"]["command"]
    assert ran.report["target"]["before"]["info.model_version"] == "1.0.0"
    assert ran.report["target"]["before"] == ran.report["target"]["after"]
    assert f"mlready: stub 1.0.0 at {ran.report['target']['url']} (started by `" in ran.output
