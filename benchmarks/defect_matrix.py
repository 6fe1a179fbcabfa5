"""Every planted defect against the whole checklist: `python benchmarks/defect_matrix.py [--quick] [--json FILE]`.

Each defect is served in the place of the reference service and judged in the quick profile, one after the other; its
check must find it, be named first, and nothing else may be red but what the defect declares. Healthy runs in between
must be READY. `--quick` judges on the evidence of the defect's own check only. Exit 1 if there is a miss or a stray.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.defects.judging import HEALTHY, Judged, disagreements, judge
from tests.defects.planting import Defect, defects

EVERY = 20
"""A healthy run comes before every so many defects."""


def main() -> int:
    """Judge all, print the table, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the evidence of the defect's own check only")
    parser.add_argument("--json", type=Path, help="also write the table here")
    parser.add_argument("names", nargs="*", help="these defects only (all)")
    options = parser.parse_args()
    profile = "smoke" if options.quick else "quick"
    rows: list[dict[str, Any]] = []
    print(f"{'defect':<48} {'check':<35} {'status':<13} {'first blocking':<35} {'s':>4}  others red")
    for number, name in enumerate(options.names or list(defects())):
        if number % EVERY == 0:
            rows.append(row(None, profile))
        rows.append(row(defects()[name], profile))
    wrong = [one for one in rows if one["wrong"]]
    print(f"{len(rows) - len(wrong)} of {len(rows)} runs as they must be")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(bool(wrong))


def row(defect: Defect | None, profile: str) -> dict[str, Any]:
    """Judge once, and print what came of it."""
    with tempfile.TemporaryDirectory(prefix="defect-") as directory:
        run = judge(defect, Path(directory), profile=profile)
    found: dict[str, Any] = {
        "defect": HEALTHY if defect is None else defect.name,
        "check": "" if defect is None else defect.check,
        "status": run.state if defect is None else run.status(defect.check),
        "first": next(iter(run.blocking), ""),
        "others": sorted(run.red - ({defect.check} if defect else set())),
        "not seen": sorted(defect.also - run.red) if defect else [],
        "seconds": round(run.seconds, 1),
        "wrong": disagreements(defect, run) if defect else not_ready(run),
    }
    print(
        f"{found['defect']:<48} {found['check']:<35} {found['status']:<13} {found['first']:<35} "
        f"{found['seconds']:>4.0f}  {', '.join(found['others'])}",
        *(f"    wrong: {one}" for one in found["wrong"]),
        sep="\n",
        flush=True,
    )
    return found


def not_ready(run: Judged) -> list[str]:
    """Why a healthy run is not what it must be."""
    if run.state == "READY" and run.exit_code == 0:
        return []
    told = [
        f"{one['id']} is {one['status']}: {one['reason']}" for one in run.report["checks"] if one["id"] in run.blocking
    ]
    return [f"a healthy run is {run.state}, exit {run.exit_code}", *told]


if __name__ == "__main__":
    sys.exit(main())
