"""What a service of ours uses while something else goes on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from pytest_mlready.records import Use
from pytest_mlready.service.gpu import gpu_bytes
from pytest_mlready.service.instance import Instance

EVERY_S = 0.25
ANEW = 8
"""At every so-many-th look its processes are found anew, and what they hold on GPUs: it takes longer than to look."""


@contextlib.contextmanager
def watched(instance: Instance | None, every_s: float = EVERY_S, *, gpu: bool = False) -> Iterator[list[Use]]:
    """What its processes use until the block ends, `at_s` in seconds since the epoch; nothing if it is not ours.

    Memory on GPUs is asked for only with `gpu`, for that may take a second each time.
    """
    seen: list[Use] = []
    if instance is None:
        yield seen
        return
    done = threading.Event()

    def look() -> None:
        pids = instance.processes()
        held = gpu_bytes(pids) if gpu else None
        while not done.wait(every_s):
            seen.append(replace(instance.use(pids, time.time()), gpu_bytes=held))
            if len(seen) % ANEW == 0:
                pids = instance.processes()
                held = gpu_bytes(pids) if gpu else None

    watching = threading.Thread(target=look, name="use", daemon=True)
    watching.start()
    try:
        yield seen
    finally:
        done.set()
        watching.join()
