"""Check of what requests leave behind in the service's memory."""

from __future__ import annotations

from itertools import pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import Corpus
from pytest_mlready.records.corpus import MEMORY_EVERY

MOST_BYTES = 64 * 1024
"""Growth by so much a request is more than a request: an hour at 100 requests a second leaves 22 GB."""
LEAST_GROWTH = 16 * 1024 * 1024
"""Less in all may be tables that fill once, or a heap that finds its size."""
FEWEST_WINDOWS = 4


@check(
    "fuzz.memory_steady",
    "should",
    remedy="Look for what keeps a reference to each request: a list of answers, a cache without a bound, a log in "
    "memory.",
)
def memory_steady(corpus: Corpus) -> Finding:
    """The service's memory does not grow with every request.

    A service that keeps something of each request runs for hours in every test and is killed after days in production,
    at the busiest moment.
    """
    if not corpus.memory:
        return Finding(Status.NOT_APPLICABLE, "the service was not started by the run, which cannot see its memory")
    grown = [(after - before) / MEMORY_EVERY for before, after in pairwise(corpus.memory)]
    if len(grown) < FEWEST_WINDOWS:
        asked = len(corpus.cases)
        return inconclusive(f"memory was seen over {asked} requests, {FEWEST_WINDOWS * MEMORY_EVERY} are needed")
    requests = MEMORY_EVERY * len(grown)
    whole = corpus.memory[-1] - corpus.memory[0]
    measured = Measurement(round(whole / requests), "B", n=requests, limit=MOST_BYTES)
    if min(grown) > MOST_BYTES and whole > LEAST_GROWTH:
        what = f"memory grew by {whole >> 20} MiB over {requests} requests, without a pause"
        return failed(f"{what}: {min(grown) / 1024:.0f} to {max(grown) / 1024:.0f} KiB a request", measured)
    return passed(f"memory grew by {max(0, whole) / requests / 1024:.1f} KiB a request over {requests}", measured)
