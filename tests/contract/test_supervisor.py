"""Workers whose supervisor died do not stay behind."""

from __future__ import annotations

import time
from pathlib import Path

from tests.contract.conftest import Start


def test_workers_end_with_their_supervisor(start: Start) -> None:
    server = start("--workers", "2")
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    workers = [child for child in children if serves(child, server.url.rpartition(":")[2])]
    assert len(workers) == 2
    server.process.kill()
    server.process.wait()
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.1)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    assert server.log.read_text().count('"event":"supervisor-died"') == 2


def serves(pid: str, port: str) -> bool:
    """Whether a process is a worker of the server on this port, not a helper of its supervisor."""
    return (
        f'"port": {port},' in Path(f"/proc/{pid}/environ").read_text()
        and "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    )
