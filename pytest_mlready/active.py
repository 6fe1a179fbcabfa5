"""The working plugin: the hooks of `pytest --mlready`, each a few lines that delegate."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from pytest import (
    Collector,
    CollectReport,
    Config,
    ExceptionInfo,
    ExitCode,
    Item,
    Session,
    TerminalReporter,
    UsageError,
    hookimpl,
    mark,
)

from pytest_mlready import fixtures, observing, overrides, selecting
from pytest_mlready.checklist import Plan
from pytest_mlready.collect import ACTIVE, CheckItem, Checklist
from pytest_mlready.finding import Finding, Severity
from pytest_mlready.ledger import Ledger, State, Verdict
from pytest_mlready.outcome import Outcome
from pytest_mlready.report import terminal
from pytest_mlready.reporting import Reporting
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
    config.pluginmanager.register(Reporting(active.outcome, is_worker=active.is_worker), "mlready-reporting")
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
        self.interrupted: str | None = None
        self._deselected: list[str] = []
        self._signals = contextlib.ExitStack()
        told = getattr(config, "workerinput", {}).get("mlready")
        if told is not None:
            run.join(told)

    # --- the target's life, on the controller

    @hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: Session) -> None:
        if self.is_worker:
            _die_with_the_controller()
        if self.is_worker or self.dry:
            return
        self._signals.enter_context(_terminate_like_interrupt())
        self.outcome.open()
        self._use_examples()
        terminal.report_progress(self.config, self.run)

    def _use_examples(self) -> None:
        """Plan again where no rows are declared: the service may publish some."""
        if self.run.replay or self.run.rows:
            return
        try:
            self.plan = self.outcome.plan = selecting.planned_again(self.run, self.selection)
        except SettingsError as error:
            selecting.report_unusable(self.config, str(error))
            raise UsageError(f"mlready: {error}") from None
        self.outcome.ledger.listed = self.plan.listed

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

    def complete(self, finding: Finding, nodeid: str) -> Finding:
        """The finding with its node, its replay command and no secrets."""
        return self.outcome.complete(finding, nodeid)

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


def _die_with_the_controller() -> None:
    """xdist interrupts a worker whose controller is gone; a job started in the background ignores interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
