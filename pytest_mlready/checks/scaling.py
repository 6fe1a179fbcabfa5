"""Check of what an answer costs: as much as its rows, whatever their values."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from statistics import median

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import BatchTimes, Scaling, SlowRow, TextTimes
from pytest_mlready.replay import Expect, Replay

MOST_EXPONENT = 1.5
"""Half way between rows and pairs of rows. Linear services stay below 1.1: what is fixed a request only lowers it."""
SHORTEST_S = 0.01
"""A batch that takes less says nothing against the service: a pause of a few ms anywhere makes an exponent of it."""
SHORTER_S = 0.002
"""The same of shorter texts, the whole of which is a part of a longer one."""
GROWING = 1.3
"""Shorter texts only have to agree: at best, the whole takes so many times what its three parts do."""
CPU_TICK_S = 0.01
SHORTEST_CPU_S = 10 * CPU_TICK_S
"""CPU seconds come in ticks of the kernel: a sum of fewer than ten says little."""
FEWEST_ROUNDS = 3
SLOW_FACTOR = 10
SLOW_S = 0.25
"""A slow row is both, at best of three with ordinary rows between. A quarter of a second is longer than a busy machine
lets a request wait, and would have to hit this row three times and the ordinary ones never; ten times an ordinary row
spares services that are slow throughout."""
REPEATS = 3
ROUNDS = 8


@check(
    "fuzz.time_scales_linearly",
    "should",
    remedy="Look rows up in a set or a table instead of comparing each with all others, and bound every loop whose "
    "length depends on a value.",
)
def time_scales_linearly(scaling: Scaling) -> Finding:
    """Three times the rows, or the text, take about three times as long, and no value makes its row slow.

    A comparison of every row with every other passes all tests with ten rows and takes minutes with a thousand. A
    value that costs a second is a way for any client to stop the service with a handful of requests.
    """
    for suspect in scaling.suspects:
        ordinary = _ordinary(scaling, suspect)
        if len(suspect.seconds) >= REPEATS and min(suspect.seconds) > max(SLOW_S, SLOW_FACTOR * ordinary):
            limit = max(SLOW_S, SLOW_FACTOR * ordinary)
            return failed(
                f"scaling: {suspect.exchange.case} takes {min(suspect.seconds):.2f} s at best of "
                f"{len(suspect.seconds)}, an ordinary one {ordinary * 1000:.1f} ms",
                Measurement(min(suspect.seconds), "s", n=scaling.asked, limit=limit),
                replay=replays.curl(suspect.exchange),
                script=Replay(
                    (replays.request_of(suspect.exchange),), (Expect("faster", (0,), {"limit": limit}),), rounds=REPEATS
                ),
            )
    for text in scaling.texts:
        if (found := _outgrown(text)) is not None:
            return found
    if not scaling.rows and scaling.asked and scaling.batch is None:
        return inconclusive("no row was answered with a 2xx status: nothing can be timed")
    if scaling.batch is not None:
        return _judged(scaling.batch, scaling.asked)
    if scaling.problem is not None:
        return inconclusive(f"no batches could be timed: {scaling.problem}")
    if not scaling.rows:
        return Finding(Status.NOT_APPLICABLE, "the service takes one row at a time, and no column has numbers")
    return passed(f"no value made one of {scaling.asked} rows slow; the service takes one row at a time")


def _outgrown(text: TextTimes) -> Finding | None:
    """The failure where time grows faster than a text at both scales.

    One scale alone says little: who cuts texts into windows that overlap answers one that fits in a single window in
    less than its share.
    """
    if min(text.longer.whole) < SHORTEST_S or min(text.shorter.whole) < SHORTER_S:
        return None
    found, longer = exponent(text.longer), text.longer
    if found < MOST_EXPONENT or _ratio(min(text.shorter.whole), min(text.shorter.three)) < GROWING:
        return None
    requests = tuple(replays.request_of(one) for one in (*text.parts, longer.exchange))
    expect = Expect("linear", (0, 1, 2, 3), {"limit": MOST_EXPONENT})
    return failed(
        f"scaling: time grows with the length of {text.column} to the power of {found:.2f}: "
        f"{min(longer.three) / 3 * 1000:.1f} ms for {longer.size:,} characters, {min(longer.whole) * 1000:.1f} ms for "
        f"{3 * longer.size:,}, at best of {len(longer.whole)}",
        Measurement(found, "1", n=len(longer.whole), limit=MOST_EXPONENT),
        script=Replay(requests, (expect,), rounds=ROUNDS) if text.parts else None,
    )


def _judged(batch: BatchTimes, asked: int) -> Finding:
    rows = 3 * batch.size
    found = exponent(batch)
    measured = Measurement(found, "1", n=len(batch.whole), limit=MOST_EXPONENT)
    times = f"{min(batch.three) / 3 * 1000:.1f} ms for {batch.size} rows, {min(batch.whole) * 1000:.1f} ms for {rows}"
    if found < MOST_EXPONENT:
        return passed(f"time grows with the rows' number to the power of {found:.2f}: {times}; {asked} rows", measured)
    if min(batch.whole) < SHORTEST_S:
        return inconclusive(f"batches of {rows} rows are answered too fast to be compared: {times}", measured)
    if len(batch.whole) < FEWEST_ROUNDS:
        return inconclusive(f"only {len(batch.whole)} rounds could be made: {times}", measured)
    return failed(
        f"scaling: time grows with the rows' number to the power of {found:.2f}: {times}, at best of "
        f"{len(batch.whole)}",
        measured,
        script=_apart_and_together(batch),
    )


def _apart_and_together(batch: BatchTimes) -> Replay | None:
    """The batch in three parts and whole, in turns; None where its rows are not known."""
    whole = replays.request_of(batch.exchange)
    try:
        body = json.loads(whole.body)
    except ValueError:
        return None
    named = [(key, rows) for key, rows in body.items() if isinstance(rows, list)] if isinstance(body, dict) else []
    key, rows = named[0] if named else (None, body)
    parts = []
    for start in range(0, 3 * batch.size, batch.size):
        part = rows[start : start + batch.size]
        sent = json.dumps(part if key is None else {**body, key: part}, separators=(",", ":")).encode()
        parts.append(replace(whole, case=f"a batch of {len(part)} rows", body=sent))
    return Replay((*parts, whole), (Expect("linear", (0, 1, 2, 3), {"limit": MOST_EXPONENT}),), rounds=ROUNDS)


def exponent(batch: BatchTimes) -> float:
    """`p` of time ~ rows ** p, by the best of each and by what is harder to disturb, whichever is less.

    Three batches of n take 3·c·nᵖ, one of 3n takes c·(3n)ᵖ: their ratio is 3ᵖ⁻¹. A busy machine stretches both alike,
    for they last as long, but by chance, and the best of few moves with one lucky request. So the CPU seconds, which
    count no waiting, have to say the same; where they are not known, three rounds in four.
    """
    return 1 + math.log(min(_ratio(min(batch.whole), min(batch.three)), _undisturbed(batch))) / math.log(3)


def _undisturbed(batch: BatchTimes) -> float:
    if batch.three_cpu_s is not None and (batch.whole_cpu_s or 0.0) >= SHORTEST_CPU_S:
        return _ratio(batch.whole_cpu_s or 0.0, max(batch.three_cpu_s, CPU_TICK_S))
    rounds = sorted(_ratio(whole, three) for whole, three in zip(batch.whole, batch.three, strict=True))
    return rounds[len(rounds) // 4]


def _ratio(whole: float, three: float) -> float:
    return max(whole, 1e-9) / max(three, 1e-9)


def _ordinary(scaling: Scaling, suspect: SlowRow) -> float:
    """The median second of ordinary rows: of the whole run, or of those between, if the machine just was slower."""
    return max(median(scaling.rows or [0.0]), median(suspect.between or (0.0,)))
