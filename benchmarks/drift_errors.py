"""Error rates of the drift panel: `python benchmarks/drift_errors.py [--quick] [--json FILE] [--only PART …]`.

Simulated and seeded; references are new in each run, but for `shifts`, whose runs share one. `clean`: how often data
sets fail in which nothing drifted (1% allowed, 95% upper bound 1.5%). `blocks`: the same where rows resemble each
other, without and with `rows_together`. `shifts`: how often a shift of one column of 30 is found in the rows that it
has to be found in (99% wanted), beside common rules on the same data. `trivial`: shifts too small to matter (95% pass
wanted, 1% fail allowed). `edges`: the cases on which detectors break, as tests have them.

`--evidently PYTHON` also asks evidently, by the interpreter of an environment that has it (evidently==0.7.23,
pandas<3), on `--evidently-runs` of the same data sets.

Exit 1 if a target is missed; with --quick, which runs too few to bound a rate, if one is missed beyond chance.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from drift_tables import (
    LARGE,
    SHIFTS,
    Shift,
    evidently_says,
    in_blocks,
    normals,
    panel_of,
    peers_alarms,
    profile_of,
    table,
)
from parts import concluded, parser_of, printed
from threadpoolctl import threadpool_limits

from pytest_mlready.measure.drift import Profile
from pytest_mlready.measure.proportions import lower_bound, upper_bound
from pytest_mlready.profiling import drift
from tests.unit.profiling import edge_cases

SEED = 20261121
FULL, QUICK = 3000, 10
FALSE_FAIL, FALSE_FAIL_UPPER, FOUND, PASSED = 0.01, 0.015, 0.99, 0.95
SIZES = {200: (200,), 2000: (2000,), LARGE: (200, 2000, LARGE)}
"""Rows of the reference, and of what is compared with it."""
COMPARED = 200
"""Runs in which other rules are asked, too."""
Outcome = Counter[str]
PEERS = ("KS p < .05", "Bonferroni .01", "PSI > .1")


@dataclass(frozen=True)
class Row:
    """How often something happened in a cell, with the bounds of its 95% interval, and what was wanted."""

    part: str
    cell: str
    what: str
    runs: int
    count: int
    low: float
    high: float
    wanted: str = ""
    missed: bool = False


def main() -> int:
    """Run the parts, print the table, and return 1 if a target is missed."""
    parser = parser_of(__doc__, PARTS, f"{QUICK} runs a cell instead of {FULL}, small cells only")
    parser.add_argument("--runs", type=int, help="runs a cell")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--evidently", metavar="PYTHON", help="an interpreter that has evidently")
    parser.add_argument("--evidently-runs", type=int, default=10)
    options = parser.parse_args()
    options.runs = options.runs or (QUICK if options.quick else FULL)
    print(f"{'part':<8} {'cell':<46} {'what':<28} {'runs':>5} {'count':>5} {'rate':>7} {'95% interval':>16}  wanted")
    with ProcessPoolExecutor(options.jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        rows = list(printed(options, lambda name: PARTS[name](options, pool), _line))
    return concluded(options, rows, [f"{row.part}, {row.cell}, {row.what}" for row in rows if row.missed])


def clean(options: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """Nothing drifted."""
    for m, (r, sizes) in product((30, 100), SIZES.items()):
        if options.quick and (m, r) != (30, 2000):
            continue
        found = _all(pool, partial(_clean, m, r), options.runs)
        for n in sizes:
            cell, fails = f"{m} columns, {n} rows, reference {r}", found[f"{n} fail"]
            yield _at_most("clean", cell, "fail", options.runs, fails, FALSE_FAIL, FALSE_FAIL_UPPER, options.quick)
            for peer in PEERS:
                yield _row("clean", cell, f"{peer}, any column", found["peers"], found[f"{n} {peer}"])
            yield from _evidently(options, "clean", cell, partial(_pair, m, n, r), None)


def _pair(m: int, n: int, r: int, run: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return _before(m, r, run), _after(m, n, r, run)


def _before(m: int, r: int, run: int) -> dict[str, np.ndarray]:
    return table(np.random.default_rng([SEED, m, r, run]), r, m)


def _after(m: int, n: int, r: int, run: int) -> dict[str, np.ndarray]:
    return table(np.random.default_rng([SEED, m, n, r, run]), n, m)


def _clean(m: int, r: int, run: int) -> Outcome:
    """Tables of all sizes against one reference, and one profile of it."""
    before = _before(m, r, run)
    profile, found = profile_of(before), Outcome(["peers"] if run < COMPARED else [])
    for n in SIZES[r]:
        after = _after(m, n, r, run)
        found.update([f"{n} {panel_of(profile, after).verdict}"])
        if run < COMPARED:
            found.update(f"{n} {peer}" for peer, columns in peers_alarms(before, after).items() if columns)
    return found


def blocks(options: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """Nothing drifted, but rows resemble each other within blocks."""
    runs = options.runs
    for together, alike in ((5, 0.2), (10, 0.5), (20, 1.0), (20, None)):
        cell = f"30 columns, 2000 rows in {together}s, correlated {alike}"
        cell = cell if alike is not None else "two flags in .5% of 20s each, 2000 rows a side"
        found = _all(pool, _flagged if alike is None else partial(_blocks, together, alike), runs)
        yield _row("blocks", cell, "fail, not declared", runs, found["plain fail"])
        what = f"fail, rows_together={together}"
        yield _at_most("blocks", cell, what, runs, found["declared fail"], FALSE_FAIL, FALSE_FAIL_UPPER, options.quick)


def _blocks(together: int, alike: float, run: int) -> Outcome:
    rng = np.random.default_rng([SEED, together, run])
    before, after = (in_blocks(rng, rows, 30, together, alike) for rows in (10_000, 2000))
    return _together(before, after, together)


def _flagged(run: int) -> Outcome:
    """A number and a level that one block in 200 has in all of its rows, and in many samples no block."""
    rng = np.random.default_rng([SEED, 4000, run])
    before, after = (
        {name: np.repeat(rng.random(100) < 0.005, 20).astype(np.int64) for name in ("flag", "level")}
        | in_blocks(rng, 2000, 28, 20, 1.0)
        for _ in range(2)
    )
    return _together(before, after, 20)


def _together(before: dict[str, np.ndarray], after: dict[str, np.ndarray], together: int) -> Outcome:
    profile = profile_of(before)
    plain, declared = panel_of(profile, after), panel_of(profile, after, rows_together=together)
    return Outcome([f"plain {plain.verdict}", f"declared {declared.verdict}"])


def shifts(options: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """One column of 30 drifted, seen against a profile of 50,000 rows; and one pair's correlation, among 2,000."""
    runs = max(QUICK, options.runs // 6)
    for at, shift in enumerate(SHIFTS):
        found = _all(pool, partial(_shifted, at), runs)
        cell = f"{shift.name}, {shift.rows} rows"
        yield _at_least("shifts", cell, "found", runs, found["found"], FOUND, options.quick)
        for peer in PEERS:
            yield _row("shifts", cell, peer, found["peers"], found[peer])
        yield from _evidently(options, "shifts", cell, partial(_shifted_pair, at), shift.column)
    found = _all(pool, _correlated, runs)
    cell = "correlation 0 -> .4, 2000 rows each"
    yield _at_least("shifts", cell, "found", runs, found["found"], FOUND, options.quick)
    for peer in PEERS:
        yield _row("shifts", cell, peer, found["peers"], found[peer])


def _shifted_pair(at: int, run: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    shift: Shift = SHIFTS[at]
    rng = np.random.default_rng([SEED, 1000 + at, run])
    after = table(rng, shift.rows, 30)
    after[shift.column] = shift.change(rng, after[shift.column])
    return _reference(), after


@cache
def _reference() -> dict[str, np.ndarray]:
    return table(np.random.default_rng([SEED, 1]), LARGE, 30)


@cache
def _reference_profile() -> Profile:
    return profile_of(_reference())


def _shifted(at: int, run: int) -> Outcome:
    before, after = _shifted_pair(at, run)
    column = SHIFTS[at].column
    panel = panel_of(_reference_profile(), after)
    found = Outcome(["found"] if any(one.column == column for one in panel.alarms) else [])
    if run < COMPARED:
        alarms = peers_alarms({column: before[column]}, after, of=30)
        found.update(["peers", *(peer for peer, columns in alarms.items() if columns)])
    return found


def _correlated(run: int) -> Outcome:
    rng = np.random.default_rng([SEED, 2000, run])
    before, after = normals(rng, 2000), normals(rng, 2000, 0.4)
    panel = panel_of(profile_of(before), after)
    found = Outcome(["found"] if "x0 and x1" in [one.column for one in panel.correlations] else [])
    if run < COMPARED:
        alarms = peers_alarms({name: before[name] for name in ("x0", "x1")}, after, of=30)
        found.update(["peers", *(peer for peer, columns in alarms.items() if columns)])
    return found


def trivial(options: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """Shifts of one column of 30 by .01 and .02 standard deviations, among very many rows."""
    for rows in (LARGE,) if options.quick else (LARGE, 1_000_000):
        runs = max(5, options.runs // (10 if rows == LARGE else 60))
        for sd in (0.01, 0.02):
            found = _all(pool, partial(_trivial, rows, sd), runs)
            cell = f"mean + {sd} sd, {rows} rows, reference {LARGE}"
            yield _at_least("trivial", cell, "pass", runs, found["pass"], PASSED, options.quick)
            yield _at_most("trivial", cell, "fail", runs, found["fail"], FALSE_FAIL, 1.0, options.quick)
            yield _row("trivial", cell, "KS p < .05, this column", found["peers"], found["KS p < .05"])


def _trivial(rows: int, sd: float, run: int) -> Outcome:
    rng = np.random.default_rng([SEED, 3000, rows, run])
    before, after = table(rng, LARGE, 30), table(rng, rows, 30)
    after["x0"] = after["x0"] + sd * 10
    alarms = peers_alarms({"x0": before["x0"]}, after, of=30)
    named = ["peers", *(peer for peer, columns in alarms.items() if columns)]
    return Outcome([panel_of(profile_of(before), after).verdict, *named])


def edges(options: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """Each case is one row: whether the verdict is the right one, and no exception."""
    for case in edge_cases.cases():
        before, after = edge_cases.tables(case)
        try:
            verdict = next(one for one in drift(before, after, smallest_shift=0.3).columns if one.name == "x").verdict
        except Exception as error:
            verdict = repr(error)  # type: ignore[assignment]
        right = int(verdict == case.verdict)
        yield Row("edges", case.name, f"{verdict}", 1, right, right, right, case.verdict, not right)


PARTS: dict[str, Callable[[argparse.Namespace, ProcessPoolExecutor], Iterator[Row]]] = {
    "edges": edges,
    "shifts": shifts,
    "blocks": blocks,
    "trivial": trivial,
    "clean": clean,
}


def _all(pool: ProcessPoolExecutor, run: Callable[[int], Outcome], runs: int) -> Outcome:
    total = Outcome()
    for one in pool.map(run, range(runs), chunksize=max(1, runs // 100)):
        total.update(one)
    return total


def _evidently(
    options: argparse.Namespace,
    part: str,
    cell: str,
    pair: Callable[[int], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]],
    column: str | None,
) -> Iterator[Row]:
    """How often evidently's rule of columns finds the shifted one; of clean data, any."""
    if not options.evidently:
        return
    found = evidently_says(options.evidently, map(pair, range(options.evidently_runs)))
    hits = sum(column in drifted if column is not None else bool(drifted) for drifted in found)
    yield _row(part, cell, "evidently, " + ("this column" if column else "any column"), len(found), hits)


def _row(part: str, cell: str, what: str, runs: int, count: int) -> Row:
    return Row(part, cell, what, runs, count, lower_bound(count, runs, 0.025), upper_bound(count, runs, 0.025))


def _at_most(part: str, cell: str, what: str, runs: int, count: int, rate: float, upper: float, quick: bool) -> Row:
    row = _row(part, cell, what, runs, count)
    missed = row.low > rate if quick else count / runs > rate or upper_bound(count, runs) > upper
    return Row(**{**asdict(row), "wanted": f"<= {rate:.1%}", "missed": missed})


def _at_least(part: str, cell: str, what: str, runs: int, count: int, rate: float, quick: bool) -> Row:
    row = _row(part, cell, what, runs, count)
    missed = row.high < rate if quick else count / runs < rate
    return Row(**{**asdict(row), "wanted": f">= {rate:.0%}", "missed": missed})


def _line(row: Row) -> str:
    rate = row.count / row.runs if row.runs else 0.0
    interval = f"{row.low:.2%} - {row.high:.2%}"
    mark = "  MISSED" if row.missed else ""
    return (
        f"{row.part:<8} {row.cell:<46} {row.what:<28} {row.runs:>5} {row.count:>5} {rate:>7.2%} {interval:>16}"
        f"  {row.wanted}{mark}"
    )


if __name__ == "__main__":
    sys.exit(main())
