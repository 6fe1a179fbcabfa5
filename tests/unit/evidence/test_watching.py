"""Looks at what a service uses: at memory on GPUs only where it is asked for."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_mlready.evidence.watching import watched
from pytest_mlready.records import Use
from pytest_mlready.service.instance import Instance


class Ours:
    """An instance whose only process is this one."""

    def processes(self) -> list[int]:
        return [os.getpid()]

    def use(self, pids: Any, at_s: float) -> Use:
        return Use(at_s, 1.0, 2, 3)


@pytest.mark.parametrize(("gpu", "seen"), [(True, 512 * 1024 * 1024), (False, None)])
def test_memory_on_gpus_is_looked_at_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, seen: int | None
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho {os.getpid()}, 512\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with watched(cast(Instance, Ours()), 0.001, gpu=gpu) as looks:
        while len(looks) < 20:
            time.sleep(0.001)
    assert {one.gpu_bytes for one in looks} == {seen}
