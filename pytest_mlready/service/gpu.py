"""How much GPU memory processes hold, as the driver's own program tells; nothing is known where it is not installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Collection

_PROGRAM = "nvidia-smi"
_QUESTION = ("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
_DEADLINE_S = 5.0
_MIB = 1024 * 1024


def gpu_bytes(pids: Collection[int]) -> int | None:
    """GPU memory of the processes on all devices together, in bytes; None where it cannot be told.

    So it is without the program, where it fails, and where it names none of the processes: they use no GPU then, or it
    knows them by other numbers, as from within a container.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        return None
    try:
        told = subprocess.run([program, *_QUESTION], capture_output=True, text=True, timeout=_DEADLINE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    held: list[int] = []
    for line in told.stdout.splitlines():
        pid, _, used = line.partition(",")
        with contextlib.suppress(ValueError):  # "[N/A]"
            if int(pid) in pids:
                held.append(int(used))
    return sum(held) * _MIB if held else None
