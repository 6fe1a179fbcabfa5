"""False alarms on the healthy reference service: `python benchmarks/healthy_runs.py [--quick] [--busy] [--json FILE]`.

Whole runs of the project's own checklist, one after another. On a quiet machine every one must be READY; with `--busy`
another process keeps one core busy, and no check may end in `fail`. `--profile full --base` also makes the checks that
quick leaves out (overload, capacity, soak, batches), and those that compare with the version before, which is then the
same service once more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SPIN = "while True: pass"


def main() -> int:
    """Run, print a line a run and the total, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, help="how many (20, or 10 with --busy)")
    parser.add_argument("--quick", action="store_true", help="2 runs")
    parser.add_argument("--busy", action="store_true", help="keep one core busy meanwhile")
    parser.add_argument("--profile", choices=("smoke", "quick", "full"), default="quick")
    parser.add_argument("--base", action="store_true", help="compare with the same service as the version before")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    runs = options.runs or (2 if options.quick else 10 if options.busy else 20)
    with busy_core() if options.busy else tempfile.TemporaryDirectory():
        seen = [one_run(seed, options.profile, base=options.base) for seed in range(1, runs + 1)]
    states = Counter(one["state"] for one in seen)
    failed = sum(len(one["fail"]) for one in seen)
    print(f"{runs} runs{' with a busy core' if options.busy else ''}: {dict(states)}, {failed} checks failed")
    if options.json:
        options.json.write_text(json.dumps(seen, indent=1))
    return int(failed > 0 if options.busy else states["READY"] < runs)


def one_run(seed: int, profile: str, *, base: bool) -> dict[str, Any]:
    """State, seconds, how many checks passed, and what was not green in one run; a seed of its own."""
    with tempfile.TemporaryDirectory() as directory:
        before = time.monotonic()
        command = [sys.executable, "-m", "pytest", "--mlready", "-q", f"--mlready-report={directory}"]
        command += ["--mlready-seed", str(seed), "-p", "no:cacheprovider", "-p", "no:randomly"]
        command += ["--mlready-profile", profile]
        if base:
            declared = tomllib.loads((ROOT / "mlready.toml").read_text())["service"]["command"]
            command.append(f"--mlready-base-command={declared}")
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        seconds = time.monotonic() - before
        report = json.loads(Path(directory, "report.json").read_text())
    result: dict[str, Any] = {"seed": seed, "state": report["verdict"]["state"], "seconds": round(seconds, 1)}
    result["passed"] = sum(one["status"] == "pass" for one in report["checks"])
    for status in ("fail", "error", "inconclusive"):
        result[status] = [f"{one['id']}: {one['reason']}" for one in report["checks"] if one["status"] == status]
    print(json.dumps(result, ensure_ascii=False), flush=True)
    return result


@contextmanager
def busy_core() -> Iterator[None]:
    """A process that computes all the time."""
    spinning = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


if __name__ == "__main__":
    raise SystemExit(main())
