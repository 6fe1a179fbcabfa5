"""The rollback drill, many times: `python benchmarks/rollback_drills.py [--quick] [--json FILE] [NAME …]`.

On the healthy reference service with four workers every drill must pass in every check; its processes are started as a
user's are. Then every planted defect of the drill is served in its place, its processes forked as in the tests, three
times each: its check must find it, be named first, and nothing may be red but what the defect declares. Faults that a
drill meets only with luck are drilled 20 times by their own check in the profile full; of these the share that was
found is told, with its 95% lower bound. `--quick` drills once each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pytest_mlready.measure.proportions import lower_bound
from tests.defects import warm
from tests.defects.judging import FAMILY, HEALTHY, Judged, disagreements, judge
from tests.defects.planting import Defect, declared, defects

WORKERS = 4
HEALTHY_RUNS = 20
RUNS = 3
BY_CHANCE = ("state_is_written_in_place",)
CHANCE_RUNS = 20


def main() -> int:
    """Drill, print the table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="once each")
    parser.add_argument("--json", type=Path, help="also write the table here")
    parser.add_argument("names", nargs="*", help=f"these only: {HEALTHY}, or names of defects (all)")
    options = parser.parse_args()
    wanted = options.names or [HEALTHY, *(name for name, one in defects().items() if one.check in FAMILY), *BY_CHANCE]
    rows = [row(name, 1 if options.quick else runs_of(name)) for name in wanted]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    missed = [one["name"] for one in rows if one["name"] not in BY_CHANCE and one["found"] < one["runs"]]
    print(f"{len(rows) - len(missed)} of {len(rows)} as they must be{': not ' + ', '.join(missed) if missed else ''}")
    return int(bool(missed))


def runs_of(name: str) -> int:
    """How often a whole benchmark drills it."""
    return HEALTHY_RUNS if name == HEALTHY else CHANCE_RUNS if name in BY_CHANCE else RUNS


def row(name: str, runs: int) -> dict[str, Any]:
    """Drill some times, and print how often it was as it must be."""
    defect = None if name == HEALTHY else declared()[name]
    wrong: list[str] = []
    found, seconds = 0, 0.0
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="drill-") as directory:
            made, profile = ((defect.check,), "full") if defect and name in BY_CHANCE else (FAMILY, "smoke")
            execute = warm.execute if defect is not None and warm.forks(defect) else None
            run = judge(defect, Path(directory), profile=profile, checks_made=made, workers=WORKERS, run=execute)
        faults = unlike(defect, run)
        found += not faults
        wrong += faults
        seconds += run.seconds
    bound = lower_bound(found, runs)
    what = "READY" if defect is None else defect.check
    print(f"{name:<56} {what:<42} {found:>2} of {runs:>2} (>= {bound:.2f}) {seconds / runs:>5.1f} s", flush=True)
    for fault in dict.fromkeys(wrong):
        print(f"    {fault[:200]}", flush=True)
    return {"name": name, "check": what, "runs": runs, "found": found, "bound": bound, "wrong": wrong}


def unlike(defect: Defect | None, run: Judged) -> list[str]:
    """How a run differs from what it must be; a healthy one passes in everything that it judges."""
    if defect is not None:
        return disagreements(defect, run)
    judged = [one for one in run.report["checks"] if one["id"] in FAMILY]
    return [f"{one['id']} is {one['status']}: {one['reason']}" for one in judged if one["status"] != "pass"]


if __name__ == "__main__":
    sys.exit(main())
