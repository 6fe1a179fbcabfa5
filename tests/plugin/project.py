"""A user's project in a directory of its own: its files, runs of pytest in it, and what they left."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from pytest import MonkeyPatch, Pytester

import pytest_mlready
from tests.plugin import stub_service
from tests.plugin.stub_service import FEATURES, Stub

STUB = Path(stub_service.__file__)
ROOT = STUB.parents[2]
REPORT = "mlready-report"
ROWS = "\n".join([",".join((*FEATURES, "label")), *(f"{i}.5,-{i},0.25,{i % 3}.0,{i % 2}" for i in range(20))]) + "\n"


@cache
def validator() -> Draft202012Validator:
    """Of the published schema of `report.json`."""
    text = Path(pytest_mlready.__file__).with_name("report").joinpath("schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


@dataclass(frozen=True)
class Ran:
    """A finished run: exit code, what it printed, and its report, {} where it left none."""

    exit_code: int
    output: str
    report: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The verdict's word."""
        return str(self.report["verdict"]["state"])

    @property
    def statuses(self) -> dict[str, str]:
        """Check id to status."""
        return {one["id"]: one["status"] for one in self.report["checks"]}

    @property
    def problem(self) -> str | None:
        """Why it could not begin, or ended early."""
        problem: str | None = self.report["verdict"]["problem"]
        return problem

    def check(self, name: str) -> dict[str, Any]:
        """What the report holds of one check; KeyError if it stands in it not exactly once."""
        found: list[dict[str, Any]] = [one for one in self.report["checks"] if one["id"] == name]
        if len(found) != 1:
            raise KeyError(f"{name}: {len(found)} entries")
        return found[0]


class Project:
    """A directory with `mlready.toml`, sample rows and pytest.ini; the service is a stub in a thread of this process.

    Unless told otherwise its catalogue is one passing toy.
    """

    def __init__(self, pytester: Pytester, environment: MonkeyPatch, url: str, stub: Stub) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.environment = environment
        self.url = url
        self.stub = stub
        self.options: list[str] = []
        environment.setenv("PYTHONPATH", str(ROOT))
        environment.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        self.toys("contract.holds")
        self.file("pytest.ini", "[pytest]\n")
        self.file("rows.csv", ROWS)
        self.settings()

    def file(self, name: str, text: str) -> Path:
        """Write a file; its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def settings(self, tables: str = "", *, service: str | None = None, top: str = 'profile = "smoke"') -> None:
        """Write `mlready.toml`; `service` are the lines of its table, by default the URL of the stub."""
        service = service or f'url = "{self.url}"'
        rows = "" if "[inputs]" in tables else '[inputs]\nrows = "rows.csv"\nlabel = "label"\n'
        self.file("mlready.toml", f"{top}\n[service]\n{service}\n{rows}{tables}")

    def command(self, *flags: str, service: str = "", tables: str = "") -> None:
        """Write an `mlready.toml` whose service is the stub as a process, with its log in `requests.log`."""
        words = ["{python}", str(STUB), "--port", "{port}", "--log", str(self.path / "requests.log")]
        words += ["--pids", str(self.path / "pids"), *flags]
        self.settings(tables, service=f'command = "{" ".join(words)}"\n{service}')

    def tests(self, source: str, name: str = "test_team.py") -> None:
        """Write a file of the user's tests."""
        self.file(name, f"import pytest\nfrom pytest import mark\n\n{source}")

    def toys(self, *names: str) -> None:
        """The checks of the catalogue, in place of the real ones."""
        self.environment.setenv("TOYS", ",".join(names))

    def real_checks(self) -> None:
        """Judge by the real catalogue."""
        self.environment.delenv("TOYS")

    def arguments(self, *arguments: str) -> list[str]:
        """The whole command line: only the plugins that were asked for are loaded."""
        toys = ["-p", "tests.plugin.toys"] if "TOYS" in os.environ else []
        return ["-p", "pytest_mlready.plugin", *toys, *self.options, *arguments]

    def run(self, *arguments: str, process: bool = False) -> Ran:
        """`pytest --mlready` with these arguments, in this process unless another is wanted."""
        return self.run_plain("--mlready", *arguments, process=process)

    def run_plain(self, *arguments: str, process: bool = False) -> Ran:
        """`pytest` with these arguments."""
        run = self.pytester.runpytest_subprocess if process else self.pytester.runpytest_inprocess
        result = run(*self.arguments(*arguments))
        return Ran(int(result.ret), f"{result.stdout}\n{result.stderr}", self.report())

    def report(self, directory: str = REPORT) -> dict[str, Any]:
        """The report, which must be as its schema has it; {} if there is none."""
        path = self.path / directory / "report.json"
        if not path.exists():
            return {}
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
        validator().validate(report)
        return report

    def pids(self) -> list[int]:
        """Processes of the service that still run."""
        written = self.path / "pids"
        pids = [int(line) for line in written.read_text().split()] if written.exists() else []
        return [pid for pid in pids if _runs(pid)]

    def asked(self) -> list[str]:
        """`METHOD PATH` of each request that the service, run by command, got."""
        log = self.path / "requests.log"
        return [line.partition(" ")[2] for line in log.read_text().splitlines()] if log.exists() else []


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
