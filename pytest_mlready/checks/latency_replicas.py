"""Checks of several replicas behind one address: they share the work, and a dead one gets none."""

from __future__ import annotations

from collections import Counter

from pytest_mlready.catalogue import check
from pytest_mlready.checks.latency import declared
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.balance import Share, judge_balance
from pytest_mlready.measure.proportions import judge_rate
from pytest_mlready.records import Replicas
from pytest_mlready.settings import Replicas as Table
from pytest_mlready.settings import Settings

UNTOLD = 0.05
"""Of the answers, so many may come without a name: those of a balancer that refused, say."""
SHOWN = 5
STILL_SENT = 0.25
"""The dead one may be tried with so much of its even share: balancers that try it again now and then do so rarely."""


@check(
    "latency.replicas_balanced",
    "should",
    remedy="Balance requests, not long-lived connections (a headless or mesh service, `least_conn`, `leastconn`), and "
    "see that all replicas are ready and weigh the same.",
)
def replicas_balanced(replicas: Replicas, settings: Settings) -> Finding:
    """No replica gets more than `share_ratio` times its even share of the requests, or less than that part of it.

    Where one gets most of the work, capacity is that of one, the others are paid for idling, and its tail is everyone's
    tail.

    Counted are requests on fresh connections, several at a time. It fails only if a share is provably outside (1% for
    all replicas together), by exact bounds; not if all went to one, for a balancer that goes by the client's address
    looks like that from one machine.
    """
    table = _declared(settings)
    named = [one for one in replicas.told if one >= 0]
    if (why := _unclear(replicas, len(named), table)) is not None:
        return inconclusive(why)
    seen = judge_balance(named, table.count, table.share_ratio)
    names = [*replicas.names, *("one that never answered",) * (table.count - len(replicas.names))]
    order = sorted(zip(names, seen.shares, strict=True), key=lambda one: -one[1].count)
    details = tuple(f"{name}: {one.count} requests, {_share(one)}" for name, one in order)
    deciding = [pair for pair in order if pair[1].verdict == seen.verdict]
    name, odd = max(deciding, key=lambda pair: abs(pair[1].share - 1 / table.count))
    limit = seen.most if odd.share > 1 / table.count else seen.least
    measured = Measurement(odd.share, "1", n=len(named), interval=odd.interval, limit=limit)
    what = f"{name} got {_share(odd)} of {len(named)} requests; {seen.least:.1%} to {seen.most:.1%} allowed"
    if seen.verdict == "pass":
        return passed(f"{table.count} replicas share the requests: {what}", measured, details=details)
    if seen.verdict == "fail":
        return failed(f"the requests are not shared: {what}", measured, details=details)
    return inconclusive(f"{what}: {seen.n_needed or 'more'} would decide", measured, details=details)


@check(
    "latency.dead_replica_ejected",
    "should",
    remedy="Have the balancer check its replicas' readiness every second or two, leave out who fails or refuses a "
    "connection, and try another replica where none of the answer has come yet.",
    needs=("service.kill",),
)
def dead_replica_ejected(replicas: Replicas, settings: Settings) -> Finding:
    """When a replica dies, requests succeed again within `ejected_s` seconds, whoever answers them.

    Replicas are paid for so that the death of one is nobody's business; a balancer that goes on sending to it makes
    every n-th request fail until someone wakes up.

    The replica that answered most is killed. Failures from then on, for `ejected_s` seconds, are told; those after it
    are judged against a quarter of its even share.
    """
    table = _declared(settings)
    if replicas.killed is None:
        return inconclusive(f"none was killed: {replicas.problem}")
    before = [outcome for begun, outcome in replicas.after if begun < table.ejected_s]
    after = [outcome for begun, outcome in replicas.after if begun >= table.ejected_s]
    failures = [one for one in after if not one.startswith("2")]
    verdict = judge_rate(len(failures), len(after), STILL_SENT / table.count)
    measured = Measurement(verdict.rate, "1", n=verdict.n, interval=verdict.interval, limit=verdict.budget)
    kinds = ", ".join(f"{count} × {word}" for word, count in Counter(failures).most_common())
    what = f"{len(failures)} of {len(after)} requests failed later than {table.ejected_s:g} s after the death of "
    what += replicas.killed + (f" ({kinds})" if kinds else "")
    details = (_meanwhile(replicas, before),)
    if verdict.verdict == "pass":
        return passed(what, measured, details=details)
    if verdict.verdict == "fail" and len(replicas.names) < 2:
        return inconclusive(f"{what}, which alone had answered: see latency.replicas_balanced", measured)
    if verdict.verdict == "fail":
        return failed(f"{what}: it is still sent requests", measured, details=details)
    return inconclusive(f"{what}: {verdict.n_needed or 'more'} would decide", measured, details=details)


def _declared(settings: Settings) -> Table:
    """The table `[latency.replicas]`, which is declared wherever these checks are made."""
    return declared(settings).replicas or Table(count=2)


def _share(one: Share) -> str:
    """A share with its interval, for people."""
    low, high = one.interval
    return f"{one.share:.1%} [{low:.1%}, {high:.1%}]"


def _unclear(seen: Replicas, named: int, table: Table) -> str | None:
    """Why it cannot be said who got which request; None if it can."""
    where = f"header {table.header!r}" if table.header is not None else f"{table.field!r} at {table.path}"
    if len(seen.names) > table.count:
        some = ", ".join(seen.names[:SHOWN])
        return (
            f"{len(seen.names)} names came for {table.count} declared replicas ({some}, …): is {where} the right one?"
        )
    if len(seen.told) - named > UNTOLD * len(seen.told) or not named:
        failures = ", ".join(f"{count} × {word}" for word, count in seen.failures.items())
        failed_so = f"; not answered: {failures}" if failures else ""
        return f"{len(seen.told) - named} of {len(seen.told)} answers do not say who gave them ({where}){failed_so}"
    if len(seen.names) == 1 and named:
        return (
            f"all {named} requests went to {seen.names[0]}: the others get none, or the balancer goes by the client's "
            "address, which looks the same from one machine; waive this check if it does"
        )
    return None


def _meanwhile(seen: Replicas, outcomes: list[str]) -> str:
    lost = [begun for begun, outcome in seen.after if not outcome.startswith("2")]
    failures = sum(1 for one in outcomes if not one.startswith("2"))
    last = f", the last failure {max(lost):.1f} s after the death" if lost else ""
    back = f"; {seen.killed} answered again after {seen.back_s:.1f} s" if seen.back_s is not None else ""
    return f"{failures} of {len(outcomes)} requests failed until then{last}{back}"
