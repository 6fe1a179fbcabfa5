"""Do we measure what is there? `python benchmarks/openloop_accuracy.py [--quick] [--json FILE] [--only SERVER …]`.

Servers of known latency on one core, the generator on another. Our p95, p99, p99.9 and maximum, of runs at constant and
Poisson arrivals, must be within 2% or 0.5 ms of the truth: what the server imposed on the very requests of that run, as
`truth_servers.py` says. A run that the generator itself calls late or starved says nothing and is made again, up to
three times in all. On the server that freezes, Locust's own pacing runs beside it, and hey, h2load and autocannon where
they are installed (Debian's packages hey and nghttp2-client, npm's autocannon): their truth is the law's. Locust's
error at the p99 must be five times ours, or more; up to the gap between two requests it counts as none, for where in a
freeze the requests fall is chance. Exit 1 if a target is missed.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from laws import Law
from parts import concluded, parser_of, printed
from peers_of_load import QUANTILES, TOOLS, Found, installed, locust
from truth_servers import Serving, serving, split_cores

from pytest_mlready.measure.generator import punctual, starved
from pytest_mlready.openloop.plan import Arrivals, Kind, Plan, Request
from pytest_mlready.openloop.process import run
from pytest_mlready.records import LoadRun

SERVERS = ("stall", "mixture", "lognormal")
RATES, SECONDS, QUICK_SECONDS = (200, 500, 1000), 20, 6
ATTEMPTS = 3
SHARE, SMALL_S = 0.02, 0.0005
FEWER = 5.0
"""Times by which Locust's error has to exceed ours."""
GET = (Kind("get", 1, (Request("GET", "/"),)),)


@dataclass(frozen=True)
class Row:
    """One run: what was found and what is true, in seconds, at each of `QUANTILES` that the tool tells."""

    server: str
    rate: int
    arrivals: str
    tool: str
    n: int
    found_s: Mapping[float, float]
    truth_s: Mapping[float, float]
    lateness_p99_s: float
    trouble: str

    @property
    def missed(self) -> bool:
        """Whether this is a run of ours without a valid figure, or with one that is off."""
        off = any(abs(self.found_s[q] - self.truth_s[q]) > allowed(self.truth_s[q]) for q in self.found_s)
        return self.tool == "ours" and (off or bool(self.trouble))


def main() -> int:
    """Run all, print the table, and return 1 if a target is missed."""
    options = parser_of(__doc__, SERVERS, f"500 req/s only, {QUICK_SECONDS} s each").parse_args()
    rates, seconds = ((500,), QUICK_SECONDS) if options.quick else (RATES, SECONDS)
    core = split_cores()
    if core is None:
        print("one core only: server and generator share it, so that runs may be invalid", file=sys.stderr)
    print(f"{'server':<10} {'req/s':>5} {'arrivals':<8} {'tool':<10} {'n':>6}", *(f"{_name(q):>18}" for q in QUANTILES))
    rows = list(printed(options, lambda name: _served(name, core, rates, seconds), _line))
    print("found ms (error)", file=sys.stderr)
    return concluded(options, rows, [_label(row) for row in rows if row.missed] + _ratios(rows))


def _served(name: str, core: int | None, rates: Sequence[int], seconds: int) -> Iterator[Row]:
    with serving(name, core) as server:
        yield from _rows(name, server, rates, seconds)


def allowed(truth_s: float) -> float:
    """The error allowed."""
    return max(SHARE * truth_s, SMALL_S)


def _rows(name: str, server: Serving, rates: Sequence[int], seconds: int) -> Iterator[Row]:
    for rate in rates:
        yield ours(name, server, rate, seconds, "constant")
        yield ours(name, server, rate, seconds, "poisson")
        if name == "stall":
            yield _peer(name, server, rate, "Locust", locust(server.url, rate, seconds))
    if name == "stall":
        for tool in installed():
            yield _peer(name, server, 500, tool, TOOLS[tool](server.url, 500, seconds))


def ours(name: str, server: Serving, rate: int, seconds: int, arrivals: Arrivals) -> Row:
    """The first valid run, or the last of all."""
    for seed in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as directory:
            stages = ((float(rate), float(seconds)),)
            load = run(Plan(server.url, name, stages, GET, directory, arrivals, seed, progress=False))
        held = server.imposed(load.started_at + time.monotonic() - time.time(), load.series["intended_s"])
        row = Row(
            name,
            rate,
            arrivals,
            "ours",
            len(held),
            _at(load.series["response_s"]),
            _at(held),
            load.generator.lateness_p99_s,
            trouble(load, server.law.quantile(0.99)),
        )
        if not row.trouble:
            break
        print(f"  not valid: {_label(row)}", file=sys.stderr, flush=True)
    return row


def trouble(load: LoadRun, limit_s: float) -> str:
    """Why the generator itself says that the run is not to be believed; nothing if it does not."""
    late_s = load.generator.lateness_p99_s
    late = "" if punctual(load, limit_s) else f"1% of its requests were sent more than {1000 * late_s:.1f} ms late"
    return starved(load, limit_s) or late


def _peer(name: str, server: Serving, rate: int, tool: str, found: Found) -> Row:
    server.log()
    n, told = found
    return Row(name, rate, "paced", tool, n, told, _law(server.law, told), math.nan, "")


def _law(law: Law, told: Mapping[float, float]) -> dict[float, float]:
    return {q: law.quantile(q) for q in told}


def _at(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[float, float]:
    return dict(zip(QUANTILES, np.quantile(values, QUANTILES, method="inverted_cdf").tolist(), strict=True))


def _ratios(rows: list[Row]) -> list[str]:
    """Locust's error at the p99 by ours; lines for those below the target."""
    missed = []
    for theirs in (row for row in rows if row.tool == "Locust"):
        (mine,) = (row for row in rows if (row.server, row.rate, row.arrivals) == ("stall", theirs.rate, "constant"))
        if mine.trouble:
            continue  # missed already
        our_error = abs(mine.found_s[0.99] / mine.truth_s[0.99] - 1)
        told_s, law_s = theirs.found_s[0.99], theirs.truth_s[0.99]
        their_error = max(told_s - law_s, law_s - 1 / theirs.rate - told_s, 0.0) / law_s
        ratio = their_error / max(our_error, 1e-9)
        told = f"ours {our_error:.2%}, Locust's {their_error:.2%}: {ratio:.1f} times"
        line = f"p99 error on stall at {theirs.rate}/s: {told}"
        print(f"{line} (at least {FEWER:g})")
        if ratio < FEWER:
            missed.append(line)
    return missed


def _line(row: Row) -> str:
    cells = [_cell(row, q) if q in row.found_s else f"{'-':>18}" for q in QUANTILES]
    return f"{row.server:<10} {row.rate:>5} {row.arrivals:<8} {row.tool:<10} {row.n:>6} {' '.join(cells)} {row.trouble}"


def _cell(row: Row, q: float) -> str:
    found, truth = row.found_s[q], row.truth_s[q]
    mark = "!" if row.tool == "ours" and not row.trouble and abs(found - truth) > allowed(truth) else " "
    return f"{1000 * found:>8.2f} ({(found - truth) / truth:>+6.1%}{mark})"


def _label(row: Row) -> str:
    return f"{row.server} at {row.rate}/s, {row.arrivals}: {row.trouble or 'a quantile is off'}"


def _name(q: float) -> str:
    return "max" if q == 1 else f"p{100 * q:g}"


if __name__ == "__main__":
    sys.exit(main())
