"""Rows of a team's own test, asked of the service and judged by the checks of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.catalogue import checks
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.labelled_answers import answered
from pytest_mlready.finding import Finding
from pytest_mlready.labelled_rows import parted, parts_of, read_labelled
from pytest_mlready.records import LabelledAnswers, Row
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.settings import Quality, SettingsError, converted, refuse_unknown

if TYPE_CHECKING:
    from pytest_mlready.run import Run

SOURCE = "mlready_quality"
EVIDENCE = "labelled_answers"


@dataclass(frozen=True)
class Measured(Mapping[str, Finding]):
    """The findings by the name of the check, "threshold" or "quality.threshold", and the answers they are about."""

    findings: Mapping[str, Finding]
    evidence: LabelledAnswers

    def __getitem__(self, name: str) -> Finding:
        """One finding. Raises KeyError that names those there are."""
        found = self.findings.get(name.removeprefix("quality."))
        if found is None:
            raise KeyError(f"{name}: not judged; what was: {', '.join(self.findings)}")
        return found

    def __iter__(self) -> Any:
        """The names."""
        return iter(self.findings)

    def __len__(self) -> int:
        """How many checks were made."""
        return len(self.findings)


def measured(run: Run, rows: str | Path | Sequence[Row], declared: Mapping[str, Any]) -> Measured:
    """Ask the service for labelled rows, and make every check of quality whose needs are declared.

    Args:
        run: the run, which knows the service.
        rows: a CSV or JSON file, relative to `mlready.toml`, or rows as mappings, true answer included.
        declared: keys of `[quality]`; of the file's own table nothing is taken, but `[inputs]` label and protected.

    Raises:
        SettingsError: an unknown key or a value that cannot be meant; no label; a column that is not there.
    """
    refuse_unknown(declared, Quality, SOURCE, "")
    quality = converted(dict(declared), Quality, SOURCE, "")
    if (fault := quality.fault()) is not None:
        raise SettingsError(f"{SOURCE}: quality.{fault}")
    of_file = isinstance(rows, str | Path)
    settings = replace(run.settings, quality=replace(quality, rows=str(rows) if of_file else "rows"))
    if settings.labelled is None:
        raise SettingsError(f"{SOURCE}: say which column holds the true answer: label=…")
    sent = tuple(run.rows[0]) if run.rows else ()
    if isinstance(rows, str | Path):
        labelled = read_labelled(settings, sent)
    elif not rows:
        raise SettingsError(f"{SOURCE}: there are no rows")
    else:
        labelled = parted(rows, settings.labelled[1], parts_of(settings), sent, "the list of rows")
    budget_s = SCHEDULE.evidence[EVIDENCE].budget_s(run.profile)
    record = answered(Context(run.require_target(), settings, run.rows, run.seed, budget_s), labelled, quality)
    made = [one for one in checks().values() if one.arguments[:1] == (EVIDENCE,) and one.unmet(settings) is None]
    given = {EVIDENCE: record, "settings": settings}
    return Measured({one.id.partition(".")[2]: one.judge(given) for one in made}, record)
