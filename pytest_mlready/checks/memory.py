"""Check of what requests leave behind in the service's memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import BadItems, Corpus, Exchange
from pytest_mlready.records.corpus import MEMORY_EVERY
from pytest_mlready.replay import Expect, Replay

ROUNDS = 5
"""Of a replay, with so many requests in each as a window has."""
MOST_BYTES = 96 * 1024
"""Growth by so much an answer is more than a row and its answer: an hour at 100 requests a second leaves 34 GB."""
LEAST_GROWTH = 8 * 1024 * 1024
"""Less in all may be tables that fill once, or a heap that finds its size."""
FEWEST_WINDOWS = 3
FEWEST_ANSWERS = 3
"""A stretch with fewer answers, or refusals, says nothing of what each leaves."""

BAD = "bad rows refused"
KINDS = {"answers": 2, "refusals": 4, BAD: 4}
"""What may leave something behind, by the first digit of its status."""


@check(
    "fuzz.memory_steady",
    "should",
    remedy="Look for what keeps a reference to each request: a list of answers, a cache without a bound, a log in "
    "memory.",
)
def memory_steady(corpus: Corpus, bad_items: BadItems | None = None) -> Finding:
    """The service's memory does not grow with every request.

    A service that keeps something of each request runs for hours in every test and is killed after days in production,
    at the busiest moment.
    """
    if not corpus.memory:
        return Finding(Status.NOT_APPLICABLE, "the service was not started by the run, which cannot see its memory")
    views = {name: list(_windows(corpus, KINDS[name])) for name in ("answers", "refusals")}
    views[BAD] = list(_stretches(bad_items.memory if bad_items is not None else ()))
    seen = {name: windows for name, windows in views.items() if len(windows) >= FEWEST_WINDOWS}
    if not seen:
        asked = len(corpus.cases)
        return inconclusive(f"memory was seen over {asked} requests, {FEWEST_WINDOWS * MEMORY_EVERY} are needed")
    told = []
    for name, windows in seen.items():
        count, whole = sum(count for _, count in windows), sum(size for size, _ in windows)
        grown = [size / count for size, count in windows]
        measured = Measurement(round(whole / count), "B", n=count, limit=MOST_BYTES)
        if min(grown) > MOST_BYTES and whole > LEAST_GROWTH:
            what = f"memory grew by {whole >> 20} MiB over {count} {name}, without a pause"
            what = f"scaling: {what}: {min(grown) / 1024:.0f} to {max(grown) / 1024:.0f} KiB each"
            return failed(what, measured, script=_again(_asked(corpus, bad_items, name)))
        told.append((f"{max(0, whole) / count / 1024:.1f} KiB each over {count} {name}", measured))
    blind = f"a leak below {MOST_BYTES >> 10} KiB each would not have been seen"
    return passed(f"memory grew by {' and '.join(what for what, _ in told)}; {blind}", told[0][1])


def _windows(corpus: Corpus, digit: int) -> Iterator[tuple[int, int]]:
    """Growth in bytes and answers with a status of this digit, for each stretch of rows that had some."""
    for at, (before, after) in enumerate(pairwise(corpus.memory)):
        asked = corpus.cases[at * MEMORY_EVERY : (at + 1) * MEMORY_EVERY]
        count = sum(_begins(one.answered.exchange, digit) for one in asked)
        if count >= FEWEST_ANSWERS:
            yield after - before, count


def _stretches(looks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same from one look to the next, of which each tells how many there were so far."""
    for (before, less), (after, more) in pairwise(looks):
        if after - before >= FEWEST_ANSWERS:
            yield more - less, after - before


def _begins(exchange: Exchange, digit: int) -> bool:
    return (exchange.status or 0) // 100 == digit


def _asked(corpus: Corpus, bad_items: BadItems | None, name: str) -> list[Exchange]:
    """What was answered so; of generated rows, those with the fewest edits come first."""
    asked = [one.answered.exchange for one in sorted(corpus.cases, key=lambda one: len(one.edits))]
    if name == BAD and bad_items is not None:
        asked = [one.exchange for one in bad_items.items]
    return [one for one in asked if _begins(one, KINDS[name])]


def _again(asked: Sequence[Exchange]) -> Replay:
    """The first of them, round after round, with a look at the memory after each."""
    requests = tuple(replays.request_of(one) for one in asked[:MEMORY_EVERY])
    told = {"limit": MOST_BYTES, "least": LEAST_GROWTH}
    return Replay(requests, (Expect("steady", tuple(range(len(requests))), told),), rounds=ROUNDS)
