"""Check of single rows beside large batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared, ms, slo_measurement
from pytest_mlready.finding import Finding, Status, failed, inconclusive, passed
from pytest_mlready.measure import abba
from pytest_mlready.measure.generator import served_s, starved, unsent
from pytest_mlready.measure.proportions import lower_bound
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.slo import SloVerdict, judge_share
from pytest_mlready.records import MixedLoad
from pytest_mlready.settings import Settings

FEWEST_BATCHES = 5
"""Answered ones: beside fewer, or beside such as are refused, nothing was isolated from anything."""
BY_CHANCE = 0.01
"""How often slow rows that have nothing to do with batches may seem to come with them."""


@check(
    "latency.tail_isolation",
    "should",
    remedy="Take batches off the event loop, cut them into pieces between which single rows get through, or give them "
    "workers and a queue of their own; refuse batches that are too large.",
)
def tail_isolation(mixed_load: MixedLoad, settings: Settings) -> Finding:
    """Single rows keep the latency limit beside large batches, too.

    One client's nightly job is another one's timeout: where a batch holds the event loop, the lock or the only worker,
    all who ask for one row wait until it is done.

    Judged are the single rows of the blocks with batches, by the rule of latency.p99, where one that is refused counts
    as too late. It fails only if those of the blocks between, without batches, provably keep the limit, and slow ones
    come with batches. All together is no more work than the declared rate, or than two fifths of one worker's time.
    """
    if mixed_load.rows == 0:
        problem = mixed_load.problem
        single = Finding(Status.NOT_APPLICABLE, "the service takes one row at a time")
        return single if problem is None else inconclusive(f"no batch to put beside single rows: {problem}")
    limit_s, stall_s = declared(settings).p99_ms / 1000, declared(settings).longest_stall_s
    seen = _Seen.of(mixed_load, limit_s)
    if not seen.alone.size or not seen.beside.size:
        return inconclusive("too few single rows were sent: a longer run, or a higher rate, would decide")
    alone_for_s = mixed_load.duration_s - mixed_load.beside_s
    alone = judge_share(seen.alone, limit_s, duration_s=alone_for_s, longest_stall_s=0.0)
    beside = judge_share(seen.beside, limit_s, duration_s=mixed_load.beside_s, longest_stall_s=stall_s)
    measured, details = slo_measurement(beside, limit_s), seen.told(alone, mixed_load.alone_s)
    what = f"p99 of single rows {ms(alone.quantile_s)} alone, {ms(beside.quantile_s)} beside batches of "
    what += f"{mixed_load.rows}: {beside.reason}"
    unreached = unsent(mixed_load, limit_s)
    if beside.verdict == "pass" and seen.batches.size >= FEWEST_BATCHES and unreached is None:
        return passed(what, measured, details=details)
    if (trouble := starved(mixed_load, limit_s)) is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured, details=details)
    if beside.verdict == "pass":
        but = unreached or f"{seen.batches.size} batches were answered"
        return inconclusive(f"{what}, but {but}", measured, details=details)
    if beside.verdict == "inconclusive":
        return inconclusive(what + _needed(beside), measured, details=details)
    if alone.verdict != "pass":
        return inconclusive(f"{what}; but alone they are not within it either: see latency.p99", measured)
    if not seen.with_batches:
        return inconclusive(f"{what}, but not while batches were asked: see latency.stalls_seen", measured)
    return failed(what, measured, details=details)


@dataclass(frozen=True)
class _Seen:
    """Times in seconds that the service took (`served_s`), in order of the intended time of sending.

    `alone` and `beside` are those of single rows, `batches` those of whole batches that were answered, of `offered`.
    `with_batches`: rows over the limit come while a batch is in flight, more often than by chance.
    """

    alone: NDArray[np.float64]
    beside: NDArray[np.float64]
    batches: NDArray[np.float64]
    offered: int
    with_batches: bool

    @classmethod
    def of(cls, run: MixedLoad, limit_s: float) -> _Seen:
        served, heavy, in_flight = served_s(run), _batches(run), _in_flight(run)
        beside = in_flight | _blocks_with_batches(run)
        return cls(
            alone=served[~heavy & ~beside],
            beside=served[~heavy & beside],
            batches=served[heavy & np.isfinite(served)],
            offered=int(heavy.sum()),
            with_batches=_together(run, ~heavy & beside, in_flight, limit_s),
        )

    def told(self, alone: SloVerdict, batch_alone_s: float) -> tuple[str, ...]:
        """Of the batches, and of the rows alone."""
        p99 = f", p99 {ms(quantile(self.batches, 0.99))}" if self.batches.size else ""
        batches = f"{self.batches.size} of {self.offered} batches answered{p99}; {ms(batch_alone_s)} for one alone"
        return batches, f"single rows alone: {alone.reason}"


def _together(run: MixedLoad, rows: NDArray[np.bool_], in_flight: NDArray[np.bool_], limit_s: float) -> bool:
    """Whether bursts of slow rows begin while a batch is in flight more often than rows are due then.

    The machine stalls, too, and by chance in the blocks with batches only. One stall makes many rows slow: counted are
    bursts, whose slow rows are no further apart than the limit.
    """
    slow = np.flatnonzero(rows & (served_s(run) > limit_s))
    first = np.diff(np.asarray(run.series["intended_s"])[slow], prepend=-np.inf) > limit_s
    begun = in_flight[slow[first]]
    return bool(lower_bound(int(begun.sum()), begun.size, BY_CHANCE) > in_flight[rows].mean()) if begun.size else False


def _in_flight(run: MixedLoad) -> NDArray[np.bool_]:
    """Which requests were due while a batch sent before was in flight."""
    series = {name: np.asarray(run.series[name]) for name in ("intended_s", "sent_s", "service_s")}
    ends = np.where(_batches(run), series["sent_s"] + series["service_s"], -np.inf)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(np.nan_to_num(ends, nan=-np.inf))[:-1]])
    in_flight: NDArray[np.bool_] = series["intended_s"] < before
    return in_flight


def _blocks_with_batches(run: MixedLoad) -> NDArray[np.bool_]:
    stage = np.asarray(run.series["stage"])
    blocks: NDArray[np.bool_] = np.array(abba.sequence(False, True, int(stage.max(initial=0)) // 2 + 1))[stage]
    return blocks


def _batches(run: MixedLoad) -> NDArray[np.bool_]:
    batches: NDArray[np.bool_] = np.asarray(run.series["class"]) == [one.name for one in run.classes].index("batch")
    return batches


def _needed(seen: SloVerdict) -> str:
    if seen.n_needed is None:
        return ""
    return f"; {seen.n_needed} of them, in {seen.duration_needed_s:.0f} s beside batches, would decide"
