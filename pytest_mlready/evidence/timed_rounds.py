"""A request and three of its parts, timed in turns: round after round, whatever else the machine does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_mlready.records import BatchTimes, Exchange

if TYPE_CHECKING:
    from pytest_mlready.service.instance import Instance

Send = Callable[[bytes, bool], Exchange]
"""Sends a body; the flag says whether it is the whole."""
ROUNDS = 7
FEWEST_ROUNDS = 3
ODD = 1.3
"""A whole that takes so many times what its parts do, at best, is kept for a replay; one that takes less clears itself
of growing, and no further round could change that."""
CLEAR = 2.2
CLEAR_CPU_S = 0.1
"""A whole that takes so many times what its parts do in every single round, and in CPU seconds that can be told apart
from none, grows for certain: beyond any pause, which would have to hit each whole and none of the parts."""


def timed_rounds(
    instance: Instance | None, send: Send, size: int, parts: Sequence[bytes], whole: Exchange, until: float
) -> tuple[BatchTimes | None, str | None]:
    """Times of the parts, of `size` each, and of the whole, asked again; or which of them went unanswered.

    Rounds end early where the whole is not odd, or where it grows for certain: all of them are for what only seems so.
    """
    three: list[float] = []
    at_once: list[float] = []
    cpu = {"three": 0.0, "whole": 0.0}
    pids = instance.processes() if instance is not None else []
    before = instance.cpu_s(pids) if instance is not None else 0.0
    while len(at_once) < ROUNDS and (
        len(at_once) < FEWEST_ROUNDS
        or (time.monotonic() < until and _is_odd(at_once, three) and not _is_clear(at_once, three, cpu))
    ):
        for is_whole in (False, True) if len(at_once) % 2 == 0 else (True, False):
            asked = [send(body, is_whole) for body in ([whole.request_body] if is_whole else parts)]
            after = instance.cpu_s(pids) if instance is not None else 0.0
            lost = next((one for one in asked if not one.ok), None)
            if lost is not None:
                return None, f"{lost.case} was answered {lost.outcome}, though one like it was answered before"
            (at_once if is_whole else three).append(sum(one.elapsed_s for one in asked))
            cpu["whole" if is_whole else "three"] += after - before
            before = after
    shown = replace(whole, request_body=whole.request_body if _is_odd(at_once, three) else b"", body=b"")
    times = BatchTimes(size, tuple(three), tuple(at_once), shown)
    if instance is not None:
        times = replace(times, three_cpu_s=cpu["three"], whole_cpu_s=cpu["whole"])
    return times, None


def _is_odd(at_once: Sequence[float], three: Sequence[float]) -> bool:
    return min(at_once) > ODD * min(three)


def _is_clear(at_once: Sequence[float], three: Sequence[float], cpu: Mapping[str, float]) -> bool:
    grown = all(whole > CLEAR * parts for whole, parts in zip(at_once, three, strict=True))
    return grown and cpu["whole"] > max(CLEAR * cpu["three"], CLEAR_CPU_S)
