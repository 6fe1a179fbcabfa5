"""Check of what changes while the load stays the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared, ms
from pytest_mlready.checks.latency_resources import grown
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.generator import served_s, starved
from pytest_mlready.measure.proportions import lower_bound, upper_bound
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.regression import FEWEST_PAIRS, Regression, judge_regression
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Settings

RATIOS = {0.5: 1.5, 0.95: 2.0}
"""So many times slower the last third may be than the first, for the machine has other work, too."""
LEAST_S = 0.001
LEAST_FILES = 64
"""Open files more, in all, before they count as a leak: connections come and go."""
ALPHA = 0.01
BLOCK_S = 1.0
Blocks = tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]


@check(
    "latency.soak",
    "may",
    remedy="Look for what grows with time: open files and connections, lists that are searched, caches.",
)
def soak(soak: LoadRun, settings: Settings) -> Finding:
    """Under a load that stays the same, latency, failures and open files do not rise.

    What leaks a little with every request passes every short test, and stops answering after hours, on all replicas at
    about the same time.

    Compared are the first and the last third, second by second; where the generator itself may have become later as
    well, the machine is to blame.
    """
    if (trouble := starved(soak, declared(settings).p99_ms / 1000)) is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}")
    for rising in (_files(soak), _failures(soak)):
        if rising is not None:
            return failed(rising)
    served = served_s(soak)
    times = _thirds(soak, served, np.isfinite(served))
    if len(times[0]) < FEWEST_PAIRS:
        return inconclusive(f"needs answers in {FEWEST_PAIRS} seconds of each third: a longer run would decide")
    seen = _compared(times)
    worst = seen.worst
    what = f"p{100 * worst.q:g} {ms(worst.baseline_s)} in the first third, {ms(worst.candidate_s)} in the last"
    measured = Measurement(worst.ratio, "1", n=served.size, interval=worst.interval, limit=worst.allowed)
    if seen.verdict == "no regression":
        return passed(f"{what}; failures and open files did not rise either", measured)
    if seen.verdict == "inconclusive":
        return inconclusive(f"{what}: a longer run would decide", measured)
    if _compared(_lateness(soak)).verdict != "no regression":
        return inconclusive(f"{what}, but the generator may have been later, too: a busier machine?", measured)
    return failed(f"latency rose: {what}", measured)


def _files(run: LoadRun) -> str | None:
    """What is said of open files that grow with every request; None where they do not, or cannot be seen."""
    seen = grown(run, [one.open_files for one in run.used])
    if seen is None or seen.interval[0] <= 0 or seen.total < LEAST_FILES:
        return None
    return f"open files grew by {seen.total:.0f} over {seen.requests:.0f} requests, without a pause"


def _failures(run: LoadRun) -> str | None:
    """What is said of failures that became more frequent beyond doubt; None where they did not."""
    first, last = (np.concatenate(blocks) for blocks in _thirds(run, np.isinf(served_s(run)).astype(float)))
    before, after = int(first.sum()), int(last.sum())
    if lower_bound(after, last.size, ALPHA) <= upper_bound(before, first.size, ALPHA):
        return None
    return (
        f"failures rose from {before} of {first.size} requests in the first third to {after} of {last.size} in the last"
    )


def _lateness(run: LoadRun) -> Blocks:
    """The generator's own, in whole microseconds, at least one."""
    late = np.asarray(run.series["sent_s"]) - np.asarray(run.series["intended_s"])
    return _thirds(run, np.maximum(np.round(late, 6), 1e-6), ~np.asarray(run.series["queued"]))


def _compared(blocks: Blocks) -> Regression:
    first = np.concatenate(blocks[0])
    allowed = {q: max(ratio, 1 + LEAST_S / quantile(first, q)) for q, ratio in RATIOS.items()}
    return judge_regression(*blocks, allowed, alpha=ALPHA)


def _thirds(run: LoadRun, values: NDArray[np.float64], kept: NDArray[np.bool_] | None = None) -> Blocks:
    """Values by the second of the first and of the last third in which their request was due; both have some."""
    second = np.floor(np.asarray(run.series["intended_s"]) / BLOCK_S)
    chosen = np.ones(values.size, dtype=bool) if kept is None else kept
    count = int(run.duration_s / BLOCK_S)
    pairs = [(chosen & (second == at), chosen & (second == at + count - count // 3)) for at in range(count // 3)]
    whole = [(values[one], values[other]) for one, other in pairs if one.any() and other.any()]
    return [one for one, _ in whole], [other for _, other in whole]
