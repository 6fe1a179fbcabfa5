"""The examples are what they say: anyone who runs them as the README says sees a service that is ready."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pytest import mark

ROOT = Path(__file__).parents[2]


@mark.parametrize("example", ["credit", "diabetes"])
def test_an_example_is_ready(example: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    command = [sys.executable, "-m", "pytest", "--mlready", f"examples/{example}", f"--mlready-report={report}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    judged = json.loads((report / "report.json").read_text())
    assert judged["verdict"]["state"] == "READY"
    assert not [one for one in judged["checks"] if one["status"] in {"fail", "error"}]
