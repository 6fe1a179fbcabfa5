"""A user's own test in the report: one marker, plain asserts."""

from __future__ import annotations

from pytest import mark

from tests.plugin.project import Project


def test_a_marked_test_joins_the_report(project: Project) -> None:
    project.tests(
        "@mark.mlready('team.tax_rule', severity='should', why='the tax office asks')\n"
        "def test_rule():\n    assert 1 + 1 == 3\n"
    )
    ran = project.run("-v")
    found = ran.check("team.tax_rule")
    assert "test_team.py::test_rule ADVISORY" in ran.output
    assert (found["status"], found["severity"], found["why"]) == ("fail", "should", "the tax office asks")
    assert found["reason"] == "assert (1 + 1) == 3"
    assert found["nodeid"] == "test_team.py::test_rule"
    assert found["replay"] == "pytest --mlready 'test_team.py::test_rule' --mlready-seed 7"
    assert (ran.exit_code, ran.state) == (0, "READY")


@mark.parametrize(
    ("body", "status", "word", "reason"),
    [
        ("pass", "pass", "PASSED", "the test passed"),
        ("assert False, 'no tax'", "fail", "FAILED", "no tax"),
        ("pytest.fail('no tax')", "fail", "FAILED", "no tax"),
        ("raise KeyError('tax')", "error", "CHECK ERROR", "KeyError: 'tax'"),
        ("pytest.skip('no data')", "not_run", "SKIPPED", "skipped: no data"),
        ("pytest.xfail('known')", "fail", "XFAIL", "known"),
    ],
)
def test_how_a_must_test_ends(project: Project, body: str, status: str, word: str, reason: str) -> None:
    project.tests(f"@mark.mlready('team.rule')\ndef test_rule():\n    {body}\n")
    ran = project.run("-v")
    found = ran.check("team.rule")
    assert f"test_team.py::test_rule {word}" in ran.output
    assert found["status"] == status
    assert reason in found["reason"]
    assert ran.exit_code == (0 if status == "pass" else 1)
    assert ran.state == ("READY" if status == "pass" else "NOT_READY")


def test_a_test_that_errors_shows_its_traceback(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    raise KeyError('tax')\n")
    assert "test_team.py:6: KeyError" in project.run().output


def test_a_broken_set_up_is_an_error(project: Project) -> None:
    project.tests(
        "@pytest.fixture\ndef data():\n    raise OSError('no disk')\n\n\n"
        "@mark.mlready('team.rule')\ndef test_rule(data):\n    pass\n"
    )
    ran = project.run()
    assert ran.check("team.rule")["status"] == "error"
    assert "no disk" in ran.check("team.rule")["reason"]
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


@mark.parametrize(("body", "status", "reason"), [("pass", "error", "no disk"), ("assert 0, 'tax'", "fail", "tax")])
def test_a_broken_tear_down_is_no_pass_and_hides_no_failure(
    project: Project, body: str, status: str, reason: str
) -> None:
    project.tests(
        "@pytest.fixture\ndef data():\n    yield\n    raise OSError('no disk')\n\n\n"
        f"@mark.mlready('team.rule')\ndef test_rule(data):\n    {body}\n"
    )
    ran = project.run()
    assert ran.check("team.rule")["status"] == status
    assert reason in ran.check("team.rule")["reason"]
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


def test_a_static_skip_is_not_run(project: Project) -> None:
    project.tests("@mark.skip(reason='later')\n@mark.mlready('team.rule')\ndef test_rule():\n    pass\n")
    ran = project.run()
    assert (ran.check("team.rule")["status"], ran.state) == ("not_run", "NOT_READY")
    assert "later" in ran.check("team.rule")["reason"]


def test_a_name_is_made_where_none_is_given(project: Project) -> None:
    project.tests("@mark.mlready\ndef test_rule():\n    pass\n")
    assert project.run().statuses["user.test_rule"] == "pass"


def test_parameters_are_part_of_the_id(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\n@mark.parametrize('n', [1, 2])\ndef test_rule(n):\n    assert n == 1\n")
    ran = project.run()
    assert {name: ran.statuses.get(name) for name in ("team.rule[1]", "team.rule[2]")} == {
        "team.rule[1]": "pass",
        "team.rule[2]": "fail",
    }


@mark.parametrize(("severity", "exit_code", "state"), [("must", 1, "NOT_READY"), ("should", 0, "READY")])
def test_subtests_launder_no_failure(project: Project, severity: str, exit_code: int, state: str) -> None:
    project.tests(
        f"@mark.mlready('team.rule', severity='{severity}')\ndef test_rule(subtests):\n"
        "    for n in range(3):\n        with subtests.test(n=n):\n            assert n != 1\n"
    )
    ran = project.run()
    assert ran.check("team.rule")["status"] == "fail"
    assert (ran.exit_code, ran.state) == (exit_code, state)


def test_a_failure_that_does_not_block_does_not_stop_the_run(project: Project) -> None:
    project.tests("@mark.mlready('team.rule', severity='should')\ndef test_rule():\n    assert False\n")
    ran = project.run("-x")
    assert (ran.statuses["team.rule"], ran.statuses["contract.holds"]) == ("fail", "pass")
    assert (ran.exit_code, ran.state) == (0, "READY")


def test_subtests_that_pass_make_one_pass(project: Project) -> None:
    project.tests(
        "@mark.mlready('team.rule')\ndef test_rule(subtests):\n"
        "    for n in range(3):\n        with subtests.test(n=n):\n            pass\n"
    )
    ran = project.run()
    assert (ran.check("team.rule")["status"], ran.state) == ("pass", "READY")


def test_subtests_of_unittest_launder_no_failure(project: Project) -> None:
    project.tests(
        "import unittest\n\n\n@mark.mlready('team.rule')\nclass TestTax(unittest.TestCase):\n"
        "    def test_rule(self):\n"
        "        for n in range(3):\n            with self.subTest(n=n):\n                self.assertNotEqual(n, 1)\n"
    )
    ran = project.run()
    assert (ran.check("team.rule")["status"], ran.check("team.rule")["reason"]) == ("fail", "a subtest failed")
    assert (ran.exit_code, ran.state) == (1, "NOT_READY")


def test_a_strict_expectation_of_failure_that_passes_is_a_failure(project: Project) -> None:
    project.tests("@mark.xfail(strict=True)\n@mark.mlready('team.rule')\ndef test_rule():\n    pass\n")
    ran = project.run("-v")
    assert (ran.check("team.rule")["status"], ran.check("team.rule")["reason"]) == ("fail", "[XPASS(strict)]")
    assert "test_rule FAILED" in ran.output
    assert ran.exit_code == 1


def test_a_whole_class_and_module_may_be_marked(project: Project) -> None:
    project.tests("pytestmark = mark.mlready\n\n\nclass TestTax:\n    def test_rule(self):\n        pass\n")
    assert project.run().statuses["user.test_rule"] == "pass"


@mark.parametrize(
    ("marker", "said"),
    [
        ("'a', 'b'", 'expected mlready(id, *, severity="must", why="") (got several positional arguments)'),
        ("'a', weight=3", 'expected mlready(id, *, severity="must", why="") (got [\'weight\'])'),
        ("'a', severity='mustt'", "severity must be one of must, should, may, not 'mustt'"),
        ("7", "the id must be a text such as 'team.tax_rule', not 7"),
    ],
)
def test_a_marker_that_is_wrong_is_a_usage_error(project: Project, marker: str, said: str) -> None:
    project.tests(f"@mark.mlready({marker})\ndef test_rule():\n    pass\n")
    ran = project.run()
    assert ran.exit_code == 4
    assert f"test_team.py::test_rule: mlready marker: {said}" in ran.output
    assert "Traceback" not in ran.output


def test_the_id_of_a_check_is_taken(project: Project) -> None:
    project.tests("@mark.mlready('contract.holds')\ndef test_rule():\n    pass\n")
    ran = project.run()
    assert ran.exit_code == 4
    assert "test_team.py::test_rule: mlready marker: 'contract.holds' is the id of a check" in ran.output


def test_without_the_option_marked_tests_are_skipped_with_a_reason(project: Project) -> None:
    project.tests(
        "@mark.mlready('team.rule')\ndef test_rule():\n    assert False\n\n\n"
        "def test_uses_it(mlready_client):\n    pass\n\n\ndef test_ordinary():\n    pass\n"
    )
    ran = project.run_plain("-rs")
    assert "1 passed, 2 skipped" in ran.output
    assert "part of the readiness checklist: run `pytest --mlready`" in ran.output
    assert ran.exit_code == 0
