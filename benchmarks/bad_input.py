"""How soon bad input is refused: `python benchmarks/bad_input.py [--quick] [--json FILE]`.

Every row of the table that the tests ask, on a server for each HTTP parser, in turns; a fresh connection each time, and
the time from the request's first byte to its answer's last. Of each row the median must be 50 ms at most, none may be
answered with a 5xx, and a good prediction is timed beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from live_server import ROOT, Answer, Live, once, request, running

TARGET_SECONDS = 0.05
PARSERS = ("httptools", "h11")
GOOD = "a good prediction"


def main() -> int:
    """Measure, print the slowest rows of each parser, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=25, help="how often each row is asked (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="5 times")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(Path(directory), 5 if options.quick else options.times)
    for parser_name, rows in found.items():
        print_slowest(parser_name, rows)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    missed = [name for rows in found.values() for name, row in rows.items() if row["missed"]]
    print(
        f"{sum(map(len, found.values()))} rows, {len(missed)} beyond the target{': ' if missed else ''}{missed or ''}"
    )
    return int(bool(missed))


def measure(directory: Path, times: int) -> dict[str, dict[str, dict[str, Any]]]:
    """The figures of each row for each parser."""
    from reference_service.train import train_missing

    train_missing(directory / "models")
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(running(directory / "models", directory / name, 1, "--http", name))
            for name in PARSERS
        }
        requests, allowed = table(servers[PARSERS[0]])
        answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for _ in range(times):
            for name, content in requests.items():
                for parser_name, server in servers.items():
                    answers[parser_name, name].append(once(server.port, content))
    return {
        parser_name: {name: figures(answers[parser_name, name], allowed[name]) for name in requests}
        for parser_name in PARSERS
    }


def table(server: Live) -> tuple[Mapping[str, bytes], Mapping[str, set[int]]]:
    """Every row as bytes and the statuses that may answer it."""
    sys.path.insert(0, str(ROOT))
    from tests.contract.bad_inputs import MALFORMED, bad_inputs

    info = once(server.port, request("GET", "/model/info")).json()
    requests, allowed = {}, {}
    for name, case in bad_inputs([feature["name"] for feature in info["features"]]).items():
        requests[name], allowed[name] = case.raw(), set(case.statuses)
    for name, (content, statuses) in MALFORMED.items():
        requests[name], allowed[name] = content, statuses
    row = [(feature["range"]["minimum"] + feature["range"]["maximum"]) / 2 for feature in info["features"]]
    requests[GOOD], allowed[GOOD] = request("POST", "/predict", {"features": row}), {200}
    return requests, allowed


def figures(answers: list[Answer], allowed: set[int]) -> dict[str, Any]:
    """Statuses and times of one row; it misses its target if it is late or answered wrongly."""
    seconds = [answer.received - answer.sent for answer in answers]
    statuses = sorted({answer.status for answer in answers})
    median = statistics.median(seconds)
    return {
        "statuses": statuses,
        "median_ms": round(median * 1000, 3),
        "worst_ms": round(max(seconds) * 1000, 3),
        "missed": median > TARGET_SECONDS or not allowed.issuperset(statuses),
    }


def print_slowest(parser_name: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """The five slowest rows, the median row, and the good one."""
    ordered = sorted(rows, key=lambda name: -rows[name]["median_ms"])
    middle = ordered[len(ordered) // 2]
    print(f"{parser_name}: {len(rows)} rows")
    for label, name in [*(("slow", name) for name in ordered[:5]), ("middle", middle), ("good", GOOD)]:
        row = rows[name]
        print(f"  {label:6} {row['median_ms']:8.2f} ms (worst {row['worst_ms']:8.2f})  {row['statuses']}  {name}")


if __name__ == "__main__":
    raise SystemExit(main())
