"""Promote and roll back under load: `python benchmarks/swaps.py [--quick] [--swaps N] [--workers N] [--json FILE]`.

One admin swaps two versions without a pause, while clients ask single rows (on kept and on fresh connections) and
batches of 512 rows. Every answer is compared with what both versions answered on another server that was asked for them
by name, byte for byte but for its request id. No worker has the second version in memory before it is promoted. After
each acknowledgement one request goes to every single worker, and more go out on fresh connections: all of them have to
be answered by the new version.

Every worker is seen because the kernel tells which process holds the other end of a connection (`/proc`): one kept
connection is pinned to each worker, so none can hide behind the others as it could from a client that only opens fresh
connections and hopes.

Must hold: nothing failed, nothing mixed, nothing stale, the same bytes after every rollback, every worker asked.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from live_server import (
    Connection,
    Live,
    admin,
    connection_to_each_worker,
    held_out_rows,
    percentile,
    request,
    running,
)
from witnesses import Question, Seen, Timeline, without_id

from reference_service.train import train_missing

MODEL = "breast-cancer"
VERSIONS = ("1.0.0", "2.0.0")
BATCH = 512
MUST_BE_NONE = (
    "failed",
    "mixed",
    "stale",
    "other bytes",
    "other version or generation in the headers",
    "swaps refused",
    "workers not asked after a change",
)


def main() -> int:
    """Swap, judge, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, help="how many (1000)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="40 swaps")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    swaps = options.swaps or (40 if options.quick else 1000)
    with tempfile.TemporaryDirectory() as directory:
        models = Path(directory, "models")
        train_missing(models)
        with running(models, Path(directory, "another"), 1) as another:
            singles, batches = questions(another, models)
        with running(models, Path(directory, "state"), options.workers) as live:
            figures = measured(live, singles, batches, swaps, options.workers)
    for name, value in figures.items():
        print(f"{name:<52} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(any(figures[name] for name in MUST_BE_NONE))


def questions(live: Live, models: Path) -> tuple[list[Question], list[Question]]:
    """Single rows and batches, with the answers of both versions."""
    rows = held_out_rows(models, MODEL)
    connection = Connection(live.port)
    singles = [asked(connection, "/predict", {"features": row}) for row in rows]
    batches = [
        asked(connection, "/predict/batch", {"instances": (rows * 4)[start : start + BATCH]}) for start in (0, 1)
    ]
    connection.close()
    return singles, batches


def measured(live: Live, singles: list[Question], batches: list[Question], swaps: int, workers: int) -> dict[str, Any]:
    """All figures of one run."""
    pinned = connection_to_each_worker(live, workers)
    timeline = Timeline({0: VERSIONS[0]})
    clients = [Seen() for _ in range(6)]
    stop = threading.Event()
    kinds = [(singles, False), (singles, False), (singles, True), (singles, True), (batches, False), (batches, True)]
    threads = [
        threading.Thread(target=keep_asking, args=(live, questions, seen, stop, fresh))
        for seen, (questions, fresh) in zip(clients, kinds, strict=True)
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    probes = Seen()
    asked_workers: Counter[int] = Counter()
    refused = swap(live, timeline, swaps, singles, pinned, probes, asked_workers)
    seconds = time.monotonic() - began
    stop.set()
    for thread in threads:
        thread.join()
    return judged([*clients, probes], timeline, refused, asked_workers, swaps, seconds)


def asked(connection: Connection, path: str, body: dict[str, Any]) -> Question:
    """A question with the answers of both versions."""
    answers = {}
    for version in VERSIONS:
        answer = connection.ask(request("POST", path, {**body, "model_version": version}))
        if answer.status != 200:
            raise RuntimeError(f"{version} answers {answer.status}")
        answers[version] = without_id(answer.body)
    if path == "/predict/batch":
        told_apart(*(json.loads(answer)["predictions"] for answer in answers.values()))
    return Question(request("POST", path, body), answers, len(body.get("instances", [0])))


def told_apart(first: list[Any], second: list[Any]) -> None:
    """Both versions answer every single row differently: else a mixed batch could go unseen."""
    same = sum(one == other for one, other in zip(first, second, strict=True))
    if same:
        raise RuntimeError(f"the versions give {same} rows the same answer")


def keep_asking(live: Live, questions: list[Question], seen: Seen, stop: threading.Event, fresh: bool) -> None:
    """One client that asks without a pause."""
    connection = Connection(live.port)
    turn = 0
    while not stop.is_set():
        question = questions[turn % len(questions)]
        turn += 1
        try:
            if fresh:
                connection.close()
                connection = Connection(live.port)
            seen.add(question, connection.ask(question.content))
        except OSError as error:
            seen.failures[type(error).__name__] += 1
            connection = Connection(live.port)
    connection.close()


def swap(
    live: Live,
    timeline: Timeline,
    swaps: int,
    questions: list[Question],
    pinned: dict[int, Connection],
    probes: Seen,
    asked_workers: Counter[int],
) -> int:
    """Promote and roll back in turn; after each acknowledgement ask every worker. Return how many were refused."""
    controls = Connection(live.port)
    refused = 0
    for i in range(swaps):
        promote = i % 2 == 0
        order = admin("/deployments", {"version": VERSIONS[1]}) if promote else admin("/deployments/rollback")
        timeline.asked.append(time.monotonic())
        answer = controls.ask(order)
        timeline.acknowledged.append(answer.received)
        found = answer.json()
        if answer.status != 200 or found["generation"] != i + 1 or found["to"] != VERSIONS[promote]:
            refused += 1
        timeline.version_of[i + 1] = VERSIONS[promote]
        question = questions[i % len(questions)]
        fresh = [Connection(live.port) for _ in range(2)]
        for connection in (*pinned.values(), *fresh):  # all are on their way before the first answer is read
            connection.socket.sendall(question.content)
        for worker, connection in pinned.items():
            probes.add(question, connection.answer(answer.received))
            asked_workers[worker] += 1
        for connection in fresh:
            probes.add(question, connection.answer(answer.received))
            connection.close()
    controls.close()
    return refused


def judged(
    seen: list[Seen],
    timeline: Timeline,
    refused: int,
    asked_workers: Counter[int],
    swaps: int,
    seconds: float,
) -> dict[str, Any]:
    """The figures."""
    failures: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for one in seen:
        failures.update(one.failures)
        for answer in one.answers:
            count["batches" if answer.rows > 1 else "singles"] += 1
            if answer.made_by in {"mixed", "other"}:
                count[answer.made_by] += 1
                continue
            allowed = timeline.allowed(answer)
            versions = {timeline.version_of.get(generation) for generation in allowed}
            count["stale"] += answer.made_by not in versions or answer.generation not in allowed
            told = answer.version, timeline.version_of.get(answer.generation)
            count["told otherwise"] += told != (answer.made_by, answer.made_by)
    acks = [1000 * (end - begin) for begin, end in zip(timeline.asked, timeline.acknowledged, strict=True)]
    return {
        "swaps": swaps,
        "seconds": round(seconds, 1),
        "single answers": count["singles"],
        f"batches of {BATCH} rows": count["batches"],
        "failed": sum(failures.values()),
        "failures": dict(failures.most_common(3)),
        "mixed": count["mixed"],
        "stale": count["stale"],
        "other bytes": count["other"],
        "other version or generation in the headers": count["told otherwise"],
        "swaps refused": refused,
        "requests to each worker after an acknowledgement": sorted(asked_workers.values()),
        "workers not asked after a change": sum(found < swaps for found in asked_workers.values()),
        "acknowledgement p50 ms": round(percentile(acks, 0.5), 1),
        "acknowledgement p99 ms": round(percentile(acks, 0.99), 1),
        "acknowledgement max ms": round(max(acks), 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
