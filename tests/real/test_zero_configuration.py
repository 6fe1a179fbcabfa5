"""Services as people write them, judged without a word of configuration but the command that starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pytest import mark

ROOT = Path(__file__).parents[2]
BAD = {"fail", "error"}


def judged(name: str, directory: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    """What the run printed, and its report."""
    service = f'[service]\ncommand = "{{python}} -m tests.real.small_services {name} --port {{port}}"\n'
    (directory / "mlready.toml").write_text(service, encoding="utf-8")
    plugins = ["-p", "pytest_mlready.plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "--mlready", "--mlready-profile", "quick", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return ran.stdout + ran.stderr, json.loads((directory / "mlready-report" / "report.json").read_text("utf-8"))


@mark.parametrize(("name", "rows"), [("flowers", 3), ("houses", 2), ("reviews", 2), ("matrix", 2)])
def test_examples_of_the_document_are_rows_enough(name: str, rows: int, tmp_path: Path) -> None:
    printed, report = judged(name, tmp_path, "-k", "fuzz or reject")
    assert f"mlready: {rows} sample rows: the examples in its OpenAPI document" in printed
    assert report["run"]["rows"]["count"] == rows
    made = {one["id"]: one for one in report["checks"] if one["id"].startswith(("fuzz.", "contract.reject"))}
    assert [f"{one['id']}: {one['reason']}" for one in made.values() if one["status"] in BAD] == []
    assert made["fuzz.deterministic"]["status"] == "pass"
    assert made["fuzz.no_server_error"]["status"] == "pass"


def test_what_is_not_spoken_is_one_clear_error(tmp_path: Path) -> None:
    printed, report = judged("split", tmp_path)
    assert "`dataframe_split` is not spoken here" in printed
    assert "[service.json]" in report["verdict"]["problem"]
