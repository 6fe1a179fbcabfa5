"""Replays of every planted defect of the fuzz family: `python benchmarks/replays.py [--quick] [--json FILE] [NAMES]`.

Each defect is served and judged; the replay that the run leaves is then played against a fresh sick service, where it
must exit 1, and against a healthy one, where it must exit 0. A finding counts as shrunk when a relation that does not
hold in the replay needs rows that differ from a sample row in at most two values; one that is shown by no rows, such as
a body that is no JSON, is left out. Sealed defects are judged like the others where the family finds them. What
Schemathesis finds is not played: its command line is its own, and says nothing of right and wrong. `--quick` takes one
defect a check.
Exit 1 unless all replays do as they must and 90% of the findings are shrunk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pytest_mlready.finding import Status
from pytest_mlready.settings import SettingsError
from tests.defects.judging import judge
from tests.defects.planting import Defect, declared
from tests.defects.replaying import edits_shown, judged_here, play, script_of, served

PEERS = "fuzz.schemathesis"
SHRUNK = 0.9
MOST_EDITS = 2


def main() -> int:
    """Play all, print the table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one defect a check")
    parser.add_argument("--json", type=Path, help="also write the table here")
    parser.add_argument("names", nargs="*", help="these defects only (all)")
    options = parser.parse_args()
    family = [one for one in declared().values() if one.check.startswith("fuzz.") and one.expected == "fail"]
    family = [one for one in family if one.check != PEERS]
    if options.names:
        family = [one for one in family if one.name in options.names]
    if options.quick:
        family = list({one.check: one for one in reversed(family)}.values())[::-1]
    rows: list[dict[str, Any]] = []
    print(f"{'defect':<44} {'check':<35} {'sick':>4} {'healthy':>7} {'edits':>5} {'s':>4}")
    with tempfile.TemporaryDirectory(prefix="replays-") as made, contextlib.ExitStack() as stack:
        healthy = {
            model: stack.enter_context(served(None, Path(made) / f"healthy {model}", model))
            for model in {one.model for one in family}
        }
        for one in family:
            rows += [found] if (found := row(one, Path(made) / one.name, healthy[one.model])) else []
    played = [one for one in rows if one["sick"] == 1 and one["healthy"] == 0]
    shown = [one for one in rows if one["edits"] is not None]
    shrunk = [one for one in shown if one["edits"] <= MOST_EDITS]
    print(f"{len(played)} of {len(rows)} replays fail on the sick and pass on the healthy service (target: all)")
    print(
        f"{len(shrunk)} of {len(shown)} findings that rows show have at most {MOST_EDITS} edits of a sample row (90%)"
    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(len(played) < len(rows) or len(shrunk) < SHRUNK * len(shown))


def row(defect: Defect, directory: Path, healthy: str) -> dict[str, Any] | None:
    """Judge once, play twice, and print what came of it; None for a sealed one that another check finds, if any."""
    began = time.monotonic()
    with served(defect, directory / "judged") as url:
        finding = judged_here(defect, url, directory)
    if finding.status is Status.NOT_APPLICABLE:  # what only a service shows that the run has started
        with contextlib.suppress(SettingsError):  # a sealed one declares nothing of its model
            judge(defect, directory)
    found: dict[str, Any] = {"defect": defect.name, "check": defect.check, "told": finding.summary}
    found |= {"sick": None, "healthy": None, "edits": None}
    script = script_of(directory, defect.check)
    if script is None and defect.sealed:
        return None
    if script is not None:
        with served(defect, directory / "sick") as url:
            sick = play(script, url)
        well = play(script, healthy)
        found |= {
            "sick": sick.exit_code,
            "healthy": well.exit_code,
            "edits": edits_shown(script, sick.faults, defect.model),
        }
        found |= {"output": sick.output, "healthy output": well.output}
    found["seconds"] = round(time.monotonic() - began, 1)
    print(
        f"{found['defect']:<44} {found['check']:<35} {found['sick']!s:>4} {found['healthy']!s:>7} "
        f"{found['edits']!s:>5} {found['seconds']:>4.0f}",
        flush=True,
    )
    if script is None:
        print(f"    no replay: {finding.status}: {finding.summary}")
    elif (found["sick"], found["healthy"]) != (1, 0):
        print("    sick:    " + sick.output.replace("\n", "\n    "), "    healthy: " + well.output, sep="\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
