"""A run from its opening to its reports, on the controller: target, ledger, journal, verdict."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec
from pytest import UsageError

from pytest_mlready import checklist
from pytest_mlready.checklist import Plan
from pytest_mlready.finding import SERVICE, Finding, Severity, Status
from pytest_mlready.ledger import Ledger, Planned, Verdict, excuse, judge
from pytest_mlready.records import Closing
from pytest_mlready.report import document, markdown, replay_files
from pytest_mlready.report.document import Report
from pytest_mlready.run import Run
from pytest_mlready.settings import SettingsError

REPLAYS = "replays"
"""Where in the report directory findings' replays lie, each in a directory named after its check."""


@dataclass
class Outcome:
    """What becomes of a run.

    `report` is set once the run has closed. Workers use it to save their plan and to complete findings only.
    """

    run: Run
    plan: Plan
    ledger: Ledger
    report: Report | None = None
    _journal: IO[str] | None = None
    _lock: IO[str] | None = None

    def open(self) -> None:
        """Take the report directory, clear it of an earlier run, and start the target.

        A target that does not start leaves `run.problem`: one clear line instead of an error per check. Raises
        UsageError if the directory cannot be written to, or another run is writing to it.
        """
        try:
            self.run.directory.mkdir(parents=True, exist_ok=True)
            (self.run.directory / ".gitignore").write_text("*\n", encoding="utf-8")
            self._lock = (self.run.directory / ".lock").open("w")
        except OSError as error:
            raise UsageError(f"mlready: no report can be written: {error}; give --mlready-report=DIR") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            taken = f"mlready: another run writes to {self.run.directory}: give --mlready-report DIR"
            raise UsageError(taken) from None
        _clear(self.run.directory, evidence=not self.run.replay)
        self._journal = (self.run.directory / "findings.jsonl").open("w", encoding="utf-8")
        if self.run.replay:
            return
        try:
            self.run.start(dict.fromkeys(name for one in self.plan.items for name in one.arguments))
        except SettingsError as error:
            self.report = write_unusable(self.run.directory, str(error))
            raise UsageError(f"mlready: {error}") from None
        self.run.note_identity("before")

    def record(self, finding: Finding) -> None:
        """Take a finding in, and append it to the journal: it survives whatever ends the run."""
        self.ledger.record(finding)
        if self._journal is not None and not self._journal.closed:
            self._journal.write(finding.to_json() + "\n")
            self._journal.flush()

    def complete(self, finding: Finding, nodeid: str) -> Finding:
        """The finding with its node id and a replay command that can be pasted into a shell, fit to print."""
        finding = self._fit_to_print(finding, nodeid)
        command = "" if finding.status is Status.PASS else self._replay(finding)
        command = replay_files.from_environment(self._clean(command), tuple(self.run.settings.service.headers))
        return replace(finding, replay=command, script=None)

    def _replay(self, finding: Finding) -> str:
        """The commands that show a finding again; a script is written first."""
        url = self.run.url
        commands = [finding.replay.replace(SERVICE, url or SERVICE)] if finding.replay else []
        mapping = self.run.mapping
        if finding.script is not None and mapping is not None:
            directory, headers = self.run.directory / REPLAYS / finding.check, tuple(self.run.settings.service.headers)
            with contextlib.suppress(OSError):  # a full disk: the finding itself is worth more
                script = replay_files.write(directory, finding, url=url, mapping=mapping, secret_headers=headers)
                shown = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
                commands.append(shlex.join(["python3", str(shown), *([] if url is None else [url])]))
        return "\n".join(commands) or f"pytest --mlready '{finding.nodeid}' --mlready-seed {self.run.seed}"

    def redacted(self, text: str) -> str:
        """The text without the values of the headers that we were told to send, and without other credentials."""
        from pytest_mlready.service.scrub import redact

        return redact(text, self.run.secrets)

    def _fit_to_print(self, finding: Finding, nodeid: str) -> Finding:
        """Texts of a finding may be the target's: no terminal escapes, no secrets."""
        seen = finding.measurement
        if seen is not None and isinstance(seen.value, str):
            seen = replace(seen, value=self._clean(seen.value))
        return replace(
            finding,
            nodeid=nodeid,
            summary=self._clean(finding.summary),
            details=tuple(map(self._clean, finding.details)),
            measurement=seen,
        )

    def _clean(self, text: str) -> str:
        from pytest_mlready.service.scrub import scrub

        return self.redacted(scrub(text))

    def save_plan(self, planned: Iterable[Planned], deselected: Iterable[str]) -> None:
        """Say what this process is going to run, where the controller finds it. Workers all say the same."""
        path = self.run.directory / "plan.json"
        temporary = path.with_name(f".plan.{os.getpid()}")
        temporary.write_bytes(msgspec.json.encode({"planned": list(planned), "deselected": list(deselected)}))
        temporary.replace(path)

    @property
    def open_ended(self) -> bool:
        """Whether the run was opened and has left no report yet."""
        return self._journal is not None and self.report is None

    def close(self, *, interrupted: str | None = None) -> Verdict:
        """Judge the run and write every report; `interrupted` says why it ended early, if it did ("": nobody said)."""
        planned, deselected = self._saved_plan()
        self.ledger.planned = {one.nodeid: one for one in planned}
        if interrupted is not None and self.run.problem is None:
            self.run.problem = f"the run was interrupted: {interrupted}".rstrip(": ")
        self.run.note_identity("after")
        self._judge_closing()
        expected = {one.id for one in self.plan.items}
        narrowed = bool(expected - {one.check for one in planned}) or bool(deselected)
        total = len(planned) + len(deselected) + len(expected - {one.check for one in planned} - set(deselected))
        verdict = judge(
            self.ledger.findings(),
            require=self.run.settings.gate.require,
            unclaimed=checklist.unclaimed_families(self.run.settings),
            partial=(len(planned), total) if narrowed and self.run.problem is None else None,
        )
        self.report = document.build(self.run, self.ledger.findings(), verdict)
        _write(self.run.directory, self.report)
        return verdict

    def stop(self) -> None:
        """End the target if we started it. May be called again."""
        self.run.stop()
        for file in (self._journal, self._lock):
            if file is not None:
                file.close()

    def _judge_closing(self) -> None:
        planned = tuple(one.check for one in self.ledger.planned.values())
        closing = Closing(
            self.run.before, self.run.after, planned, self.ledger.judged(), self.run.problem, self.run.left_behind()
        )
        self.ledger.closing = []
        for check in self.plan.closing:
            if self.run.replay and check.id == "harness.target_pinned":
                finding = check.sign(Finding(Status.NOT_APPLICABLE, "a replay asks no target"))
            else:
                finding = check.judge({"closing": closing})
            excused = excuse(finding, self.run.settings, self.run.today)
            self.ledger.closing.append(self.complete(excused, f"mlready.toml::{check.id}"))

    def _saved_plan(self) -> tuple[list[Planned], list[str]]:
        path = self.run.directory / "plan.json"
        if not path.exists():  # it ended before anything was collected: then everything was planned and nothing made
            whole = [Planned(f"mlready.toml::{one.id}", one.id, one.severity) for one in self.plan.items]
            return whole, []
        saved = json.loads(path.read_text("utf-8"))
        path.unlink()
        planned = [Planned(one["nodeid"], one["check"], Severity(one["severity"])) for one in saved["planned"]]
        return planned, saved["deselected"]


def write_unusable(directory: Path, problem: str) -> Report:
    """A report for a run that could not begin: NOT READY, and why."""
    report = document.unusable(problem, time.time())
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        _clear(directory, evidence=False)
        _write(directory, report)
    return report


def _write(directory: Path, report: Report) -> None:
    _replace(directory / "report.json", document.as_json(report))
    _replace(directory / "report.md", markdown.render(report))


def _clear(directory: Path, *, evidence: bool) -> None:
    from pytest_mlready.evidence import store

    for name in ("report.json", "report.md", "findings.jsonl", "plan.json", "service.lost"):
        (directory / name).unlink(missing_ok=True)
    for name in ("instances", REPLAYS):
        shutil.rmtree(directory / name, ignore_errors=True)
    if evidence:
        store.clear(directory / "evidence")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
