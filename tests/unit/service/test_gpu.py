"""What is understood of a program that tells of GPU memory: of a stand-in for it, for here is no GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlready.service.gpu import gpu_bytes

MIB = 1024 * 1024


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "nvidia-smi"


def says(program: Path, *lines: str, code: int = 0) -> None:
    asked = "--query-compute-apps=pid,used_memory --format=csv,noheader,nounits"
    told = "\n".join(lines)
    program.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] || exit 2\ncat <<END\n{told}\nEND\nexit {code}\n')
    program.chmod(0o755)


def test_memory_of_the_processes_on_all_devices_is_added(program: Path) -> None:
    says(program, "11, 512", "12, 100", "11, 256", "99, 4096")
    assert gpu_bytes([11, 12]) == 868 * MIB
    assert gpu_bytes([12]) == 100 * MIB


@pytest.mark.parametrize("lines", [(), ("99, 512",), ("11, [N/A]",), ("No devices were found",)])
def test_nothing_is_known_of_processes_that_it_does_not_name(program: Path, lines: tuple[str, ...]) -> None:
    says(program, *lines)
    assert gpu_bytes([11]) is None


def test_nothing_is_known_where_it_fails_or_is_not_there(program: Path) -> None:
    assert gpu_bytes([11]) is None
    says(program, "11, 512", code=9)
    assert gpu_bytes([11]) is None
    program.write_text("no program")
    assert gpu_bytes([11]) is None
