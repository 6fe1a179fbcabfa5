"""SIGKILL in the middle of changes: `python benchmarks/registry_kills.py [--quick] [--seed N] [--json FILE]`.

Two processes promote and roll back without a pause and a third publishes versions, until all are killed at a random
moment. What is left is opened again: it has to be readable, to hold every change and publication that was acknowledged,
and to explain itself. The processes are forks of this one, so that a kill costs no start. Then whole servers are killed
in the same way, a smaller number of times, and started again on what they left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import select
import shutil
import signal
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from histories import FIRST, MODEL, SECOND, explains, publish_again
from live_server import admin, end, once, request, start, wait_until_ready

from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Registry, Snapshot
from reference_service.components import build_components
from reference_service.deployments.changes import Changes, State
from reference_service.deployments.deployment import Order
from reference_service.settings import Settings
from reference_service.train import train_missing
from reference_service.web.problems import Problem

ACKNOWLEDGED = struct.Struct("=cq")
MUST_BE_NONE = (
    "unreadable",
    "acknowledged changes lost",
    "acknowledged versions lost",
    "half-published versions",
    "unexplained states",
)
Acknowledge = Callable[[bytes, int], None]


def main() -> int:
    """Kill, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 kills of processes and 1 of a server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as directory:
        models = Path(directory, "models")
        train_missing(models)
        figures = {
            "processes": killed_processes(models, Path(directory, "kills"), 10 if options.quick else 200, dice),
            "servers": killed_servers(models, Path(directory, "servers"), 1 if options.quick else 10, dice),
        }
    for part, found in figures.items():
        for name, value in found.items():
            print(f"{part + ': ' + name:<52} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(any(found.get(name) for found in figures.values() for name in MUST_BE_NONE))


def killed_processes(models: Path, work: Path, kills: int, dice: random.Random) -> dict[str, Any]:
    """Fork writers, kill them, open what is left; again and again on the same state and registry."""
    registry = shutil.copytree(models, work / "models")
    settings = Settings(model=MODEL, models=registry, state=work / "state")
    loaded = [Registry(registry, MODEL).load(version) for version in (FIRST, SECOND)]
    found: Counter[str] = Counter(dict.fromkeys(MUST_BE_NONE, 0))
    for kill in range(kills):
        writers = [forked(lambda acknowledge: keep_changing(settings, loaded, acknowledge)) for _ in range(2)]
        writers.append(forked(partial(keep_publishing, registry, kill)))
        for _, pipe in writers:  # all are in the middle of it
            select.select([pipe], [], [], 60)
        time.sleep(dice.uniform(0, 0.2))
        for pid, _ in writers:
            os.kill(pid, signal.SIGKILL)
        acknowledged = [message for pid, pipe in writers for message in collected(pid, pipe)]
        generations = [number for kind, number in acknowledged if kind == b"c"]
        versions = [f"9.{kill}.{number}" for kind, number in acknowledged if kind == b"v"]
        found["changes acknowledged"] += len(generations)
        found["versions acknowledged"] += len(versions)
        found["kills with a change acknowledged"] += bool(generations)
        inspect(settings, registry, max(generations, default=0), versions, found)
        for path in (registry / MODEL).glob(f"9.{kill}.*"):
            shutil.rmtree(path)
    return {"kills": kills, **found}


def inspect(settings: Settings, models: Path, generation: int, versions: list[str], found: Counter[str]) -> None:
    """Open state and registry as a service that starts would."""
    try:
        changes = Changes(settings.state_directory)
        state = changes.begin(lambda: State(serving="none"))
        history = changes.history(limit=1_000_000)
        current = changes.current()
        changes.close()
    except Exception as error:
        found["unreadable"] += 1
        print(f"unreadable: {error!r}", flush=True)
        return
    found["acknowledged changes lost"] += max(0, generation - state.generation)
    found["unexplained states"] += current != state or not explains(history, state)
    registry = Registry(models, MODEL)
    listed = registry.versions()
    found["acknowledged versions lost"] += len(set(versions) - set(listed))
    for version in listed:
        try:
            registry.record(version)
        except manifest.Untrusted as error:
            found["half-published versions"] += 1
            print(f"half-published: {error}", flush=True)


def forked(work: Callable[[Acknowledge], None]) -> tuple[int, int]:
    """A process that works and tells what it may tell a client; its id, and where to read that."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writable)
        return pid, readable
    try:
        work(lambda kind, number: told(writable, kind, number))
    finally:
        os._exit(1)


def told(pipe: int, kind: bytes, number: int) -> None:
    """Acknowledge one change (`c` and its generation) or publication (`v` and its number)."""
    os.write(pipe, ACKNOWLEDGED.pack(kind, number))


def collected(pid: int, pipe: int) -> list[tuple[bytes, int]]:
    """What a killed process had told, which is all in the pipe by now."""
    os.waitpid(pid, 0)
    content = b""
    while part := os.read(pipe, 1 << 16):
        content += part
    os.close(pipe)
    return list(ACKNOWLEDGED.iter_unpack(content))


def keep_changing(settings: Settings, loaded: Sequence[Snapshot], acknowledge: Acknowledge) -> None:
    """Promote and roll back, with all that the service examines before."""
    components = build_components(settings)
    components.log.descriptor = os.open(os.devnull, os.O_WRONLY)
    components.changes.begin(components.serving.first_state)
    for snapshot in loaded:
        components.serving.keep(snapshot)
    dice = random.Random()

    async def scenario() -> None:
        components.batcher.start()
        while True:
            try:
                if dice.random() < 0.6:
                    order = Order("kills", dice.choice([FIRST, SECOND]))
                    outcome = await components.deployments.promote(order)
                else:
                    outcome = await components.deployments.rollback(Order("kills"))
            except Problem:
                continue
            acknowledge(b"c", outcome.after.generation)

    asyncio.run(scenario())


def keep_publishing(models: Path, kill: int, acknowledge: Acknowledge) -> None:
    """Publish version after version, with the files of the first."""
    number = 0
    while True:
        publish_again(models, f"9.{kill}.{number}")
        acknowledge(b"v", number)
        number += 1


def killed_servers(models: Path, state: Path, servers: int, dice: random.Random) -> dict[str, Any]:
    """Kill a whole server with two workers while it is being changed, and start it again on its state."""
    found = {"kills": servers, "changes acknowledged": 0, "acknowledged changes lost": 0, "unexplained states": 0}
    last: dict[str, Any] = {"generation": 0, "to": FIRST}
    state.mkdir(parents=True)
    for kill in range(servers + 1):  # the last one is only looked at
        live = start(models, state, 2)
        try:
            wait_until_ready(live)
            serving = once(live.port, request("GET", "/deployments")).json()
            found["acknowledged changes lost"] += max(0, last["generation"] - serving["generation"])
            if serving["generation"] == last["generation"]:
                found["unexplained states"] += serving["serving"] != last["to"]
            if kill == servers:
                break
            killer = threading.Timer(dice.uniform(0.3, 1.0), end, [live])
            killer.start()
            while True:
                try:
                    answer = once(live.port, admin("/deployments", {"version": dice.choice([FIRST, SECOND])}))
                except OSError:
                    break
                found["unexplained states"] += answer.status != 200
                found["changes acknowledged"] += 1
                last = answer.json()
            killer.join()
        finally:
            end(live)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
