"""The report as Markdown, for a pull request or a job summary."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_mlready.finding import Finding, Status
from pytest_mlready.report.document import Report
from pytest_mlready.report.terminal import MARKS, counts, measured, verdict_word


def render(report: Report) -> str:
    """The whole document, failing checks first."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    target, run = report.target, report.run
    yield f"# {verdict_word(report)}"
    yield ""
    if report.problem:
        yield f"**{_escape(report.problem)}**"
        yield ""
    for line in report.verdict.missing:
        yield f"- {_escape(line)}"
    if report.verdict.missing:
        yield ""
    name = target["name"] or "the service"
    how = f"profile {run['profile'] or '–'}, {run['duration_s']:.0f} s, seed {run['seed']}"
    yield f"{_escape(name)} at {target['url']}, {how}"
    yield ""
    yield counts(report)
    yield ""
    yield from _table("To settle", report.of(Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.NOT_RUN))
    yield from _table("Waived and attested", report.of(Status.WAIVED, Status.ATTESTED))
    yield from _folded("Passed", report.of(Status.PASS))
    yield from _folded("Not made", report.of(Status.UNCLAIMED, Status.DEFERRED, Status.NOT_APPLICABLE))


def _table(title: str, findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"## {title}"
    yield ""
    yield "| | check | level | finding | measured |"
    yield "|---|---|---|---|---|"
    for one in findings:
        value = measured(one.measurement) if one.measurement is not None else ""
        mark = MARKS.get(one.status, "✓")
        yield f"| {mark} | {_code(one.check)} | {one.severity} | {_escape(one.summary)} | {_escape(value)} |"
    yield ""
    for one in findings:
        if one.replay and one.status in {Status.FAIL, Status.ERROR}:
            yield f"Replay {_code(one.check)}:"
            yield ""
            yield from (f"    {line}" for line in one.replay.splitlines())
            yield ""


def _folded(title: str, findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"<details><summary>{title}: {len(findings)}</summary>"
    yield ""
    yield from (f"- {_code(one.check)} {_escape(one.summary)}" for one in findings)
    yield ""
    yield "</details>"
    yield ""


def _code(text: str) -> str:
    """A code span: inside one nothing but a backtick, or a table's bar, means anything."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _escape(text: str) -> str:
    """What came from a hostile target stays text: no table cell, tag or link of its own."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]])", r"\\\1", text)
