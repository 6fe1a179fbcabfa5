"""Checks of the measuring itself: a generator that starves measures itself."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, inconclusive, passed
from pytest_mlready.measure.generator import starved
from pytest_mlready.records import LoadRun
from pytest_mlready.settings import Settings


@check(
    "harness.generator_headroom",
    "must",
    remedy="Give the machine that runs the checks more idle CPU, or declare a lower [latency] rate.",
)
def generator_headroom(steady_load: LoadRun, settings: Settings) -> Finding:
    """The load generator kept its own schedule.

    A starved generator sends late and reads late: its numbers are then its own, and neither a pass nor a failure of
    the service may rest on them.
    """
    limit_s = settings.latency.p99_ms / 1000 if settings.latency is not None else 1.0
    generator = steady_load.generator
    own = generator.cpu_s / max(generator.wall_s, 1e-9) / generator.processes
    offered = sum(one.offered for one in steady_load.classes)
    measured = Measurement(generator.lateness_p99_s, "s", n=offered)
    details = (
        f"lateness p50 {generator.lateness_p50_s * 1000:.2f} ms, p99 {generator.lateness_p99_s * 1000:.2f} ms, "
        f"max {generator.lateness_max_s * 1000:.1f} ms",
        f"own CPU {own:.0%} of a core in each of {generator.processes} processes",
        f"at most {generator.connections} requests in flight",
    )
    why = starved(steady_load, limit_s)
    if why is not None:
        return inconclusive(f"the load generator did not keep its schedule: {why}", measured, details=details)
    late = generator.lateness_p99_s * 1000
    return passed(f"all {offered} requests sent, 99% of them less than {late:.1f} ms late", measured, details=details)
