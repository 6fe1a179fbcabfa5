"""Many changes at once: `python benchmarks/parallel_changes.py [--quick] [--json FILE]`.

50 promotions and rollbacks of a server with four workers leave together, each on a connection of its own. They have to
make generations without a gap, of which the history explains the last. Then 50 changes expect the same generation: one
may win.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from histories import FIRST, SECOND, explains, publish_again
from live_server import Live, admin, once, request, running

from reference_service.deployments.changes import Change, State
from reference_service.train import train_missing

VERSIONS = (FIRST, SECOND, "3.0.0", "4.0.0", "5.0.0")
COLUMNS = ("generation", "at", "actor", "action", "from", "to", "reason")
MUST_BE_NONE = (
    "generations missing or doubled",
    "unexplained states",
    "unexpected answers",
    "winners too many or too few",
)


def main() -> int:
    """Change, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="how many times (10)")
    parser.add_argument("--quick", action="store_true", help="once")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 10)
    found: Counter[str] = Counter(rounds=rounds, **dict.fromkeys(MUST_BE_NONE, 0))
    with tempfile.TemporaryDirectory() as directory:
        models = Path(directory, "models")
        train_missing(models)
        for version in VERSIONS[2:]:
            publish_again(models, version)
        with running(models, Path(directory, "state"), 4) as live:
            for _ in range(rounds):
                found.update(crowded(live, 50))
    for name, value in found.items():
        print(f"{name:<36} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return int(any(found[name] for name in MUST_BE_NONE))


def crowded(live: Live, crowd: int) -> dict[str, int]:
    """One round."""
    base = in_force(live)[0].generation
    orders = [
        admin("/deployments/rollback") if i % 3 == 2 else admin("/deployments", {"version": VERSIONS[i % 5]})
        for i in range(crowd)
    ]
    answers = at_once(live, orders)
    made = sorted(found["generation"] for status, found in answers if status == 200 and found["changed"])
    state, changes = in_force(live)
    contest = [
        admin("/deployments", {"version": VERSIONS[i % 5]}, if_match=f'"{state.generation}"')
        for i in range(crowd)
        if VERSIONS[i % 5] != state.serving
    ]
    statuses = Counter(status for status, _ in at_once(live, contest))
    unexpected = sum(status not in {200, 409} for status, _ in answers)
    return {
        "changes at once": crowd,
        "changes made": len(made),
        "changes that expected one generation": len(contest),
        "generations missing or doubled": int(made != list(range(base + 1, state.generation + 1))),
        "unexplained states": int(not explains(changes, state)),
        "unexpected answers": unexpected + sum(statuses.values()) - statuses[200] - statuses[412],
        "winners too many or too few": abs(statuses[200] - 1),
    }


def in_force(live: Live) -> tuple[State, list[Change]]:
    """What the server says is in force, and how it came to be."""
    told = once(live.port, request("GET", "/deployments")).json()
    state = State(serving=told["serving"], earlier=tuple(told["earlier"]), generation=told["generation"])
    return state, [Change(*(line[name] for name in COLUMNS)) for line in told["history"]]


def at_once(live: Live, orders: list[bytes]) -> list[tuple[int, Any]]:
    """Statuses and bodies of requests that leave together."""
    together = threading.Barrier(len(orders))

    def send(order: bytes) -> tuple[int, Any]:
        together.wait()
        answer = once(live.port, order)
        return answer.status, answer.json()

    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(send, orders))


if __name__ == "__main__":
    raise SystemExit(main())
