"""No rows are declared: those that the service publishes are used, and the report says so."""

from __future__ import annotations

from typing import Any

from pytest import MonkeyPatch, fixture

from tests.plugin import stub_service
from tests.plugin.project import Project

EXAMPLE = {"features": [1.0, 2.0, 3.0, 4.0]}


@fixture
def published(project: Project, monkeypatch: MonkeyPatch) -> Project:
    """A project without settings and rows; the service's document has an example."""
    document: Any = stub_service._document()
    media = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    media["examples"] = {"one": {"value": EXAMPLE}, "two": {"value": {"features": [-1, 0, 0.5, -9]}}}
    monkeypatch.setattr(stub_service, "_document", lambda: document)
    for name in ("mlready.toml", "rows.csv"):
        (project.path / name).unlink()
    project.real_checks()
    return project


def test_a_url_is_enough(published: Project) -> None:
    ran = published.run_plain("--mlready-url", published.url, "-k", "fuzz.deterministic", "-v")
    assert "mlready: 2 sample rows: the examples in its OpenAPI document; [inputs] rows" in ran.output
    assert "fuzz.deterministic PASSED" in ran.output
    assert ran.report["run"]["rows"]["count"] == 2


def test_nothing_rude_is_sent_without_permission(published: Project) -> None:
    ran = published.run_plain("--mlready-url", published.url, "-k", "fuzz.deterministic")
    assert ran.check("fuzz.no_server_error")["reason"] == 'add to mlready.toml: [service] allow = ["fuzz"]'


def test_a_check_is_named_by_its_node_id(published: Project) -> None:
    ran = published.run_plain("--mlready-url", published.url, "mlready.toml::fuzz.deterministic", "-v")
    assert "fuzz.deterministic PASSED" in ran.output
    assert ran.exit_code == 0


def test_saved_rows_are_judged_again(published: Project) -> None:
    published.run_plain("--mlready-url", published.url, "-k", "fuzz.deterministic")
    ran = published.run_plain(
        "--mlready-url", published.url, "-k", "fuzz.deterministic", "--mlready-replay=mlready-report", "-v"
    )
    assert "fuzz.deterministic PASSED" in ran.output


def test_workers_have_them_too(published: Project) -> None:
    published.options = ["-p", "xdist.plugin"]
    ran = published.run_plain("--mlready-url", published.url, "-k", "fuzz.deterministic", "-n", "2", process=True)
    assert "1 passed" in ran.output
    assert ran.report["run"]["rows"]["count"] == 2


def test_without_examples_the_line_to_add_is_said(project: Project) -> None:
    project.real_checks()
    (project.path / "mlready.toml").unlink()
    ran = project.run_plain("--mlready-url", project.url, "-k", "contract.openapi")
    assert "mlready: 0 sample rows: none: no [inputs] rows are declared" in ran.output
    assert ran.check("fuzz.deterministic")["reason"] == 'add to mlready.toml: [inputs] rows = "sample.csv"'
    ran = project.run_plain("--mlready-url", project.url, "mlready.toml::fuzz.deterministic")
    assert ran.exit_code == 4
    assert "fuzz.deterministic is unclaimed; add to mlready.toml: [inputs] rows" in ran.output
