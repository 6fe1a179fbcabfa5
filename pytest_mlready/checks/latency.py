"""Checks of speed and errors under an open-loop load, timed from the intended moment of sending."""

from __future__ import annotations

import math

import numpy as np

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.generator import ACHIEVED, judge_failures, punctual, starved, unheld, unsent
from pytest_mlready.measure.proportions import RateVerdict, judge_rate
from pytest_mlready.measure.quantiles import quantile
from pytest_mlready.measure.slo import SloVerdict, judge_share
from pytest_mlready.records import HealthProbe, LoadRun, Saturation
from pytest_mlready.settings import Latency, Settings

GRACE_S = 1.0
"""Beyond the latency limit, an answer may come so long after the schedule's end: one hiccup is no lack of capacity."""
OVERLOAD = frozenset({"429", "503", "deadline"})
PROBES_OVER = 0.1
"""Share of the health answers that may be over their limit while predict is saturated: their p90 is judged."""


@check(
    "latency.sustained_rate",
    "must",
    remedy="Find what serialises predictions (a lock, the event loop, one worker); add workers or micro-batching.",
)
def sustained_rate(steady_load: LoadRun, settings: Settings) -> Finding:
    """The declared rate is held for the whole run: at least 99% of it is answered, not queued and not shed.

    Below the arrival rate a queue grows without end: latency then says how long the test was, not how fast the
    service is.
    """
    latency = declared(settings)
    missing, n = unheld(steady_load, GRACE_S + latency.p99_ms / 1000)
    verdict = judge_rate(missing, n, 1 - ACHIEVED)
    achieved = steady_load.rate * (1 - verdict.rate)
    span = (steady_load.rate * (1 - verdict.interval[1]), steady_load.rate * (1 - verdict.interval[0]))
    measured = Measurement(achieved, "1/s", n=n, interval=span, limit=ACHIEVED * steady_load.rate)
    what = f"{achieved:.1f} of {steady_load.rate:g} requests/s were answered over {steady_load.duration_s:g} s"
    unreached = unsent(steady_load, latency.p99_ms / 1000)
    if n and missing <= (1 - ACHIEVED) * n and unreached is None:
        return passed(what, measured)
    trouble = starved(steady_load, latency.p99_ms / 1000)
    if trouble is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured)
    if verdict.verdict != "fail":
        return inconclusive(f"{what}: {unreached or 'too few to tell'}", measured)
    return failed(f"{what}; {missing} were queued at the end, or shed", measured)


@check(
    "latency.error_rate",
    "must",
    remedy="Look at the service's log for the failed requests of the load run; bound its queues and retries.",
)
def error_rate(steady_load: LoadRun, settings: Settings) -> Finding:
    """The share of failed requests at the declared rate is within the budget: any status but 2xx, or no answer.

    An error budget is a promise to callers; a run without errors proves only that the rate is below 3 divided by the
    number of requests. A connection that is closed as a request is sent on it, without notice, costs nobody a request
    who sends it again; more of those than the budget allows are failures, too.
    """
    latency = declared(settings)
    counted: dict[str, int] = {}
    for one in steady_load.classes:
        for word, count in (*one.statuses.items(), *one.failures.items()):
            if not word.startswith("2"):
                counted[word] = counted.get(word, 0) + count
    n = sum(one.sent for one in steady_load.classes)
    failures, resent = sum(counted.values()), steady_load.generator.resent
    verdict = judge_failures(steady_load, failures, n, latency.error_rate)
    measured = Measurement(verdict.rate, "1", n=n, interval=verdict.interval, limit=latency.error_rate)
    kinds = ", ".join(f"{count} × {word}" for word, count in sorted(counted.items(), key=lambda one: -one[1])) or "none"
    what = f"{failures} of {n} requests failed ({kinds})"
    again = f"{resent} requests were sent again: their connection was closed as they were sent"
    details = (again,) if resent else ()
    if verdict.k > failures:
        what += f"; {again}, which is a failure to clients that do not send again"
    unreached = unsent(steady_load, latency.p99_ms / 1000)
    if verdict.verdict == "pass" and unreached is None:
        return passed(f"{what}: at most {verdict.interval[1]:.3%}", measured, details=details)
    trouble = starved(steady_load, latency.p99_ms / 1000)
    if trouble is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured)
    if verdict.verdict != "fail":
        return inconclusive(f"{what}: {unreached or _would_decide(verdict, steady_load)}", measured)
    if set(counted) <= OVERLOAD and not _held(steady_load, latency):
        return inconclusive(f"{what}: the rate was not held, see latency.sustained_rate", measured)
    return failed(f"{what}, more than {latency.error_rate:.3%}", measured)


@check(
    "latency.p99",
    "must",
    remedy="Profile the slow calls: a cold path, garbage collection, a lock, or a queue in front of too few workers.",
)
def p99(steady_load: LoadRun, settings: Settings) -> Finding:
    """At the declared rate, at most 1% of the requests take longer than the limit, timed from when they were due.

    Users wait from the moment they ask: a client that sends the next request only after the last answer never sees
    the queue, and reports a p99 that is a third of theirs.
    """
    latency = declared(settings)
    limit_s = latency.p99_ms / 1000
    response = _judged(steady_load, "response_s", limit_s)
    if not response.size:
        return inconclusive("no request was answered: see latency.error_rate")
    seen = _judge(response, steady_load, latency)
    measured = slo_measurement(seen, limit_s)
    what = f"p99 at {steady_load.rate:g} req/s {ms(seen.quantile_s)}: {seen.reason}"
    details = (
        f"95% interval of p99 [{ms(seen.quantile_interval_s[0])}, {ms(seen.quantile_interval_s[1])}]",
        f"a stall of {ms(seen.unseen_stall_s)}, as frequent as the budget allows, could have stayed out of this run",
    )
    unreached = unsent(steady_load, limit_s)
    if seen.verdict == "pass" and unreached is None:
        return passed(what, measured, details=details)
    trouble = starved(steady_load, limit_s) or (unreached if seen.verdict == "pass" else None)
    if trouble is not None:
        return inconclusive(f"the load generator had trouble of its own: {trouble}", measured, details=details)
    if not _held(steady_load, latency):
        return inconclusive("the rate was not held: see latency.sustained_rate", measured, details=details)
    if seen.verdict == "inconclusive":
        need = f"; {seen.duration_needed_s:.0f} s would decide" if seen.duration_needed_s is not None else ""
        return inconclusive(what + need, measured, details=details)
    if punctual(steady_load, limit_s):
        return failed(what, measured, details=details)
    if _judge(_judged(steady_load, "service_s", limit_s), steady_load, latency).verdict == "fail":
        return failed(f"{what}, and so from when they were sent", measured, details=details)
    late = ms(steady_load.generator.lateness_p99_s)
    return inconclusive(
        f"{what}, but requests were sent late ({late}) and fast from then on", measured, details=details
    )


@check(
    "latency.health_under_load",
    "must",
    remedy="Take predictions off the event loop (a thread pool, a process, a batching worker), so that health and "
    "readiness answer meanwhile.",
)
def health_under_load(saturation: Saturation, settings: Settings) -> Finding:
    """While predict is saturated, health and readiness answer within their limit, at least nine times in ten.

    An orchestrator kills what does not answer its probe: a service that is only busy is then restarted, and its load
    falls on the others.

    Judged is the share of answers over the limit against 10%, by exact bounds: client and server share this machine,
    so that single answers are late on a healthy service, while predictions on the event loop delay them all.
    """
    limit_s = declared(settings).health_ms / 1000
    roles = dict.fromkeys(probe.role for probe in saturation.busy)
    judged = [(role, _over(role, saturation.busy, limit_s)) for role in roles]
    judged.sort(key=lambda one: -one[1].rate)
    if not judged:
        return inconclusive("neither a health nor a readiness route is known: declare them in [service.paths]")
    role, worst = judged[0]
    mine = [probe for probe in saturation.busy if probe.role == role]
    p90, late = quantile([one.took_s for one in mine], 0.9), quantile([one.late_s for one in mine], 0.5)
    measured = Measurement(p90, "s", n=worst.n, limit=limit_s)
    bad = dict.fromkeys(one.outcome for one in mine if not _fine(one))
    what = f"{mine[0].path}: {worst.k} of {worst.n} answers over {limit_s * 1000:g} ms or not 2xx, p90 {ms(p90)}"
    what += f" ({', '.join(bad)})" if bad else ""
    details = (f"{saturation.completed} predictions meanwhile, {saturation.connections} at once",)
    if all(verdict.verdict == "pass" for _, verdict in judged):
        return passed(what, measured, details=details)
    if late > limit_s / 4:
        return inconclusive(f"{what}; but we asked late ourselves (median {ms(late)})", measured, details=details)
    if worst.verdict == "fail":
        return failed(what, measured, details=details)
    needed = max((verdict.n_needed or 0 for _, verdict in judged), default=0)
    return inconclusive(f"{what}: {needed or 'more'} answers would decide", measured, details=details)


def declared(settings: Settings) -> Latency:
    """The `[latency]` table, which is claimed wherever these checks are made."""
    return settings.latency if settings.latency is not None else Latency(rate=math.inf, p99_ms=math.inf)


def _held(run: LoadRun, latency: Latency) -> bool:
    missing, n = unheld(run, GRACE_S + latency.p99_ms / 1000)
    return judge_rate(missing, n, 1 - ACHIEVED).verdict != "fail"


def _judged(run: LoadRun, column: str, limit_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Times of the requests that were answered, or waited for in vain; those that failed at once are errors."""
    status, times = np.asarray(run.series["status"]), np.asarray(run.series[column], dtype=np.float64)
    waited = np.asarray(run.series["response_s"]) > limit_s
    kept: np.ndarray[tuple[int], np.dtype[np.float64]] = times[(status > 0) | ((status == 0) & waited)]
    return kept


def _judge(times: np.ndarray[tuple[int], np.dtype[np.float64]], run: LoadRun, latency: Latency) -> SloVerdict:
    stall = latency.longest_stall_s
    return judge_share(times, latency.p99_ms / 1000, duration_s=run.duration_s, longest_stall_s=stall)


def slo_measurement(seen: SloVerdict, limit_s: float) -> Measurement:
    """The p99 with its interval, where it is bounded, beside the limit."""
    low, high = seen.quantile_interval_s
    interval = (low, high) if math.isfinite(low) and math.isfinite(high) else None
    return Measurement(seen.quantile_s, "s", n=seen.n, interval=interval, limit=limit_s)


def _would_decide(verdict: RateVerdict, run: LoadRun) -> str:
    if verdict.n_needed is None:
        return "too near the budget to tell"
    return f"{verdict.n_needed} requests ({verdict.n_needed / run.rate:.0f} s at this rate) would decide"


def _over(role: str, probes: tuple[HealthProbe, ...], limit_s: float) -> RateVerdict:
    mine = [one for one in probes if one.role == role]
    return judge_rate(sum(1 for one in mine if one.took_s > limit_s or not _fine(one)), len(mine), PROBES_OVER)


def _fine(probe: HealthProbe) -> bool:
    """A busy service may say that it is not ready (503), never that it is not alive."""
    return probe.outcome.startswith("2") or (probe.role == "ready" and probe.outcome == "503")


def ms(seconds: float) -> str:
    """A time in milliseconds, for people."""
    return f"{seconds * 1000:.3g} ms" if math.isfinite(seconds) else "unbounded"
