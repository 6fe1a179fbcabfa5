"""`mlready.toml` as a pytest file: each check of the checklist an item with a node id of its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest import Config, ExceptionInfo, File, Function, Item, Session, StashKey, mark, skip

from pytest_mlready.finding import Finding, Status
from pytest_mlready.ledger import attested, excuse

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mlready.active import Active
    from pytest_mlready.catalogue import Check

PROPERTY = "mlready"
"""The name of the report property that carries a finding."""

ACTIVE: StashKey[Active] = StashKey()
"""Where the session's configuration keeps the working plugin."""


class NotReady(Exception):
    """A check found that the service may not be deployed."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.summary)
        self.finding = finding


class Checklist(File):
    """The checks that the settings claim."""

    def collect(self) -> Iterable[Item]:
        """One item per planned check, fast evidence first."""
        return [CheckItem.of(self, one) for one in self.config.stash[ACTIVE].plan.items]

    @classmethod
    def of(cls, session: Session, path: Path) -> Checklist:
        """A checklist for a file that need not exist (`--mlready-url`)."""
        made: Checklist = cls.from_parent(session, path=path)
        return made


class CheckItem(Function):
    """One check: pytest resolves its evidence as fixtures `mlready_<evidence>`, then it is judged."""

    check: Check

    @classmethod
    def of(cls, parent: Checklist, check: Check) -> CheckItem:
        """The item of one check."""
        fixtures = [] if check.id in parent.config.stash[ACTIVE].plan.attested else _fixtures(check)
        item: CheckItem = cls.from_parent(parent, name=check.id, callobj=_asks_for(fixtures))
        item.check = check
        item.add_marker(mark.mlready(check.id, severity=str(check.severity)))
        if has_timeouts(item.config):
            # pytest-timeout would count the gathering in fixtures, which has a budget of its own
            item.add_marker(mark.timeout(func_only=True))
        return item

    def runtest(self) -> None:
        """Judge the evidence and put the finding on the report; raise if it blocks."""
        active = self.config.stash[ACTIVE]
        run = active.run
        if self.check.id in active.plan.attested:
            finding = self.check.sign(attested(run.settings.attest[self.check.id], run.today))
        else:
            evidence = {name: self.funcargs[f"mlready_{name}"] for name in self.check.arguments}
            finding = excuse(self.check.judge(evidence), run.settings, run.today)
        finding = active.complete(finding, self.nodeid)
        attach(self, finding)
        if finding.status is Status.NOT_RUN:
            skip(finding.summary)
        if finding.blocks:
            raise NotReady(finding)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The finding in words; anything else is our own fault and shows its traceback."""
        if isinstance(excinfo.value, NotReady):
            from pytest_mlready.report.terminal import explain

            return "\n".join(explain(excinfo.value.finding))
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it lies, and what the failure's headline says; pytest needs a line when a fixture skips an item."""
        return self.path, 0, f"check {self.name}"


def attach(item: Item, finding: Finding) -> None:
    """Put a finding on the item's reports, in place of an earlier attempt's."""
    item.user_properties[:] = [one for one in item.user_properties if not one[0].startswith(PROPERTY)]
    item.user_properties.append((PROPERTY, finding.to_json()))
    item.user_properties.append((f"{PROPERTY}.status", str(finding.status)))
    item.user_properties.append((f"{PROPERTY}.summary", finding.summary[:1000]))


def has_timeouts(config: Config) -> bool:
    """Whether pytest-timeout is there, by whatever name it was loaded."""
    return hasattr(config.option, "timeout_method")


def _fixtures(check: Check) -> list[str]:
    return [f"mlready_{name}" for name in check.arguments]


def _asks_for(fixtures: list[str]) -> Any:
    """A callable whose signature asks pytest for these fixtures."""

    def judge() -> None:
        """Stands for the check; `CheckItem.runtest` does the judging."""

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in fixtures]
    judge.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return judge
