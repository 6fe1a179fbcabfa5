"""The report document and its renderings, on a literal report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from pytest import fixture, mark

import pytest_mlready
from pytest_mlready.finding import Finding, Measurement, Severity, Status
from pytest_mlready.ledger import State, Verdict, judge
from pytest_mlready.report import document, markdown
from pytest_mlready.report.document import Report
from pytest_mlready.report.terminal import explain, measured, summary_lines, verdict_word

MEASURED = Measurement(0.312, "s", 4800, (0.289, 0.341), 0.25)
SCHEMA = json.loads(Path(pytest_mlready.__file__).with_name("report").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
FINDINGS = (
    Finding(Status.PASS, "it holds", check="contract.golden", nodeid="mlready.toml::contract.golden"),
    Finding(Status.INCONCLUSIVE, "group B has 41 rows, needs 200", check="quality.fairness", nodeid="q"),
    Finding(Status.FAIL, "p99 312 ms", MEASURED, ("slow",), "latency.p99", replay="curl a\ncurl b", nodeid="l"),
    Finding(Status.FAIL, "loose", check="contract.openapi", severity=Severity.SHOULD, nodeid="c"),
    Finding(Status.WAIVED, "waived until 2027-02-01: x", check="security.limit", nodeid="s"),
    Finding(Status.UNCLAIMED, "add to mlready.toml: [drift]", check="drift.quiet"),
)


def report(
    *findings: Finding, problem: str | None = None, partial: tuple[int, int] | None = None, **verdict: Any
) -> Report:
    """A report of these findings and nothing remarkable else."""
    empty = document.unusable("", 1_795_000_000.0)
    run = {**empty.run, "id": "0123456789ab", "profile": "quick", "seed": 7, "partial": partial is not None}
    target = {**empty.target, "name": "fraud-scorer 2.3.1", "url": "http://127.0.0.1:8123", "protocol": "auto"}
    made = replace(judge(findings, partial=partial), **verdict)
    return Report(run, target, made, findings, problem, "mlready-report")


@fixture
def whole() -> Report:
    return report(*FINDINGS, unclaimed=("drift",), missing=("gate.require names drift",))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_every_word() -> None:
    assert set(SCHEMA["$defs"]["status"]["enum"]) == set(Status)
    assert set(SCHEMA["$defs"]["check"]["properties"]["severity"]["enum"]) == set(Severity)
    assert set(SCHEMA["$defs"]["verdict"]["properties"]["state"]["enum"]) == set(State)


@mark.parametrize(
    "made",
    [
        report(),
        report(*FINDINGS, unclaimed=("drift",), missing=("x",)),
        report(*FINDINGS, partial=(2, 5), problem="the run was interrupted"),
        report(*(Finding(status, "said", check=f"a.{status}") for status in Status)),
        report(Finding(Status.FAIL, "x", Measurement("nan", interval=("-inf", 1.0), limit="1.0.0"), check="a.b")),
        document.unusable("mlready.toml: unknown key", 1_795_000_000.0),
    ],
)
def test_every_document_is_as_its_schema_has_it(made: Report) -> None:
    VALIDATOR.validate(json.loads(document.as_json(made)))


@mark.parametrize(
    ("where", "key", "value"),
    [
        ((), "more", 1),
        (("run",), "profile", "fast"),
        (("verdict",), "state", "FINE"),
        (("verdict",), "blocking", "latency.p99"),
        (("checks", 0), "status", "passed"),
        (("checks", 0), "more", 1),
        (("checks", 2, "measurement"), "interval", [1, 2, 3]),
        (("checks", 2, "measurement"), "n", -1),
    ],
)
def test_the_schema_refuses_what_is_not_a_report(
    whole: Report, where: tuple[str | int, ...], key: str, value: object
) -> None:
    plain = json.loads(document.as_json(whole))
    inner = plain
    for step in where:
        inner = inner[step]
    inner[key] = value
    assert not VALIDATOR.is_valid(plain)


def test_the_document_says_what_was_found(whole: Report) -> None:
    plain = json.loads(document.as_json(whole))
    assert plain["schema_version"] == 1
    assert plain["verdict"] == {
        "state": "NOT_READY",
        "problem": None,
        "blocking": ["latency.p99", "quality.fairness"],
        "missing": ["gate.require names drift"],
        "counts": {"fail": 2, "inconclusive": 1, "pass": 1, "unclaimed": 1, "waived": 1},
        "unclaimed": ["drift"],
        "partial": None,
    }
    assert plain["checks"][2] == {
        "id": "latency.p99", "nodeid": "l", "status": "fail", "severity": "must", "reason": "p99 312 ms",
        "measurement": {"value": 0.312, "unit": "s", "n": 4800, "interval": [0.289, 0.341], "limit": 0.25},
        "details": ["slow"], "evidence": [], "why": "", "remedy": "", "replay": "curl a\ncurl b",
    }  # fmt: skip
    assert document.as_json(whole) == document.as_json(whole)


def test_the_markdown(whole: Report) -> None:
    lines = markdown.render(whole).splitlines()
    assert lines[:7] == [
        "# NOT READY",
        "",
        "- gate.require names drift",
        "",
        "fraud-scorer 2.3.1 at http://127.0.0.1:8123, profile quick, 0 s, seed 7",
        "",
        "1 pass  2 fail  1 inconclusive  1 waived",
    ]
    row = "| ✗ | `latency.p99` | must | p99 312 ms | 0.312 s, \\[0.289, 0.341\\], n = 4800, limit 0.25 s |"
    assert row in lines
    at = lines.index("Replay `latency.p99`:")
    assert lines[at + 1 : at + 5] == ["", "    curl a", "    curl b", ""]
    assert "- `drift.quiet` add to mlready.toml: \\[drift\\]" in lines


@mark.parametrize(
    ("check", "span"),
    [("harness.target_pinned", "`harness.target_pinned`"), ("a.`x`", "`a.'x'`"), ("a|b", "`a\\|b`"), ("a\nb", "`a b`")],
)
def test_a_code_span_holds_the_id_as_it_is(check: str, span: str) -> None:
    assert f"| ✗ | {span} | must |" in markdown.render(report(Finding(Status.FAIL, "x", check=check)))


@mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", "a \\| b"), ("<b>", "&lt;b&gt;"), ("[x](http://y)", "\\[x\\](http://y)"), ("a\n# b", "a # b"),
        ("*x* _y_ `z`", "\\*x\\* \\_y\\_ \\`z\\`"), ("a\\|b", "a\\\\\\|b"), ("&lt;", "&amp;lt;"),
    ],
)  # fmt: skip
def test_markdown_takes_a_strangers_text_as_text(text: str, shown: str) -> None:
    assert f"| must | {shown} |" in markdown.render(report(Finding(Status.FAIL, text, check="a.b")))


@mark.parametrize(
    ("state", "partial", "word"),
    [
        (State.READY, None, "READY"),
        (State.NOT_READY, None, "NOT READY"),
        (State.INCONCLUSIVE, None, "INCONCLUSIVE"),
        (State.PARTIAL, (3, 70), "PARTIAL: 3 of 70 checks"),
        (State.NOT_READY, (3, 70), "NOT READY   PARTIAL: 3 of 70 checks"),
        (State.INCONCLUSIVE, (3, 70), "INCONCLUSIVE   PARTIAL: 3 of 70 checks"),
    ],
)
def test_the_verdicts_word(state: State, partial: tuple[int, int] | None, word: str) -> None:
    assert verdict_word(replace(report(), verdict=Verdict(state, partial=partial))) == word


def test_the_terminal_names_what_blocks_in_order(whole: Report) -> None:
    assert [line for line, _ in summary_lines(whole)] == [
        " NOT READY   1 pass  2 fail  1 inconclusive  1 waived   not claimed: drift",
        " ✗ gate.require names drift",
        " ✗ latency.p99      p99 312 ms",
        "                    replay: curl a",
        "                            curl b",
        " ? quality.fairness group B has 41 rows, needs 200",
        " ✗ contract.openapi (should) loose",
        " ~ security.limit   waived until 2027-02-01: x",
    ]


def test_colours_say_what_blocks(whole: Report) -> None:
    colours = {line.split()[1]: colour for line, colour in summary_lines(whole)}
    assert (colours["READY"], colours["latency.p99"], colours["quality.fairness"], colours["contract.openapi"]) == (
        "red", "red", "yellow", "yellow",
    )  # fmt: skip


def test_a_problem_is_one_line_instead_of_one_per_check() -> None:
    not_run = [Finding(Status.NOT_RUN, "planned and never judged", check=f"a.{n}") for n in range(9)]
    plan = Finding(Status.FAIL, "exited", check="harness.plan_complete")
    lines = [line for line, _ in summary_lines(report(*not_run, plan, problem="the service exited"))]
    assert lines == [" NOT READY   1 fail  9 not run", " ✗ the service exited"]


@mark.parametrize("width", [60, 80, 120])
def test_long_sentences_are_wrapped(width: int) -> None:
    one = Finding(Status.FAIL, "a long sentence " * 20, check="latency.p99")
    lines = [line for line, _ in summary_lines(report(one), width)]
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines[1:]).split()) == f"✗ latency.p99 {'a long sentence ' * 20}".strip()


@mark.parametrize(
    ("measurement", "words"),
    [
        (MEASURED, "0.312 s, [0.289, 0.341], n = 4800, limit 0.25 s"),
        (Measurement(0.93, "1"), "0.93"),
        (Measurement("2.0.0", limit="1.0.0"), "2.0.0, limit 1.0.0"),
        (Measurement(120000.0, "1/s"), "1.2e+05 1/s"),
        (Measurement(0, "1", n=0, limit=0), "0, n = 0, limit 0"),
        (Measurement(1.0, interval=("-inf", 2.0)), "1, [-inf, 2]"),
    ],
)
def test_a_measurement_in_words(measurement: Measurement, words: str) -> None:
    assert measured(measurement) == words


def test_a_failure_in_full() -> None:
    one = replace(FINDINGS[2], why="users wait", remedy="scale")
    assert list(explain(one)) == [
        "✗ latency.p99: p99 312 ms",
        "  measured: 0.312 s, [0.289, 0.341], n = 4800, limit 0.25 s",
        "  - slow",
        "  why: users wait",
        "  remedy: scale",
        "  replay: curl a\n          curl b",
    ]
