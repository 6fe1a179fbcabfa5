"""Each public fixture in a user's test."""

from __future__ import annotations

from typing import Any

from tests.plugin.project import Project


def found(project: Project, parameters: str, *lines: str, service: str = "") -> dict[str, Any]:
    """The report's entry of a marked test with these parameters and lines."""
    if service:
        project.settings(service=f'url = "{project.url}"\n{service}')
    body = "\n    ".join(lines)
    project.tests(f"@mark.mlready('team.rule')\ndef test_rule({parameters}):\n    {body}\n")
    ran = project.run()
    return {**ran.check("team.rule"), "exit_code": ran.exit_code, "output": ran.output}


def test_mlready_attaches_what_was_observed(project: Project) -> None:
    entry = found(
        project,
        "mlready",
        "mlready.observe(0.93, unit='1', n=569, interval=(0.91, 0.95), limit=0.9)",
        "mlready.attach('by hand')",
    )
    assert (entry["status"], entry["reason"]) == ("pass", "0.93, limit 0.9")
    assert entry["measurement"] == {"value": 0.93, "unit": "1", "n": 569, "interval": [0.91, 0.95], "limit": 0.9}
    assert entry["details"] == ["by hand"]


def test_mlready_takes_what_is_no_number(project: Project) -> None:
    entry = found(
        project,
        "mlready",
        "import numpy",
        "mlready.observe(float('nan'), interval=(float('-inf'), numpy.float32(0.5)), limit=float('inf'))",
    )
    assert entry["status"] == "pass"
    assert entry["measurement"] == {"value": "nan", "unit": "", "n": None, "interval": ["-inf", 0.5], "limit": "inf"}


def test_mlready_keeps_what_a_failing_test_observed(project: Project) -> None:
    entry = found(project, "mlready", "mlready.observe(0.7, limit=0.9)", "assert 0.7 > 0.9")
    assert (entry["status"], entry["measurement"]["value"]) == ("fail", 0.7)


def test_mlready_settings_are_those_of_the_file(project: Project) -> None:
    entry = found(project, "mlready_settings", "assert mlready_settings.inputs.label == 'label'")
    assert entry["status"] == "pass"


def test_mlready_rows_are_the_sample_without_its_label(project: Project) -> None:
    entry = found(
        project,
        "mlready_rows",
        "assert len(mlready_rows) == 20",
        "assert dict(mlready_rows[1]) == {'x0': 1.5, 'x1': -1, 'x2': 0.25, 'x3': 1.0}",
    )
    assert entry["status"] == "pass"


def test_mlready_target_knows_the_service(project: Project) -> None:
    entry = found(
        project, "mlready_target", f"assert mlready_target.url == {project.url!r}", "assert mlready_target.openapi"
    )
    assert entry["status"] == "pass"


def test_mlready_client_asks_the_service(project: Project) -> None:
    entry = found(
        project,
        "mlready_client",
        "answer = mlready_client.get('/model/info')",
        "assert answer.json()['model_version'] == '1.0.0'",
        "mlready_client.post('/predict', json={'features': [1, 2, 3, 4]}).raise_for_status()",
    )
    assert entry["status"] == "pass"


def test_mlready_predict_decodes_answers(project: Project) -> None:
    entry = found(
        project,
        "mlready_predict, mlready_rows",
        "one = mlready_predict(mlready_rows[0])",
        "assert (one.prediction, one.probabilities, one.version) == (1, (0.25, 0.75), '1.0.0')",
        "assert [each.prediction for each in mlready_predict(mlready_rows[:3])] == [1, 1, 1]",
    )
    assert entry["status"] == "pass"


def test_mlready_predict_fails_with_the_answer(project: Project) -> None:
    entry = found(project, "mlready_predict", "mlready_predict({'x0': 1, 'x1': 2, 'x2': 3, 'x3': 'much'})")
    assert entry["status"] == "fail"
    assert "422" in entry["reason"]


def test_mlready_load_gives_a_load_run(project: Project) -> None:
    entry = found(
        project,
        "mlready, mlready_load",
        "run = mlready_load(20, 1.0)",
        "assert sum(one.offered for one in run.classes) >= 10",
        service='allow = ["load"]',
    )
    assert entry["status"] == "pass", entry


def test_mlready_load_needs_permission(project: Project) -> None:
    entry = found(project, "mlready_load", "mlready_load(20, 1.0)")
    assert entry["status"] == "error"
    assert "--mlready-allow load" in entry["reason"]
    assert not any("predict" in path for _, _, path, _ in project.stub.requests[20:])


def test_evidence_can_be_asked_for(project: Project) -> None:
    entry = found(project, "mlready_identity", "assert mlready_identity.sources['predict'] == '1.0.0'")
    assert entry["status"] == "pass"


DRIFTED = (
    "import numpy as np",
    "rng = np.random.default_rng(1)",
    "then, now = ({'x': rng.normal(size=4000), 'y': rng.random(4000)} for _ in range(2))",
)


def test_mlready_drift_gives_a_finding_with_its_evidence(project: Project) -> None:
    entry = found(
        project,
        "mlready_drift",
        *DRIFTED,
        "assert mlready_drift(then, now).status == 'pass'",
        "found = mlready_drift(then, {**now, 'x': now['x'] + 0.5})",
        "assert found.status == 'pass', found.summary",
    )
    assert entry["status"] == "fail"
    assert "drift: x: quartiles were" in entry["reason"]
    assert entry["measurement"]["limit"] == 0.02
    assert any("wilcoxon" in line for line in entry["details"])


def test_mlready_drift_takes_files_and_says_what_it_cannot_read(project: Project) -> None:
    entry = found(project, "mlready_drift", "mlready_drift('then.json', 'now.csv')")
    assert (entry["status"], entry["reason"]) == (
        "error",
        "DataError: then.json: cannot be read: [Errno 2] No such file or directory: 'then.json'",
    )


def test_rows_near_the_samples_can_be_drawn_in_a_users_test(project: Project) -> None:
    entry = found(
        project,
        "mlready_predict",
        "from hypothesis import HealthCheck, given, settings",
        "from pytest_mlready.strategies import rows",
        "seen = []",
        "@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)",
        "@given(row=rows())",
        "def ask(row):",
        "    seen.append(mlready_predict(row).prediction)",
        "ask()",
        "assert len(seen) >= 5",
    )
    assert entry["status"] == "pass"


ASSIGNMENT = """[experiments]
assignment = "/health?experiment={experiment}&user={id}"
variant = "status"
[[experiments.declared]]
name = "check out"
variants = [{ name = "ok", weight = 1 }, { name = "b", weight = 0 }]
"""


def test_mlready_assign_tells_a_users_variant(project: Project) -> None:
    project.settings(ASSIGNMENT)
    entry = found(project, "mlready_assign", "assert mlready_assign('jos\\u00e9/7') == 'ok'", "mlready_assign(7)")
    assert entry["status"] == "pass"
    paths = [path for _, _, path, _ in project.stub.requests if "user=" in path]
    assert paths == [f"/health?experiment=check%20out&user={id}" for id in ("jos%C3%A9%2F7", "7")]


def test_mlready_assign_fails_with_what_the_service_said(project: Project) -> None:
    project.settings(ASSIGNMENT.replace('"status"', '"variant"'))
    entry = found(project, "mlready_assign", "mlready_assign('ada')")
    assert entry["status"] == "fail"
    assert "check out: the service told no variant for 'ada': it answered 200" in entry["output"]


def test_mlready_assign_knows_declared_experiments_only(project: Project) -> None:
    project.settings(ASSIGNMENT)
    entry = found(project, "mlready_assign", "mlready_assign('ada', 'chekout')")
    assert entry["status"] == "fail"
    assert "no experiment 'chekout' is declared in [experiments]; did you mean 'check out'?" in entry["output"]


def judged_by_real_checks(project: Project) -> None:
    """The real catalogue, of which nothing is run but the test."""
    project.real_checks()
    project.options += ["-k", "test_rule"]


LABELLED = ("rows = [{**row, 'truth': int(sum(row.values()) > 0)} for row in mlready_rows] * 10",)


def test_mlready_quality_asks_and_judges(project: Project) -> None:
    judged_by_real_checks(project)
    entry = found(
        project,
        "mlready_quality, mlready_rows",
        *LABELLED,
        "found = mlready_quality(rows, label='truth', threshold=0.9, noise=0)",
        "assert set(found) == {'threshold', 'beats_baseline', 'calibration'}",
        "assert found['quality.threshold'].status == 'pass', found['threshold'].summary",
        "assert found['threshold'].measurement.n == len(found.evidence.answers) == 200",
        "assert mlready_quality(rows[:20], label='truth', threshold=0.99)['threshold'].status == 'inconclusive'",
    )
    assert entry["status"] == "pass", entry["reason"]
    assert any(line.startswith("accuracy 1 [0.9851, 1] on 200 rows") for line in entry["details"])


def test_mlready_quality_takes_a_file(project: Project) -> None:
    judged_by_real_checks(project)
    project.file("held_out.csv", "x0,x1,x2,x3,y\n" + "1.5,1,1,1,0\n1.5,1,1,1,1\n" * 25)
    entry = found(
        project,
        "mlready_quality",
        "found = mlready_quality('held_out.csv', label='y', threshold=0.8)",
        "assert found['threshold'].status == 'pass', found['threshold'].summary",
    )
    assert entry["status"] == "fail"
    assert entry["reason"].startswith("accuracy 0.5 [0.3762, 0.6238] on 50 rows; at least 0.8 is demanded")


def test_mlready_quality_says_what_is_wrong(project: Project) -> None:
    judged_by_real_checks(project)
    entry = found(project, "mlready_quality, mlready_rows", "mlready_quality(mlready_rows, label='y', treshold=1)")
    assert entry["reason"] == "SettingsError: mlready_quality: unknown key 'treshold'; did you mean 'threshold'?"
    entry = found(project, "mlready_quality, mlready_rows", "mlready_quality(mlready_rows, label='y')")
    assert entry["reason"].startswith("SettingsError: quality.label: the list of rows has no column 'y'")


def test_mlready_deployment_changes_versions_as_declared(project: Project) -> None:
    declared = (
        '[deployment]\napi = "shell"\ncommands = { current = "echo 1.0.0", promote = "test {version} = 2.0.0" }\n'
    )
    entry = found(
        project,
        "mlready_deployment",
        "from pytest import raises",
        "from pytest_mlready.deployment import Refused",
        "assert mlready_deployment.current() == '1.0.0'",
        "mlready_deployment.promote('2.0.0')",
        "with raises(Refused, match='exit code 1'):",
        "    mlready_deployment.rollback('3.0.0')",
        service=f'allow = ["deploy"]\n{declared}',
    )
    assert entry["status"] == "pass", entry["output"]


def test_mlready_deployment_undeclared_says_what_to_add(project: Project) -> None:
    entry = found(project, "mlready_deployment", "pass")
    assert entry["status"] == "error"
    assert "add [deployment] to mlready.toml" in entry["reason"]


def test_mlready_canary_compares_two_instances(project: Project) -> None:
    entry = found(
        project,
        "mlready_canary",
        f"found = mlready_canary({project.url!r}, {project.url!r}, labels=[7] * 20, points=30)",
        "told = {one.metric: one.verdict for one in found.metrics}",
        "assert {told[name] for name in ('errors', 'score', 'wrong')} == {'pass'}, told",
        "assert set(told) == {'latency_s', 'slowest_s', 'errors', 'score', 'wrong'}",
        service='allow = ["load"]\n',
    )
    assert entry["status"] == "pass", entry["output"]
