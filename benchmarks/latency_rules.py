"""Error rates of the latency rules: `python benchmarks/latency_rules.py [--quick] [--json FILE] [--only RULE …]`.

Simulated, seeded, in one process. Each row is a rule in a cell (a kind of latencies, right at the boundary of the rule,
where wrong verdicts are most frequent), how often it was wrong, the upper bound of that rate's 95% interval (Clopper
and Pearson), and the rate that is allowed. Rows of medians give requests instead.

A target is missed where wrong verdicts are more frequent than allowed; with --quick, which runs too few to bound a
rate, where they are so beyond chance (lower bound above the target). Exit 1 if one is missed.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from parts import concluded, parser_of, printed

from pytest_mlready.measure.clustering import clustering
from pytest_mlready.measure.proportions import Word, lower_bound, upper_bound
from pytest_mlready.measure.regression import compare_quantile
from pytest_mlready.measure.sequential import log_evidence_above, log_evidence_below
from pytest_mlready.measure.slo import _decide, judge_share
from pytest_mlready.measure.usl import fit_usl
from pytest_mlready.openloop.objective import Objective
from pytest_mlready.openloop.plan import Kind, Plan, Request
from pytest_mlready.openloop.recording import Recording
from pytest_mlready.openloop.schedule import schedule
from pytest_mlready.openloop.stages import verdict
from tests.unit.measure import test_regression as paired
from tests.unit.measure.test_slo_error_rates import LIMIT, RATE, frozen, independent

Array = NDArray[np.float64]
Rng = np.random.Generator
Outcome = dict[str, bool]

FULL, QUICK, SEED = 2000, 60, 20261121
BUDGET, AT_MOST, ALPHA = 0.01, 0.05, 0.05
LOADS = np.array([1.0, 2, 4, 8, 12, 16, 24, 32])
ALLOWED = 1.2
QUICK_S, FULL_S = 15, 59
"""Seconds of the steady load in these profiles."""
STEPS = ((10.0, 10.0), (20.0, 10.0), (50.0, 10.0), (100.0, 10.0), (200.0, 10.0))


@dataclass(frozen=True)
class Row:
    """One line of the table; a rate's `value` and `upper`, or a median of requests."""

    rule: str
    cell: str
    runs: int
    errors: int
    value: float
    upper: float
    target: float
    missed: bool


def main() -> int:
    """Simulate all cells, print the table, and return 1 if a target is missed."""
    options = parser_of(__doc__, RULES, f"{QUICK} runs a cell instead of {FULL}").parse_args()
    runs = QUICK if options.quick else FULL
    print(f"{'rule':<34} {'cell':<46} {'runs':>5} {'errors':>6} {'rate':>7} {'upper':>7} {'target':>7}")
    rows = list(printed(options, lambda name: RULES[name](runs), _line))
    return concluded(options, rows, [f"{row.rule}, {row.cell}" for row in rows if row.missed])


def slo_verdicts(runs: int) -> Iterator[Row]:
    """Looked at continuously, without a planned end: e-processes alone.

    No verdict of the package's own is given before the planned end; this is the rule for whoever wants to stop earlier.
    """
    stalls = "stalls of {} s, {} s long, a look every {}"
    yield from _rates(
        "SLO", "independent, 60 s, a look every 60", runs, partial(_slo_errors, partial(independent), 60, 0.05, 60)
    )
    for stall_s, seconds in ((0.3, 120), (0.1, 60)):
        cell = stalls.format(stall_s, seconds, 120)
        make = partial(frozen, stall_s=stall_s)
        yield from _rates("SLO", cell, runs, partial(_slo_errors, make, seconds, stall_s, 120))
    for share, word in ((0.3, "pass"), (2.0, "fail")):
        rng = np.random.default_rng(SEED)
        found = [_looked(independent(rng, 60, share * BUDGET), 0.0, 25) for _ in range(runs)]
        needed = [n if said == word else np.inf for said, n in found]
        median, wrong = float(np.median(needed)), sum(said not in (word, "inconclusive") for said, _ in found)
        cell = f"independent, {share:g} times the allowed share"
        yield Row(f"SLO: median requests to a {word}", cell, runs, wrong, median, median, 1000, median > 1000)


def planned_verdicts(runs: int) -> Iterator[Row]:
    """Judged once, at the end that was planned: what checks and Locust scenarios do.

    Then cases that are clear, with stalls of 0.08 s unless said otherwise: how often they stay undecided.
    """
    for name, make, seconds, stall_s in (
        (f"independent, {QUICK_S} s", independent, QUICK_S, 0.05),
        (f"independent, {FULL_S} s", independent, FULL_S, 0.05),
        (f"stalls of 0.08 s, {QUICK_S} s long", partial(frozen, stall_s=0.08), QUICK_S, 0.05),
        (f"stalls of 0.1 s, {FULL_S} s long", partial(frozen, stall_s=0.1), FULL_S, 0.1),
        ("stalls of 0.3 s, 120 s long", partial(frozen, stall_s=0.3), 120, 0.3),
    ):
        yield from _rates("planned", name, runs, partial(_planned_errors, make, seconds, stall_s))
    for name, share, long_s, seconds, word, undecided in (
        ("no stall", 0.0, 0.08, QUICK_S, "pass", 0.1),
        ("0.1 times the share", 0.1, 0.08, QUICK_S, "pass", 0.5),
        ("5 times the share", 5.0, 0.08, QUICK_S, "fail", 0.1),
        ("stalls of 0.3 s every 2 s", 12.0, 0.3, QUICK_S, "fail", 0.1),
        ("0.3 times the share", 0.3, 0.08, FULL_S, "pass", 0.5),
        ("2 times the share", 2.0, 0.08, FULL_S, "fail", 0.5),
    ):
        once = partial(_clear, partial(frozen, stall_s=long_s), share, seconds, word)
        yield from _rates("planned", f"{name}, {seconds} s", runs, once, undecided)


def _planned_errors(make: Callable[[Rng, float, float], Array], seconds: float, stall_s: float, rng: Rng) -> Outcome:
    seen = judge_share(make(rng, seconds, BUDGET), LIMIT, duration_s=seconds, longest_stall_s=stall_s)
    return {"false pass": seen.verdict == "pass", "false fail": seen.verdict == "fail"}


def _clear(make: Callable[[Rng, float, float], Array], share: float, seconds: float, word: str, rng: Rng) -> Outcome:
    """A case that is clear, in the time that a profile has for it."""
    values = make(rng, seconds, share * BUDGET)
    seen = judge_share(values, LIMIT, duration_s=seconds, longest_stall_s=0.05)
    return {f"not “{word}”": seen.verdict != word}


def _slo_errors(
    make: Callable[[Rng, float, float], Array], seconds: float, stall_s: float, every: int, rng: Rng
) -> Outcome:
    word, _ = _looked(make(rng, seconds, BUDGET), stall_s, every)
    return {"false pass": word == "pass", "false fail": word == "fail"}


def _looked(values: Array, stall_s: float, every: int) -> tuple[Word, int]:
    """The first verdict and after how many requests, of looks at the run so far.

    `judge_share` is asked only where its rule would decide, for its intervals and projections take ten times as long;
    and the rule only where independent requests would (fewer effective requests are never more evidence: Jensen).
    """
    over, threshold = values > LIMIT, -math.log(ALPHA)
    late = np.cumsum(over)
    for n in range(every, values.size + 1, every):
        k = int(late[n - 1])
        if max(log_evidence_below(k, n, BUDGET), log_evidence_above(k, n, BUDGET)) < threshold:
            continue
        if _decide(k, n, clustering(over[:n]), BUDGET, ALPHA, planned=False) != "inconclusive":
            seen = judge_share(
                values[:n], LIMIT, duration_s=n / RATE, longest_stall_s=stall_s, budget=BUDGET, planned=False
            )
            if seen.verdict != "inconclusive":
                return seen.verdict, n
    return "inconclusive", values.size


def regression(runs: int) -> Iterator[Row]:
    """30 pairs of blocks of 0.5 s; the candidate exactly as much slower as allowed, then clearly not, and clearly."""
    kinds = {
        "independent": paired.independent,
        "AR(1) .95": paired.autoregressive,
        "stalls of 0.3 s every 10 s": paired.stalls,
    }
    for name, make in kinds.items():
        yield from _rates("regression", name, runs, partial(_regression_errors, make))
    yield from _rates("regression", "AR(1) .99, each version its own", runs, _remembering_errors)
    for ratio, word in ((1.0, "no regression"), (1.5, "regression")):
        yield from _rates(
            "regression", f"independent, {ratio} of 1.2 times", runs // 4, partial(_undecided, ratio, word), 0.1
        )


def _regression_errors(make: Callable[[Rng, int], Array], rng: Rng) -> Outcome:
    return _boundary_errors(*paired.interleaved(make(rng, 2 * 30 * 60), ALLOWED, size=60))


def _remembering_errors(rng: Rng) -> Outcome:
    """Blocks shorter than what either version remembers: the correlation is between pairs, not within."""
    base, head = (paired.autoregressive(rng, 30 * 60, 0.99).reshape(30, 60) for _ in range(2))
    return _boundary_errors(list(base), list(head * ALLOWED))


def _boundary_errors(base: list[Array], head: list[Array]) -> Outcome:
    errors: Outcome = {}
    for q in (0.5, 0.99):
        word = compare_quantile(base, head, q, ALLOWED).verdict
        errors[f"false flag p{100 * q:g}"] = word == "regression"
        errors[f"false clear p{100 * q:g}"] = word == "no regression"
    return errors


def _undecided(ratio: float, word: str, rng: Rng) -> Outcome:
    base, head = paired.interleaved(paired.independent(rng, 2 * 30 * 240), ratio, size=240)
    return {f"p99 not “{word}”": compare_quantile(base, head, 0.99, ALLOWED).verdict != word}


def usl(runs: int) -> Iterator[Row]:
    """Eight loads from 1 to 32 clients; two-sided intervals said to cover 95%."""
    for a, b, spread in ((0.03, 0.0015, 0.03), (0.03, 0.0015, 0.05), (0.05, 0.0, 0.03)):
        yield from _rates("USL", f"a={a} b={b} noise {spread:.0%}", runs, partial(_usl_errors, a, b, spread))


def _usl_errors(a: float, b: float, spread: float, rng: Rng) -> Outcome:
    exact = 100 * LOADS / (1 + a * (LOADS - 1) + b * LOADS * (LOADS - 1))
    noise = 1 + spread * rng.standard_normal(LOADS.size)
    fit = fit_usl(LOADS, exact * noise, resamples=500, seed=int(rng.integers(2**32)))
    knee = float(np.sqrt((1 - a) / b)) if b else np.inf
    peak = 100 * knee / (1 + a * (knee - 1) + b * knee * (knee - 1)) if b else 100 / a
    truths = {
        "contention": (a, fit.contention_interval),
        "coherency": (b, fit.coherency_interval),
        "knee": (knee, fit.knee_interval),
        "peak": (peak, fit.peak_interval),
    }
    return {f"interval of {name}": not low <= value <= high for name, (value, (low, high)) in truths.items()}


def stages(runs: int) -> Iterator[Row]:
    """`locust -f loadtests Stairs`: every step right at the limit, each judged apart, and all of them as a whole."""
    plan = Plan("http://127.0.0.1:1", "stairs", STEPS, (Kind("p", 1, (Request("GET", "/"),)),), "-", "constant")
    yield from _rates("stages", "5 steps of 10 s, independent", runs, partial(_stages_errors, plan))


def _stages_errors(plan: Plan, rng: Rng) -> Outcome:
    due = schedule(plan).due_s
    recording = Recording(schedule(plan), ["p"])
    for index, (sent, slow) in enumerate(zip(due.tolist(), rng.random(due.size) < BUDGET, strict=True)):
        recording.answered(index, sent, sent + (2 if slow else 0.5) * LIMIT, 200, success=True)
    found = verdict(recording.load_run(plan, 0.0, 0.0, plan.duration_s, 1), plan, Objective(LIMIT, 0.01))
    return {"false pass": found.passed, "false fail": any(": FAIL" in line for line in found.lines)}


RULES: dict[str, Callable[[int], Iterator[Row]]] = {
    "usl": usl,
    "regression": regression,
    "slo": slo_verdicts,
    "planned": planned_verdicts,
    "stages": stages,
}


def _rates(rule: str, cell: str, runs: int, run: Callable[[Rng], Outcome], target: float = AT_MOST) -> Iterator[Row]:
    """One row for each kind of error that a run can make."""
    rng, errors = np.random.default_rng(SEED), Counter[str]()
    for _ in range(runs):
        errors.update({name: int(wrong) for name, wrong in run(rng).items()})
    for name, count in errors.items():
        upper, lower = upper_bound(count, runs, 0.025), lower_bound(count, runs, 0.025)
        missed = (count / runs if runs >= FULL else lower) > target
        yield Row(f"{rule}: {name}", cell, runs, count, count / runs, upper, target, missed)


def _line(row: Row) -> str:
    percent = row.target < 1
    figures = [f"{one:>7.2%}" if percent else f"{one:>7.0f}" for one in (row.value, row.upper, row.target)]
    mark = "  MISSED" if row.missed else ""
    return f"{row.rule:<34} {row.cell:<46} {row.runs:>5} {row.errors:>6} {' '.join(figures)}{mark}"


if __name__ == "__main__":
    sys.exit(main())
