"""The examples are what they say: anyone who runs them as the README says sees a service that is ready."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pytest import mark

ROOT = Path(__file__).parents[2]

# How many rows are asked depends on the time that they take.
pytestmark = mark.alone
QUALITY = {
    "credit": ["threshold", "beats_baseline", "slices", "fairness", "calibration"],
    "diabetes": ["threshold", "beats_baseline"],
}


@mark.parametrize("example", ["credit", "diabetes"])
def test_an_example_is_ready(example: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    checklist = f"examples/{example}/mlready.toml"
    quality = [
        f"{checklist}::quality.{name}" for name in QUALITY[example]
    ]  # which is quick's, and the profile is smoke
    nodes = [f"examples/{example}", *quality, f"--mlready-report={report}"]
    command = [sys.executable, "-m", "pytest", "--mlready", *nodes]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    judged = json.loads((report / "report.json").read_text())
    assert judged["verdict"]["state"] == "READY"
    assert not [one for one in judged["checks"] if one["status"] in {"fail", "error"}]
    assert {one["id"] for one in judged["checks"] if one["status"] == "pass"} >= {
        f"quality.{name}" for name in QUALITY[example]
    }
