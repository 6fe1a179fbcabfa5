"""From the reports that pytest makes of items to findings, whichever process they come from."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from pytest import CallInfo, CollectReport, Item, SubtestReport, TestReport, hookimpl

from pytest_mlready import observing
from pytest_mlready.collect import PROPERTY, CheckItem, NotReady, attach
from pytest_mlready.finding import Finding, Status, errored
from pytest_mlready.ledger import excuse
from pytest_mlready.outcome import Outcome
from pytest_mlready.report import terminal


class Reporting:
    """Makes a finding of each item's end, puts it on the report, and takes it in on the controller."""

    def __init__(self, outcome: Outcome, *, is_worker: bool) -> None:
        self.outcome = outcome
        self.run = outcome.run
        self.is_worker = is_worker
        self.in_call: str | None = None
        self._failed_subtests: set[str] = set()

    @hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Item) -> Generator[None, Any, Any]:
        self.in_call = item.nodeid
        mine = isinstance(item, CheckItem)
        try:
            if not mine:
                observing.refuse_missing(item)
                self.run.hold()
            return (yield)
        finally:
            self.in_call = None
            if not mine:
                self.run.release()

    @hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Item, call: CallInfo[Any]) -> Generator[None, TestReport, TestReport]:
        report = yield
        self._keep_secrets(report)
        if self.in_call is not None:  # a subtest's report; its parent's comes when the call is over
            return report
        if isinstance(item, CheckItem):
            if report.failed and call.excinfo is not None:
                self._judge_broken(item, report, call)
            return report
        decided = call.when == "call" or call.excinfo is not None
        if decided and item.get_closest_marker("mlready") is not None:
            finding = excuse(observing.concluded(item, call, report), self.run.settings, self.run.today)
            self._attach(item, report, finding)
            if report.failed and not finding.blocks:
                report.outcome = "passed"
        return report

    def _keep_secrets(self, report: TestReport) -> None:
        """A failing test shows its values, and what was captured: headers that were sent may be among them."""
        secrets = self.run.secrets
        if any(one in report.longreprtext for one in secrets):
            report.longrepr = self.outcome.redacted(report.longreprtext)
        if any(one in text for _, text in report.sections for one in secrets):
            report.sections = [(name, self.outcome.redacted(text)) for name, text in report.sections]

    def _judge_broken(self, item: CheckItem, report: TestReport, call: CallInfo[Any]) -> None:
        """A check that raised, or a fixture of it, is an error: ours, or the user's, and not the service's."""
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, NotReady):
            return
        said = (str(error).splitlines() or [""])[0]
        what = "could not be judged" if call.when != "teardown" else "was judged, and then a fixture's end broke"
        broken = item.check.sign(errored(f"{what}: {type(error).__name__}: {said}"))
        finding = excuse(broken, self.run.settings, self.run.today)
        self._attach(item, report, finding)
        if call.when == "call" and not finding.blocks:
            report.outcome = "passed"

    def _attach(self, item: Item, report: TestReport, finding: Finding) -> None:
        attach(item, self.outcome.complete(finding, item.nodeid))
        report.user_properties = list(item.user_properties)

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        if isinstance(report, SubtestReport):
            if report.failed:
                self._failed_subtests.add(report.nodeid)
            return
        told = report.when != "teardown" or report.failed  # a teardown repeats what the call has said
        if told and not self.is_worker and (finding := carried(report)) is not None:
            if finding.status is Status.PASS and report.nodeid in self._failed_subtests:  # unittest's leave it a pass
                finding = replace(finding, status=Status.FAIL, summary="a subtest failed")
            self.outcome.record(finding)

    def pytest_report_teststatus(self, report: CollectReport | TestReport) -> Any:
        finding = carried(report)
        if finding is None or report.when == "teardown" or (report.when == "setup" and report.passed):
            return None
        return None if report.outcome in {"skipped", "rerun"} else terminal.test_status(finding)


def carried(report: Any) -> Finding | None:
    """The finding that a report carries.

    pytest fails the parent of failed subtests after its report was made: the finding then follows the report.
    """
    text = next((value for name, value in getattr(report, "user_properties", ()) if name == PROPERTY), None)
    if text is None:
        return None
    finding = Finding.from_json(text)
    if finding.status is Status.PASS and report.failed:
        return replace(finding, status=Status.FAIL, summary=f"failed in {report.when} or in a subtest")
    return finding
