"""Input fuzzing beside Schemathesis: `python benchmarks/fuzz_detection.py [--quick] [--json FILE] [--only NAME …]`.

Both look for the same planted defects, one after the other, each on an instance of its own: we with a run of pytest
that makes the fuzzing checks, Schemathesis by its command line at its defaults with seed 1. A defect is found by us if
the check that it was planted for fails (of a sealed one, whose author could but guess that: or one that it may fail
besides); by the peer, if it reports anything that it does not report of the healthy service.

The sealed ones were written by people who had not seen the checks: the first set before the checks learned from it, the
second one after.

Targets: at least 95% of the defects found, at most 1,000 requests and 2 s a run in the mean, a detected defect 9.8
times cheaper in CPU seconds than the peer's (alone: at most 0.9 of them), every defect found that the peer finds, and
nothing found in the healthy service. Exit 1 if one is missed.

Schemathesis is not part of the project's environment: `python -m venv V && V/bin/pip install schemathesis`, then
`--schemathesis V/bin/schemathesis`, or have it on the PATH.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz_anchor import HELD_OUT, PLANTED
from fuzz_clients import ours
from fuzz_peer import peer
from fuzz_totals import Row, missed_of, plain, totals_of

from tests.defects.judging import HEALTHY
from tests.defects.planting import declared
from tests.defects.sealed import SEALED
from tests.defects.sealed_again import SEALED_AGAIN

QUICK = ("nan_500", "label_argmax", "cache_prefix", "h_every64", "h_chunk512")


def main() -> int:
    """Run all, print the table and the totals, and return 1 if a target is missed."""
    options = _options()
    executable = None if options.no_peer else _executable(options.schemathesis)
    services = _services(options.only, quick=options.quick)
    print(f"{'defect':<50} {'found by':<36} {'req':>5} {'s':>5} {'CPU s':>5} {'first':>6} | the same of the peer")
    rows: list[Row] = []
    for name, defect, group in services:
        rows.append(_row(name, defect, group, executable, rows[0] if rows else None))
        _print(rows[-1])
    totals = totals_of(rows)
    print(json.dumps(totals, indent=1))
    if options.json:
        options.json.write_text(json.dumps({"rows": [plain(row) for row in rows], "totals": totals}, indent=1))
    missed = missed_of(rows, totals)
    print("\n".join(f"missed: {one}" for one in missed) or "every target is met")
    return int(bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"the healthy service and {len(QUICK)} defects")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these defects only, by either name")
    parser.add_argument("--no-peer", action="store_true", help="run our fuzzing alone")
    parser.add_argument("--schemathesis", default="schemathesis", help="its executable (%(default)s)")
    return parser.parse_args()


def _executable(named: str) -> str:
    found = shutil.which(named)
    if found is None:
        sys.exit(f"there is no {named}: install it in an environment of its own and give --schemathesis, or --no-peer")
    return found


def _services(only: Sequence[str] | None, *, quick: bool) -> list[tuple[str, str, str]]:
    """Name, planted defect and group of each service: the healthy one, those of earlier measurements, the sealed."""
    listed = [(name, defect, "planted") for name, defect in PLANTED.items()]
    listed += [(name, defect, "held out") for name, defect in HELD_OUT.items()]
    listed += [(name, name, "sealed") for name in SEALED]
    listed += [(name, name, "sealed again") for name in SEALED_AGAIN]
    wanted = only or (QUICK if quick else None)
    if wanted is not None:
        listed = [one for one in listed if one[0] in wanted or one[1] in wanted]
    return [(HEALTHY, HEALTHY, HEALTHY), *listed]


def _row(name: str, defect: str, group: str, executable: str | None, healthy: Row | None) -> Row:
    service = "reference_service" if group == HEALTHY else f"tests.defects serve {defect}"
    check, causes = "", frozenset[str]()
    if group != HEALTHY:
        planted = declared()[defect]
        check, causes = planted.check, frozenset({planted.check, *(planted.also if planted.sealed else ())})
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        own = ours(service, Path(directory))
    if executable is None:
        return Row(name, defect, group, check, causes, own, None)
    with tempfile.TemporaryDirectory(prefix="peer-") as directory:
        other = peer(service, Path(directory), executable)
    if healthy is not None and healthy.peer is not None:
        other = other.but(healthy.peer.causes)
    return Row(name, defect, group, check, causes, own, other)


def _print(row: Row) -> None:
    one = row.ours
    line = f"{row.name + ' ' + row.defect:<50.50} {row.verdict:<36} "
    line += f"{one.requests:>5} {one.wall_s:>5.1f} {one.cpu_s:>5.2f} {_seconds(one.first_s)}"
    if row.peer is not None:
        told = ", ".join(row.peer.causes) or "-"
        line += f" | {row.peer.requests:>5} {row.peer.cpu_s:>5.1f} {_seconds(row.peer.first_s)}  {told}"
    print(line + (f"\n    also: {', '.join(row.others)}" if row.others else ""), flush=True)


def _seconds(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>6}"


if __name__ == "__main__":
    sys.exit(main())
