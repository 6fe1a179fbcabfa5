"""What the terminal shows: the header, progress while long evidence is gathered, and the verdict."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pytest import Config, TerminalReporter

from pytest_mlready import found_rows
from pytest_mlready.finding import Finding, Measurement, Severity, Status
from pytest_mlready.ledger import State

if TYPE_CHECKING:
    from pytest_mlready.report.document import Report
    from pytest_mlready.run import Run

WORDS = {State.READY: "READY", State.NOT_READY: "NOT READY", State.INCONCLUSIVE: "INCONCLUSIVE"}
COLOURS = {State.READY: "green", State.PARTIAL: "yellow", State.INCONCLUSIVE: "yellow", State.NOT_READY: "red"}
MARKS = {
    Status.FAIL: "✗",
    Status.ERROR: "!",
    Status.INCONCLUSIVE: "?",
    Status.NOT_RUN: "–",
    Status.WAIVED: "~",
    Status.ATTESTED: "@",
}
TEST_STATUSES: dict[Status, Any] = {
    Status.PASS: ("passed", ".", "PASSED"),
    Status.FAIL: ("failed", "F", "FAILED"),
    Status.INCONCLUSIVE: ("inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})),
    Status.ERROR: ("check error", "E", ("CHECK ERROR", {"red": True})),
    Status.WAIVED: ("waived", "w", ("WAIVED", {"yellow": True})),
    Status.ATTESTED: ("attested", "a", ("ATTESTED", {"yellow": True})),
    Status.NOT_APPLICABLE: ("not applicable", "n", "N/A"),
}
ADVISORY = ("advisory", "f", ("ADVISORY", {"yellow": True}))


def test_status(finding: Finding) -> Any:
    """pytest's category, letter and word for a finding: a fault that does not block is advisory."""
    if finding.status is Status.FAIL and not finding.blocks:
        return ADVISORY
    return TEST_STATUSES.get(finding.status)


def header(run: Run) -> list[str]:
    """Which service, where, how started, how much time there is; and where the rows came from, if not from a file."""
    service = run.settings.service
    how = f" (started by `{service.command}`)" if service.command and run.target is not None else ""
    if run.replay:
        return [f"mlready: judging the evidence in {run.evidence_directory} again, no traffic"]
    where = run.target.url if run.target is not None else service.url or f"`{service.command}`"
    lines = [f"mlready: {run.name} at {where}{how}, profile {run.profile}"]
    if run.target is not None and (where_from := found_rows.source(run)) != run.settings.inputs.rows:
        lines.append(f"mlready: {len(run.rows)} sample rows: {where_from}")
    return lines


def verdict_word(report: Report) -> str:
    """READY, NOT READY, INCONCLUSIVE, or PARTIAL with how much was made."""
    if report.verdict.partial is None:
        return WORDS.get(report.state, str(report.state))
    made, whole = report.verdict.partial
    partial = f"PARTIAL: {made} of {whole} checks"
    return partial if report.state is State.PARTIAL else f"{WORDS[report.state]}   {partial}"


def counts(report: Report) -> str:
    """How many checks ended in each status that a reader cares about."""
    shown = [one for one in Status if one not in {Status.UNCLAIMED, Status.NOT_APPLICABLE}]
    numbers = report.verdict.counts
    return "  ".join(f"{numbers[one]} {one.replace('_', ' ')}" for one in shown if numbers.get(one))


def summary_lines(report: Report, width: int = 100) -> Iterator[tuple[str, str | None]]:
    """The readiness section, line by line, each with its colour or None."""
    parts = [verdict_word(report), counts(report)]
    if report.verdict.unclaimed:
        parts.append(f"not claimed: {', '.join(report.verdict.unclaimed)}")
    yield " " + "   ".join(part for part in parts if part), COLOURS[report.state]
    if report.problem:
        yield f" ✗ {report.problem}", "red"
    for line in report.verdict.missing:
        yield f" ✗ {line}", "red"
    unsettled = report.of(Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.NOT_RUN)
    if report.problem:  # one clear line instead of one per check that could not be made
        unsettled = [one for one in unsettled if one.status is not Status.NOT_RUN and "harness." not in one.check]
    order = {check: place for place, check in reversed(list(enumerate(report.verdict.blocking)))}
    unsettled.sort(key=lambda one: order.get(one.check, len(order)))
    names = [one.check for one in (*unsettled, *report.of(Status.WAIVED, Status.ATTESTED))]
    indent = min(max((len(name) for name in names), default=0), 40) + 4
    for finding in unsettled:
        advice = "" if finding.severity is Severity.MUST else f"({finding.severity}) "
        yield from _entry(finding, advice + finding.summary, indent, width)
        if finding.replay and finding.status in {Status.FAIL, Status.ERROR}:
            replay = finding.replay if len(finding.replay) <= 300 else finding.replay[:300] + "…"
            for place, line in enumerate(replay.splitlines()):
                yield f"{' ' * indent}{'        ' if place else 'replay: '}{line}", None
    for finding in report.of(Status.WAIVED, Status.ATTESTED):
        yield from _entry(finding, finding.summary, indent, width)


def write_summary(reporter: TerminalReporter, report: Report) -> None:
    """Print the readiness section."""
    reporter.section("readiness", sep="=", **{COLOURS[report.state]: True, "bold": True})
    width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
    for line, colour in summary_lines(report, width):
        reporter.write_line(line, **({colour: True} if colour else {}))
    reporter.write_line(f"report: {report.directory}/report.json  report.md")


def write_unsettled(reporter: TerminalReporter) -> None:
    """Print what pytest's own FAILURES section leaves out: it knows no categories but its own."""
    categories = (TEST_STATUSES[one][0] for one in (Status.ERROR, Status.INCONCLUSIVE))
    unsettled = [report for name in categories for report in reporter.stats.get(name, ()) if report.failed]
    if not unsettled or reporter.config.option.tbstyle == "no":
        return
    reporter.section("errors and doubts", sep="=", yellow=True)
    for report in unsettled:
        reporter.section(report.nodeid, sep="_", yellow=True)
        reporter.write_line(report.longreprtext)


def explain(finding: Finding) -> Iterator[str]:
    """A finding in full, for the failure section."""
    yield f"{MARKS.get(finding.status, ' ')} {finding.check}: {finding.summary}"
    if finding.measurement is not None:
        yield f"  measured: {measured(finding.measurement)}"
    for line in finding.details[:20]:
        yield f"  - {line}"
    for name in ("why", "remedy", "replay"):
        if text := getattr(finding, name):
            yield f"  {name}: " + text.replace("\n", "\n" + " " * (len(name) + 4))


def measured(measurement: Measurement) -> str:
    """A measurement in words: value, interval, n and limit."""
    unit = "" if measurement.unit in {"", "1"} else f" {measurement.unit}"
    parts = [f"{_number(measurement.value)}{unit}"]
    if measurement.interval is not None:
        parts.append(f"[{_number(measurement.interval[0])}, {_number(measurement.interval[1])}]")
    if measurement.n is not None:
        parts.append(f"n = {measurement.n}")
    if measurement.limit is not None:
        parts.append(f"limit {_number(measurement.limit)}{unit}")
    return ", ".join(parts)


def report_progress(config: Config, run: Run) -> None:
    """Let long evidence show what it does on a terminal; elsewhere it stays silent."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None or not sys.__stdout__ or not sys.__stdout__.isatty():
        return

    def show(text: str) -> None:
        with capture.global_and_fixture_disabled():
            columns = shutil.get_terminal_size().columns - 1
            sys.__stdout__.write(f"\r\x1b[K{text[:columns]}" if text else "\r\x1b[K")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]

    run.progress = show


def _number(value: float | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _entry(finding: Finding, text: str, indent: int, width: int) -> Iterator[tuple[str, str | None]]:
    colour = "red" if finding.blocks and finding.status is not Status.INCONCLUSIVE else "yellow"
    head = f" {MARKS[finding.status]} {finding.check:<{indent - 4}} "
    wrapped = textwrap.wrap(text, max(30, width - indent), break_long_words=False) or [""]
    yield head + wrapped[0], colour
    for line in wrapped[1:]:
        yield " " * indent + line, None
