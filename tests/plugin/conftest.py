"""A directory with a stub service, its rows and its `mlready.toml`, in which pytest runs as a user would run it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import Pytester, fixture

STUB = Path(__file__).with_name("stub_service.py")
ROWS = "age,income,debt\n" + "".join(f"{20 + i},{1000 + 37 * i},{i * 3.5}\n" for i in range(24))
Project = Callable[..., Pytester]


@fixture
def project(pytester: Pytester) -> Project:
    """`project(toml="", fault="none")` writes the files and gives the pytester; `toml` is added to `mlready.toml`."""

    def write(toml: str = "", fault: str = "none", service: str = "", inputs: str = "") -> Pytester:
        shutil.copy(STUB, pytester.path / "stub_service.py")
        (pytester.path / "rows.csv").write_text(ROWS)
        command = f"{{python}} stub_service.py {{port}} --fault {fault} --count requests.txt"
        (pytester.path / "mlready.toml").write_text(
            f'[service]\ncommand = "{command}"\n{service}\n[inputs]\nrows = "rows.csv"\n{inputs}\n{toml}\n'
        )
        pytester.makeini("[pytest]\n")
        return pytester

    return write


def report_of(pytester: Pytester, directory: str = "mlready-report") -> dict[str, Any]:
    """The report that a run wrote."""
    report: dict[str, Any] = json.loads((pytester.path / directory / "report.json").read_text("utf-8"))
    return report


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """Status by check id."""
    return {one["id"]: one["status"] for one in report["checks"]}
