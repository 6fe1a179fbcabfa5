"""Error rates of the quality rules: `python benchmarks/quality_errors.py [--quick] [--json FILE] [--only RULE …]`.

Simulated, seeded, in one process; beside each rule those that people use, on the same samples. A line is a rule in a
cell, how often it said the word, the rate with the bounds of its 95% interval (Clopper and Pearson), and what is
allowed ("<=") or demanded (">="). A naive rule has no target. `real` trains models on data sets that scikit-learn ships
and on the synthetic applicants with a protected group, and judges them and what is planted in them by the checks.

A target is missed where the rate is beyond it; with --quick, which runs too few, where it is so beyond chance. Exit 1
if one is missed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parts import concluded, parser_of, printed
from quality_bounds import bounds, tails
from quality_cells import FULL, QUICK, SEED, Row, line, row
from quality_gaps import calibrations, fairness
from quality_models import judged_models
from quality_versions import gained, rows_needed, versions


def main() -> int:
    """Simulate all cells, print the table, and return 1 if a target is missed."""
    options = parser_of(__doc__, RULES, f"{QUICK} runs a cell instead of {FULL}").parse_args()
    print(f"{'rule':<52} {'cell':<40} {'runs':>6} {'rate':>8} {'95% interval':>19} {'target':>9}")
    rows = list(printed(options, lambda name: RULES[name](options.quick), line))
    return concluded(options, rows, [f"{row.rule}, {row.cell}" for row in rows if row.missed])


def real(quick: bool) -> Iterator[Row]:
    """Honest models, and what is planted in them, by the checks themselves; each run is another split of the rows."""
    runs = 3 if quick else 20
    found: dict[tuple[str, str], Counter[str]] = {}
    for data, planted, check, status in judged_models(runs, SEED):
        found.setdefault((planted, f"{data}: {check}"), Counter())[status] += 1
    for (planted, cell), counts in found.items():
        target = ("<=", 0.0) if planted == "honest" else (">=", 0.95)
        yield row(f"real: {planted}: fails", cell, sum(counts.values()), counts["fail"], target, enough=True)


RULES: dict[str, Callable[[bool], Iterator[Row]]] = {
    "versions": versions,
    "needed": rows_needed,
    "fairness": fairness,
    "calibration": calibrations,
    "bounds": bounds,
    "gains": gained,
    "tails": tails,
    "real": real,
}


if __name__ == "__main__":
    sys.exit(main())
