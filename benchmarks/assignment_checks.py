"""The checks of experiments, put to the test: `benchmarks/assignment_checks.py [--quick] [--json FILE] [PART ...]`.

Six parts, each with its target: every published vector is reproduced; with a declared function no healthy router is
blamed and every broken one (`tests/assignment_routers.py`) is, in this process and over HTTP; without one, no healthy
router of six algorithms is blamed, in this process and over HTTP. And a table of what statistics find, with how many
requests.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pytest_mlready.checks.splits import FAIL_AT
from pytest_mlready.measure.assignment.declared import Experiment, FunctionName, Variant
from pytest_mlready.measure.assignment.functions import Unit
from pytest_mlready.measure.assignment.planned import planned
from pytest_mlready.measure.proportions import upper_bound
from pytest_mlready.measure.split import smallest_shift
from pytest_mlready.schedule import SCHEDULE
from tests.assigned_over_http import judged_over_http
from tests.assignment_routers import DECLARED, ROUTERS, Router, judged, red, sampled, undeclared

ROOT = Path(__file__).parents[1]
BESIDES = 60
"""At most so many requests go beside the planned ones: definitions, odd ids, labelled predictions."""
CORRECT: tuple[tuple[FunctionName, float], ...] = (
    ("mlready-sha256-v1", 1),
    ("growthbook-v2", 1),
    ("unleash-variants", 1000),
    ("launchdarkly", 100_000),
    ("optimizely", 10_000),
    ("statsig", 1),
)
QUICK_S = SCHEDULE.evidence["assignments"].budget_s("quick")
BUDGETS = (1000, 5000, 20_000, 80_000)


def main() -> int:
    """Print the tables; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="parts whose names begin so (all)")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    share = 20 if options.quick else 1
    texts = [name for name in ROUTERS if name != "NumbersAreHashedAsNumbers"]  # a path has no numbers, only digits
    served, asked = (texts[::8], 1) if options.quick else (texts, 3)
    found: dict[str, Any] = {}
    parts: dict[str, Callable[[], tuple[Any, bool]]] = {
        "vectors": vectors,
        "declared, healthy": lambda: declared_healthy(1000 // share),
        "declared, broken": lambda: declared_broken(20 // share, list(ROUTERS)),
        "declared, broken, over HTTP": lambda: over_http(asked, served),
        "undeclared, healthy": lambda: undeclared_healthy(1000 // share),
        "undeclared, healthy, over HTTP": lambda: undeclared_over_http(20 // share),
        "undeclared, what is found": lambda: (budget_table(20 // share, BUDGETS[: 1 if options.quick else 4]), True),
    }
    missed = []
    for name, part in parts.items():
        if options.parts and not name.startswith(tuple(options.parts)):
            continue
        began = time.monotonic()
        print(f"\n{name}", flush=True)
        found[name], good = part()
        missed += [] if good else [name]
        print(f"  {'as it must be' if good else 'MISSED'} ({time.monotonic() - began:.0f} s)", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(f"\n{'all targets met' if not missed else 'missed: ' + ', '.join(missed)}")
    return int(bool(missed))


def vectors() -> tuple[Any, bool]:
    """All published cases, by the test that has them one by one."""
    test = "tests/unit/measure/test_assignment_vectors.py"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", test]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    last = done.stdout.strip().splitlines()[-1]
    print(f"  {test}: {last}")
    return last, done.returncode == 0


def declared_healthy(runs: int) -> tuple[Any, bool]:
    """Healthy routers of all functions, other salts, ids and weights each time."""
    alarms, most = 0, 0
    for run in range(runs):
        function, total = CORRECT[run % len(CORRECT)]
        declared = _experiments(function, total, f"{run // len(CORRECT) % 5}")
        one, other = (Router(declared, random.Random(run + at)) for at in (0, runs))
        most = max(most, len(planned(declared, f"{run}:ids")))
        findings = judged(one, other, declared, f"{run}:ids")
        alarms += bool(red(findings))
        for name in red(findings):
            print(f"  ALARM {run} {function} {name}: {findings[name].summary}")
    print(f"  {alarms} alarms in {runs} runs (at most {_upper(alarms, runs)}), at most {most} + {BESIDES} requests")
    return {"runs": runs, "alarms": alarms, "requests": most + BESIDES}, alarms == 0 and most + BESIDES <= 600


def declared_broken(runs: int, names: Sequence[str]) -> tuple[Any, bool]:
    """Each broken router, again and again with other ids and chances."""
    seen: dict[str, int] = {}
    by: dict[str, str] = {}
    for name in names:
        found = [red(_judged_broken(name, run)) for run in range(runs)]
        seen[name] = sum(map(bool, found))
        by[name] = ", ".join(sorted(set.intersection(*found)))
        print(f"  {seen[name]:3} of {runs}  {name:34} {by[name]}", flush=True)
    return {"runs": runs, "seen": seen, "by": by}, all(count == runs for count in seen.values())


def over_http(runs: int, names: Sequence[str]) -> tuple[Any, bool]:
    """The same behind a server, asked by the evidence; and the healthy one, of which nothing may be said."""
    seen: dict[str, int] = {}
    for name in ["Router", *names]:
        kind = ROUTERS.get(name, Router)
        seen[name] = 0
        for run in range(runs):
            one, other = (kind(DECLARED, random.Random(100 * run + at)) for at in (1, 2))
            seen[name] += bool(red(judged_over_http(one, other, DECLARED, run)))
        print(f"  {seen[name]:3} of {runs}  {name}", flush=True)
    healthy = seen.pop("Router")
    return {"runs": runs, "seen": seen, "alarms": healthy}, healthy == 0 and all(one == runs for one in seen.values())


def undeclared_healthy(runs: int, requests: int = 4000) -> tuple[Any, bool]:
    """Routers of six algorithms of which only the shares are declared."""
    alarms, doubts = 0, 0
    for run in range(runs):
        function, total = CORRECT[run % len(CORRECT)]
        findings = _statistics(Router, _experiments(function, total, str(run)), run, requests)
        alarms += bool(red(findings))
        doubts += any(one.status == "inconclusive" and "suspicious" in one.summary for one in findings.values())
        for name in red(findings):
            print(f"  ALARM {run} {function} {name}: {findings[name].summary}")
    limit = _upper(alarms, runs)
    print(f"  {alarms} alarms in {runs} runs (at most {limit}) of {requests} requests, {doubts} doubtful")
    return {"runs": runs, "requests": requests, "alarms": alarms, "doubts": doubts}, alarms == 0


def undeclared_over_http(runs: int) -> tuple[Any, bool]:
    """Each of the six behind a server, asked by the evidence for as long as the quick profile takes."""
    alarms = {function: 0 for function, _ in CORRECT}
    for function, total in CORRECT:
        for run in range(runs):
            declared = _experiments(function, total, str(run))
            one, other = (Router(declared, random.Random(run + at)) for at in (0, runs))
            findings = judged_over_http(one, other, undeclared(declared), run, QUICK_S)
            alarms[function] += bool(red(findings))
            for name in red(findings):
                print(f"  ALARM {run} {function} {name}: {findings[name].summary}")
        print(f"  {alarms[function]:3} alarms in {runs} runs  {function}", flush=True)
    return {"runs": runs, "alarms": alarms}, not any(alarms.values())


def budget_table(runs: int, budgets: Sequence[int]) -> Any:
    """How often statistics find what, with how many requests for both experiments; and the least shift they show."""
    print("  " + f"{'':34}" + "".join(f"{budget:>9}" for budget in budgets))
    table: dict[str, list[float]] = {}
    for name, router in UNDECLARED.items():
        table[name] = []
        for budget in budgets:
            times = runs if budget <= 5000 else max(1, runs // 4)
            found = [bool(red(_statistics(router, DECLARED, 1000 + run, budget))) for run in range(times)]
            table[name].append(sum(found) / times)
        print("  " + f"{name:34}" + "".join(f"{share:>9.0%}" for share in table[name]), flush=True)
    shifts = [smallest_shift(budget // 2, 0.1, FAIL_AT) for budget in budgets]
    print("  " + f"{'10% must be off by':34}" + "".join(f"{shift or 1:>9.1%}" for shift in shifts))
    return {"budgets": list(budgets), "found": table, "shift": shifts}


class SaltedByNobody(Router):
    def salted(self, experiment: Experiment) -> bytes:
        return b""


class LastTwoDigits(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        digits = "".join(one for one in str(unit) if one.isdecimal())
        return int(digits[-2:] or 0) * 100


class SumOfCharacters(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return sum(map(ord, str(unit))) % 100 * 100


class FirstCharacter(Router):
    def bucket(self, experiment: Experiment, unit: Unit) -> int:
        return super().bucket(experiment, str(unit)[:1])


class InclusiveOf100(Router):
    def choose(self, experiment: Experiment, bucket: int) -> str:
        return super().choose(experiment, bucket + 100 if 8900 <= bucket < 9000 else bucket)


def _treating(share: float) -> type[Router]:
    class Other(Router):
        def choose(self, experiment: Experiment, bucket: int) -> str:
            treated = experiment.name == "checkout" and bucket >= 10_000 * (1 - share)
            return "boosted" if treated else super().choose(experiment, bucket)

    return Other


UNDECLARED: dict[str, type[Router]] = {
    "healthy": Router,
    "10% is 11%": _treating(0.11),
    "10% is 12%": _treating(0.12),
    "10% is 15%": _treating(0.15),
    "10% is 20%": _treating(0.20),
    "<= over 100 buckets": InclusiveOf100,
    "no salt": SaltedByNobody,
    "last two digits of the id": LastTwoDigits,
    "sum of characters % 100": SumOfCharacters,
    "hash of the first character": FirstCharacter,
    "random at each request": ROUTERS["AtRandom"],
    "a salt for each worker": ROUTERS["EachWorkerHasItsSalt"],
    "salted hash()": ROUTERS["SaltedHash"],
}


def _statistics(router: type[Router], declared: Sequence[Experiment], seed: int, requests: int) -> dict[str, Any]:
    """What the checks say where nothing but the shares is declared."""
    one, other = (router(declared, random.Random(seed + at)) for at in (0, 5000))
    samples = sampled(one, declared, requests, seed)
    return judged(one, other, undeclared(declared), f"{seed}:ids", samples)


def _judged_broken(name: str, run: int) -> dict[str, Any]:
    one, other = (ROUTERS[name](DECLARED, random.Random(100 * run + at)) for at in (1, 2))
    return judged(one, other, DECLARED, f"{run}:ids")


def _experiments(function: FunctionName, total: float, salt: str) -> tuple[Experiment, ...]:
    """Two experiments: a small and an even one, with salts of their own."""
    treated = random.Random(salt).choice((0.01, 0.05, 0.1, 0.2))
    small = (Variant("control", (1 - treated) * total), Variant("boosted", treated * total))
    even = (Variant("plain", 0.5 * total), Variant("warm", 0.5 * total))
    made = Experiment("checkout", small, function, f"checkout-{salt}", total=total)
    return made, replace(made, name="wording", variants=even, salt=f"wording-{salt}")


def _upper(k: int, n: int) -> str:
    return f"{upper_bound(k, n):.2%} at 95%"


if __name__ == "__main__":
    raise SystemExit(main())
