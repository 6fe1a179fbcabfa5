"""The working plugin: the hooks of `pytest --mlready`, each a few lines that delegate."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from pytest import (
    CallInfo,
    Collector,
    CollectReport,
    Config,
    ExceptionInfo,
    ExitCode,
    Item,
    Session,
    SubtestReport,
    TerminalReporter,
    TestReport,
    UsageError,
    hookimpl,
    mark,
)

from pytest_mlready import fixtures, observing, overrides, selecting
from pytest_mlready.checklist import Plan
from pytest_mlready.collect import ACTIVE, PROPERTY, CheckItem, Checklist, NotReady, attach
from pytest_mlready.finding import Finding, Severity, Status, errored
from pytest_mlready.ledger import Ledger, State, Verdict, excuse
from pytest_mlready.outcome import Outcome
from pytest_mlready.report import terminal
from pytest_mlready.run import Run
from pytest_mlready.selecting import Selection
from pytest_mlready.settings import SettingsError

VERDICTS_NEED_NO_RUN = ("collectonly", "setupplan", "setuponly", "showfixtures", "show_fixtures_per_test")


def activate(config: Config) -> None:
    """Register the working plugin. Raises UsageError where the configuration is wrong."""
    try:
        selection = selecting.select(config)
        run, plan = selecting.prepare(config, selection)
    except SettingsError as error:
        selecting.report_unusable(config, str(error))
        raise UsageError(f"mlready: {error}") from None
    active = Active(config, run, plan, selection)
    if config.getoption("setuponly"):  # gathering evidence that nothing judges would load the service for nothing
        config.option.setupplan = True
    config.stash[ACTIVE] = active
    config.pluginmanager.register(active, "mlready-active")
    config.pluginmanager.register(Sorter(), "mlready-sorter")
    config.pluginmanager.register(fixtures, "mlready-fixtures")


class Sorter:
    """Orders items for speed, after everybody else had their say: fast evidence first, drills last."""

    @hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Config, items: list[Item]) -> None:
        order = [one.id for one in config.stash[ACTIVE].plan.items]
        items.sort(key=lambda item: order.index(item.name) if isinstance(item, CheckItem) else -1)


class Active:
    """One session's hooks and its state: the run, the plan and the ledger."""

    def __init__(self, config: Config, run: Run, plan: Plan, selection: Selection) -> None:
        self.config = config
        self.run = run
        self.plan = plan
        self.selection = selection
        self.outcome = Outcome(run, plan, Ledger(listed=plan.listed))
        self.is_worker = hasattr(config, "workerinput")
        self.dry = any(getattr(config.option, name, False) for name in VERDICTS_NEED_NO_RUN)
        self.in_call: str | None = None
        self.interrupted: str | None = None
        self._failed_subtests: set[str] = set()
        self._deselected: list[str] = []
        self._signals = contextlib.ExitStack()
        told = getattr(config, "workerinput", {}).get("mlready")
        if told is not None:
            run.join(told)

    # --- the target's life, on the controller

    @hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Session) -> None:
        if self.is_worker or self.dry:
            return
        self._signals.enter_context(_terminate_like_interrupt())
        self.outcome.open()
        terminal.report_progress(self.config, self.run)

    @hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["mlready"] = self.run.describe()

    def pytest_report_header(self) -> list[str]:
        return terminal.header(self.run)

    @hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Session) -> None:
        if self.run.problem is not None and not self.is_worker and not self.dry:
            raise session.Failed(f"mlready: {self.run.problem}")

    def pytest_unconfigure(self) -> None:
        if not self.is_worker:
            if self.outcome.open_ended:  # ended while the service was starting, when pytest finishes no session
                self.outcome.close(interrupted=self.interrupted or "")
            self.outcome.stop()
            self._signals.close()

    # --- collection

    def pytest_collect_file(self, file_path: Path, parent: Collector) -> Checklist | None:
        if file_path != self.selection.file:
            return None
        checklist: Checklist = Checklist.from_parent(parent, path=file_path)
        return checklist

    @hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: Session, config: Config, items: list[Item]) -> None:
        overrides.refuse_misplaced(config, items)
        if self.selection.inject:
            checklist = Checklist.of(session, self.selection.virtual_file)
            named = self.selection.named
            wanted = [one for one in self.plan.items if not named or one.id in named]
            injected = [CheckItem.of(checklist, one) for one in wanted]
            config.hook.pytest_collectreport(report=CollectReport(checklist.nodeid, "passed", None, [*injected]))
            items += injected
        unmarked = [item for item in items if item.get_closest_marker("mlready") is None]
        if unmarked:
            items[:] = [item for item in items if item.get_closest_marker("mlready") is not None]
            config.hook.pytest_deselected(items=unmarked)
        for item in items:
            if isinstance(item, CheckItem):
                continue
            observing.refuse_taken_id(item)
            if self.run.replay:
                item.add_marker(mark.skip(reason="a replay judges saved evidence; it runs no tests"))
            selecting.exempt_gathering_from_timeout(item)

    def pytest_deselected(self, items: list[Item]) -> None:
        self._deselected += [observing.planned(one).check for one in items if one.get_closest_marker("mlready")]

    def pytest_collection_finish(self, session: Session) -> None:
        if not self.dry and (self.is_worker or not self.config.pluginmanager.hasplugin("dsession")):
            planned = [observing.planned(item) for item in session.items]
            self.outcome.save_plan(planned, self._deselected)

    # --- items and their reports

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
        attach(item, self.complete(finding, item.nodeid))
        report.user_properties = list(item.user_properties)

    def complete(self, finding: Finding, nodeid: str) -> Finding:
        """The finding with its node, its replay command and no secrets."""
        return self.outcome.complete(finding, nodeid)

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

    # --- the end

    def pytest_keyboard_interrupt(self, excinfo: ExceptionInfo[BaseException]) -> None:
        self.interrupted = str(excinfo.value)

    @hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Session) -> None:
        if self.is_worker or self.dry:
            return
        if session.exitstatus == ExitCode.INTERRUPTED and self.interrupted is None:
            self.interrupted = ""
        verdict = self.outcome.close(interrupted=self.interrupted)
        if session.exitstatus in {ExitCode.OK, ExitCode.TESTS_FAILED}:
            session.exitstatus = exit_status(verdict)
        self.outcome.stop()

    @hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        if self.outcome.report is not None:
            terminal.write_unsettled(terminalreporter)
            terminal.write_summary(terminalreporter, self.outcome.report)


def exit_status(verdict: Verdict) -> ExitCode:
    """0 for READY and for a narrowed run without a fault, else 1."""
    return ExitCode.OK if verdict.state in {State.READY, State.PARTIAL} else ExitCode.TESTS_FAILED


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


@contextlib.contextmanager
def _terminate_like_interrupt() -> Iterator[None]:
    """SIGTERM ends the session as Ctrl-C does: with its reports written."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt("SIGTERM")

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


__all__ = ["Active", "Severity", "activate"]
