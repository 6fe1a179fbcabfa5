"""Drift of real data: `python benchmarks/drift_in_time.py --peer PYTHON [--quick] [--json FILE] [--only PART …]`.

Data sets that Python packages bring along, our panel beside evidently. PYTHON is an interpreter of an environment with
the packages that `--help` names.

`time`: the first rows are the reference, the later ones current. Our verdict with the columns it names, each with the
test whose effect is largest beside its floor; evidently's columns and the verdict of its share; and for each column on
which the two differ the reason, computed from its rows. A data set that knows no time is shuffled once. `random`: the
same rows split at random, many times: nothing drifted, whoever says so is wrong (1% of the splits allowed). `blocks`:
rows of a series resemble their neighbours, which a random split hides. Here whole blocks of neighbours go to one side
or the other at random: no drift either, but fewer rows than there seem to be. Judged without and with `rows_together`,
the largest design effect of a column or a pair for such blocks; and what the split in time still shows with it. One
series is one draw: where that is nothing, drift in time and slow noise cannot be told apart.

Exit 1 if a split without drift fails beyond chance, a difference is left without a reason, or the panel names an effect
below its floor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from drift_differences import Rule, below_floor, why_only_evidently, why_only_ours
from drift_tables import Table, evidently_says, panel_of, profile_of, said
from parts import concluded, parser_of, printed
from real_tables import PACKAGES
from splits import Real, loaded

from pytest_mlready.measure.drift import Panel
from pytest_mlready.measure.proportions import lower_bound, upper_bound

FULL, FULL_LARGE, LARGE, QUICK = 1000, 200, 5000, 20
"""Splits of a data set, of a large one, from how many rows on it is large, and splits with --quick."""
FALSE_FAIL, ENOUGH = 0.01, 1000
"""The rate, and how many splits it takes to be held to it itself and not to the lower end of its interval."""


@dataclass(frozen=True)
class Report:
    """What evidently makes of a data set."""

    columns: Mapping[str, Rule]
    share: float
    threshold: float

    @property
    def drifted(self) -> list[str]:
        """The columns."""
        return [name for name, rule in self.columns.items() if rule.drifted]

    @property
    def word(self) -> str:
        """Its verdict on the data set."""
        return "drift" if self.share >= self.threshold else "no drift"


@dataclass(frozen=True)
class Row:
    """A line of the table; `runs` is 0 where nothing is counted."""

    part: str
    table: str
    what: str
    text: str
    missed: bool = False
    count: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Study:
    """The data sets, and evidently on them and on random splits of them."""

    options: argparse.Namespace

    @cached_property
    def tables(self) -> list[Real]:
        """As the peer's packages have them."""
        with tempfile.TemporaryDirectory() as directory:
            cuts = said(self.options.peer, "real_tables.py", directory)
            return [Real(name, loaded(Path(directory, f"{name}.npz")), **cut) for name, cut in cuts.items()]

    def runs(self, table: Real) -> range:
        """Splits of a data set."""
        return range(QUICK if self.options.quick else FULL_LARGE if table.rows > LARGE else FULL)

    @cached_property
    def chance(self) -> dict[str, list[Report]]:
        """Of random splits of each data set."""
        runs = range(self.options.evidently_runs)
        found = iter(self.asked([one.at_random(run) for one in self.tables for run in runs]))
        return {one.name: [next(found) for _ in runs] for one in self.tables}

    def asked(self, pairs: list[tuple[Table, Table]]) -> list[Report]:
        """Evidently, of pairs of a reference and current data."""
        return [
            Report({name: Rule(*rule) for name, rule in one["columns"].items()}, one["share"], one["threshold"])
            for one in evidently_says(self.options.peer, pairs, "--rules")
        ]


def main() -> int:
    """Run the parts, print the table, and return 1 if a target is missed."""
    parser = parser_of(__doc__, PARTS, f"{QUICK} splits of a data set instead of {FULL} (of a large one {FULL_LARGE})")
    hint = f"an interpreter of an environment made by: python -m venv peer && peer/bin/pip install {PACKAGES}"
    parser.add_argument("--peer", metavar="PYTHON", help=hint)
    parser.add_argument("--evidently-runs", type=int, help="random splits of a data set that evidently is asked about")
    options = parser.parse_args()
    if not options.peer:
        parser.error(f"--peer PYTHON: {hint}")
    options.evidently_runs = options.evidently_runs or (3 if options.quick else 10)
    study = Study(options)
    rows = list(printed(options, lambda name: PARTS[name](study), _line))
    return concluded(options, rows, [f"{row.part}, {row.table}, {row.what}: {row.text}" for row in rows if row.missed])


def in_time(study: Study) -> Iterator[Row]:
    """Each data set split in time, both verdicts, and every difference."""
    pairs = [one.in_time() for one in study.tables]
    for table, (before, after), report in zip(study.tables, pairs, study.asked(pairs), strict=True):
        panel = _panel(before, after)
        parts = table.parts if table.has_time else f"{table.parts}: shuffled"
        size = f"{table.first} and {table.rows - table.first} rows, {len(before)} columns: {parts}"
        yield Row("time", table.name, "split", size)
        below = below_floor(panel, before, after)
        yield Row("time", table.name, "panel", "; ".join([_shown(panel), *below]), bool(below))
        named = "; ".join(f"{name} ({report.columns[name].shown})" for name in report.drifted)
        share = f"{report.word}: {len(report.drifted)} of {len(before)} columns, drift from {report.threshold:.0%}"
        yield Row("time", table.name, "evidently", f"{share}{': ' * bool(named)}{named}")
        yield from _differences(study, table.name, panel, report, before, after)
        if panel.correlations:
            text = f"only ours: evidently looks at one column at a time: {panel.correlations[0].shown}"
            yield Row("time", table.name, "  pairs", text)


def _differences(study: Study, table: str, panel: Panel, report: Report, before: Table, after: Table) -> Iterator[Row]:
    for one in panel.columns:
        rule = report.columns.get(one.name)
        if bool(one.alarms) == bool(rule and rule.drifted):
            continue
        if rule is not None and rule.drifted:
            runs = study.chance[table]
            chance = sum(one.name in run.drifted for run in runs), len(runs)
            side, why = "only evidently", why_only_evidently(one.name, before, after, rule, chance)
        else:
            side, why = "only ours", why_only_ours(before[one.name], after[one.name], one.alarms, rule)
        yield Row("time", table, f"  {one.name}", f"{side}: {why or 'UNEXPLAINED'}", not why)


def _shown(panel: Panel) -> str:
    strongest: dict[str, str] = {}
    for alarm in panel.alarms:
        size = alarm.test if alarm.effect is None else f"{alarm.test} {alarm.effect:.2g}"
        strongest.setdefault(alarm.column, f"{alarm.column} ({size})")
    if not strongest:
        return f"{panel.verdict}: {panel.effective:.0f} effective rows, a pass takes {panel.needed:.0f}"
    paired = [one.column for one in panel.correlations]
    shown = [text for name, text in strongest.items() if name not in paired[1:]]
    pairs = f" and {len(paired)} pairs" if paired else ""
    return f"{panel.verdict}: {len(strongest) - len(paired)} of {len(panel.columns)} columns{pairs}: {'; '.join(shown)}"


def at_random(study: Study) -> Iterator[Row]:
    """Nothing drifted: how often each rule says so all the same."""
    total = splits = 0
    for table in study.tables:
        failed = sum(_panel(*table.at_random(run)).verdict == "fail" for run in study.runs(table))
        total += failed
        splits += len(study.runs(table))
        yield _at_most("random", table.name, "panel: fail", failed, len(study.runs(table)))
        runs = study.chance[table.name]
        named = Counter(name for run in runs for name in run.drifted)
        often = f"; most often {named.most_common(1)[0][0]}" if named else ""
        yield _counted(
            "random", table.name, "evidently: any column", sum(bool(one.drifted) for one in runs), len(runs), often
        )
        wrong = sum(one.word == "drift" for one in runs)
        yield _counted("random", table.name, "evidently: its share", wrong, len(runs))
    yield _at_most("random", "all", "panel: fail", total, splits)


def in_blocks(study: Study) -> Iterator[Row]:
    """Nothing drifted, but neighbours stay together."""
    for table in study.tables:
        if not table.has_time:
            continue
        together = table.design_effect()
        seen = Counter[str]()
        for run in study.runs(table):
            before, after = table.in_blocks(run)
            profile = profile_of(before)
            seen["plain"] += panel_of(profile, after).verdict == "fail"
            seen["declared"] += panel_of(profile, after, rows_together=together).verdict == "fail"
        what = f"of {table.block} rows"
        yield _counted("blocks", table.name, f"fail, {what}", seen["plain"], len(study.runs(table)))
        yield _at_most("blocks", table.name, f"rows_together={together:.1f}", seen["declared"], len(study.runs(table)))
        before, after = table.in_time()
        yield Row("blocks", table.name, "  split in time, with it", _shown(_panel(before, after, together)))


PARTS: dict[str, Callable[[Study], Iterator[Row]]] = {"time": in_time, "random": at_random, "blocks": in_blocks}


def _panel(before: Table, after: Table, together: float = 1.0) -> Panel:
    return panel_of(profile_of(before), after, rows_together=together)


def _counted(part: str, table: str, what: str, count: int, runs: int, more: str = "") -> Row:
    low, high = lower_bound(count, runs, 0.025), upper_bound(count, runs, 0.025)
    text = f"{count} of {runs} = {count / runs:.1%} ({low:.1%} - {high:.1%}){more}"
    return Row(part, table, what, text, count=count, runs=runs)


def _at_most(part: str, table: str, what: str, count: int, runs: int) -> Row:
    row = _counted(part, table, what, count, runs)
    missed = (count / runs if runs >= ENOUGH else lower_bound(count, runs, 0.025)) > FALSE_FAIL
    return Row(part, table, what, f"{row.text}, wanted <= {FALSE_FAIL:.0%}", missed, count, runs)


def _line(row: Row) -> str:
    return f"{row.part:<7} {row.table:<16} {row.what:<26} {row.text}{'  MISSED' * row.missed}"


if __name__ == "__main__":
    sys.exit(main())
