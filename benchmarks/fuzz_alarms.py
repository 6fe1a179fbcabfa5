"""False alarms of fuzzing on healthy services: `python benchmarks/fuzz_alarms.py [--quick] [--json FILE] [NAME ...]`.

Every service of `tests/zoo` is judged again and again, each time with another seed and another sample of 20 to 60 rows;
in every third run another process keeps a core busy. All evidence is gathered anew, but for what a run tells of size
limits, which do not depend on rows or seed: that is asked once a start. Whatever ends in `fail` is an alarm, but for
promises of the contract that a service of the zoo does not make and says so, and so is a service that no longer
answers. The checks are those by which `fuzz_detection.py` finds. Those that most runs cannot decide are listed: they
are blind there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from healthy_runs import busy_core

sys.path.insert(0, str(Path(__file__).parents[1]))

from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Status
from tests.zoo.judging import answers_still, drawn, gather, judged, started
from tests.zoo.kept import ZOO, Kept

RUNS = 150
BUSY = 3
"""Every third run has a busy core beside it."""
RUNS_A_START = 25


@dataclass(frozen=True)
class Run:
    """What became of one run: the checks by status, and why where it is no pass."""

    service: str
    seed: int
    rows: int
    busy: bool
    seconds: float
    statuses: dict[str, str]
    reasons: dict[str, str]

    @property
    def alarms(self) -> list[str]:
        """The checks that found a fault where there is none."""
        return [check for check, status in self.statuses.items() if status in {"fail", "error"}]


def main() -> int:
    """Run, print each alarm as it comes and a table in the end, and return 1 if there was an alarm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="services (all)")
    parser.add_argument("--runs", type=int, help=f"on each service ({RUNS})")
    parser.add_argument("--first-seed", type=int, default=1, help="%(default)s")
    parser.add_argument("--quick", action="store_true", help="3 runs")
    parser.add_argument("--json", type=Path, help="also write every run here")
    options = parser.parse_args()
    if unknown := set(options.names) - {one.name for one in ZOO}:
        parser.error(f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in ZOO)}")
    count = options.runs or (3 if options.quick else RUNS)
    runs: list[Run] = []
    for kept in ZOO:
        if not options.names or kept.name in options.names:
            for run in runs_on(kept, options.first_seed, count):
                runs.append(run)
                for check in run.alarms:
                    print(f"ALARM {run.service} seed {run.seed}: {check}: {run.reasons[check]}", flush=True)
            table([run for run in runs if run.service == kept.name])
            if options.json:
                options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    alarms = sum(len(run.alarms) for run in runs)
    print(f"{len(runs)} runs, {sum(run.busy for run in runs)} with a busy core: {alarms} alarms")
    return int(alarms > 0)


def runs_on(kept: Kept, first_seed: int, count: int) -> Iterator[Run]:
    """Runs on one service, which is started anew every now and then."""
    for begin in range(first_seed, first_seed + count, RUNS_A_START):
        with started(kept) as context:
            known = {"limits": gather(context, "limits")}
            for seed in range(begin, min(begin + RUNS_A_START, first_seed + count)):
                yield one_run(kept, drawn(context, seed), known)


def one_run(kept: Kept, context: Context, known: dict[str, object]) -> Run:
    """Gather and judge once; a service that is mute afterwards fails a check of that name."""
    began = time.monotonic()
    busy = context.seed % BUSY == 0
    with busy_core() if busy else nullcontext():
        findings = judged(context, known)
    statuses = {check: finding.status.value for check, finding in findings.items() if check not in kept.lacks}
    reasons = {check: one.summary for check, one in findings.items() if one.status is not Status.PASS}
    if not answers_still(context.target, context):
        statuses["answers afterwards"] = "fail"
        reasons["answers afterwards"] = "the first row is answered no more"
    seconds = round(time.monotonic() - began, 2)
    return Run(kept.name, context.seed, len(context.rows), busy, seconds, statuses, reasons)


def table(runs: list[Run]) -> None:
    """One service: how often each check did not pass, and where it mostly does not."""
    seconds = sum(run.seconds for run in runs) / len(runs)
    alarms = sum(len(run.alarms) for run in runs)
    print(f"{runs[0].service}: {len(runs)} runs, {seconds:.1f} s each, {alarms} alarms", flush=True)
    counted = Counter((check, status) for run in runs for check, status in run.statuses.items() if status != "pass")
    for (check, status), times in sorted(counted.items()):
        reason = next(run.reasons[check] for run in runs if run.statuses.get(check) == status)
        blind = ", a weakness" if status == "inconclusive" and times > len(runs) / 2 else ""
        print(f"    {check}: {status} in {times}{blind}: {reason[:160]}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
