"""Checks of what the service says of itself: the exposition is readable, true and bounded."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.counter_growth import Growth, Series, growths, likely, series
from pytest_mlready.records import Counters, Scrape
from pytest_mlready.settings import Metrics, Settings


@check(
    "metrics.scrapable",
    "must",
    remedy="Return the client library's own text with its own content type (text/plain; version=0.0.4), not through a "
    "route that encodes it as JSON or HTML.",
)
def scrapable(scrape: Scrape) -> Finding:
    """The metrics route answers with text that Prometheus parses, under a media type that it accepts.

    A scrape that fails is silent on every dashboard: the service looks idle, and no alert about it can ever fire.
    """
    exposition = scrape.exposition
    replay = exposition.exchange.curl(SERVICE)
    if exposition.problem is not None:
        return failed(f"{exposition.exchange.path} cannot be scraped: {exposition.problem}", replay=replay)
    if not exposition.samples:
        return failed(f"{exposition.exchange.path} holds no sample", replay=replay)
    count = len(exposition.samples)
    return passed(f"{count} samples parsed", Measurement(count, "1", n=1))


@check(
    "metrics.counts_true",
    "must",
    remedy="Count in one place that every request passes (middleware), with the status that was sent; with several "
    "worker processes use the client library's multiprocess mode.",
)
def counts_true(counters: Counters, settings: Settings) -> Finding:
    """A counter of requests grows by exactly the requests sent, by status, whichever worker is scraped.

    Alerts are written on these numbers: a counter that misses errors, or shows one worker of four, makes every rule
    on it wrong by a factor that nobody knows.
    """
    if (unread := _unread(counters)) is not None:
        return unread
    sent = {status: count for status, count in counters.sent.items() if status.isdigit()}
    wanted = sum(sent.values())
    if wanted == 0:
        return inconclusive("none of the requests was answered, so there is nothing to count")
    declared = (settings.metrics or Metrics()).requests
    found = [_grown(counters, at, sent, declared) for at in range(len(counters.after))]
    last = found[-1]
    if not last:
        named = f"no series {declared!r}" if declared else "no counter of requests"
        return failed(f"{named} in {counters.metrics_path} after {wanted} requests", Measurement(0, "1", limit=wanted))
    best = last[0]
    measured = Measurement(best.total, "1", n=len(counters.after), limit=wanted)
    seen = [next((one.total for one in growth if one.name == best.name), 0.0) for growth in found]
    if any(later < earlier for earlier, later in pairwise(seen)):
        shown = ", ".join(f"{value:g}" for value in seen)
        what = f"{best.name} grew by {shown} in scrapes one after the other: each worker counts for itself"
        return failed(f"{what}; {wanted} requests were sent", measured)
    if best.true:
        return passed(f"{best.name} grew by {best.total:g} over {wanted} requests ({_by_status(best, sent)})", measured)
    return failed(f"{best.name} grew by {best.total:g} for {wanted} requests sent ({_by_status(best, sent)})", measured)


@check(
    "metrics.cardinality",
    "must",
    remedy="Label by what has few values (route template, method, status, model version), never by input, prediction, "
    "raw path or user; put unknown paths and methods under one value.",
)
def cardinality(counters: Counters, settings: Settings) -> Finding:
    """Many distinct inputs, unknown paths and invented methods add a bounded number of series.

    Every distinct label value is a series that Prometheus keeps in memory: one label by prediction or by raw path
    takes the monitoring of the whole company down, not just its own.
    """
    if (unread := _unread(counters)) is not None:
        return unread
    known = {key for one in (*counters.before, *counters.after) for key in series(one.samples)}
    new = [key for key in series(counters.distinct_after.samples) if key not in known]
    limit = (settings.metrics or Metrics()).max_new_series
    tried = (
        f"{counters.distinct_inputs} distinct inputs, {counters.unknown_paths} unknown paths and "
        f"{counters.invented_methods} invented methods"
    )
    measured = Measurement(len(new), "1", n=counters.distinct_inputs, limit=limit)
    if counters.distinct_inputs + counters.unknown_paths + counters.invented_methods == 0:
        return inconclusive("nothing that differs was asked: time was up, or everything was refused", measured)
    if len(new) > limit:
        name, count = Counter(name for name, _ in new).most_common(1)[0]
        label, values = _widest([key for key in new if key[0] == name])
        what = f"{tried} added {len(new)} series, {count} of them in {name}"
        return failed(f"{what}, whose label {label!r} took {values} new values", measured)
    if counters.distinct_inputs <= limit and len(new) > max(2, counters.distinct_inputs // 10):
        return inconclusive(f"{tried} added {len(new)} series: more inputs than {limit} would decide", measured)
    return passed(f"{tried} added {len(new)} series", measured)


def _unread(counters: Counters) -> Finding | None:
    for one in (*counters.before, *counters.after, counters.distinct_after):
        if one.problem is not None:
            return inconclusive(f"{counters.metrics_path} cannot be read (see metrics.scrapable): {one.problem}")
    if not counters.before or not counters.after:
        return inconclusive(f"{counters.metrics_path} was not scraped before and after")
    return None


def _grown(counters: Counters, at: int, sent: dict[str, int], declared: str | None) -> list[Growth]:
    """The families that may be the request counter, best first, as the scrape `at` after the requests shows them."""
    all_families = growths(
        counters.before[-1].samples,
        counters.after[at].samples,
        sent,
        predict=counters.predict_path,
        metrics=counters.metrics_path,
        scrapes=len(counters.after),
    )
    if declared is not None:
        return [one for one in all_families if one.name in {declared, f"{declared}_total", f"{declared}_count"}]
    true = [one for one in all_families if one.true]
    suspects = [one for one in all_families if likely(one) and one.name.endswith(("_total", "_count"))]
    if all(
        one.by_status is None for one in true
    ):  # then one that counts all, under other statuses, is the one to judge
        most = sum(sent.values()) + len(counters.after)
        wrong = [one for one in suspects if one.by_status is not None and sum(sent.values()) <= one.total <= most]
        true = wrong or true
    return true or sorted(suspects, key=lambda one: -one.total)


def _by_status(growth: Growth, sent: dict[str, int]) -> str:
    if growth.by_status is None:
        return "no label tells statuses apart"
    return ", ".join(f"{status}: {growth.by_status[status]:g} of {count}" for status, count in sorted(sent.items()))


def _widest(keys: list[Series]) -> tuple[str, int]:
    """The label with most distinct values, and how many."""
    values: dict[str, set[str]] = {}
    for _, labels in keys:
        for name, value in labels:
            values.setdefault(name, set()).add(value)
    return max(((name, len(seen)) for name, seen in values.items()), key=lambda one: one[1], default=("", 0))
