"""The rollback drill against a server of another project: MLServer, by its model repository API.

It needs the command `mlserver` (`pip install mlserver mlserver-sklearn 'uvloop<0.22'` in an environment of its own), on
the PATH or named by the environment variable MLREADY_TEST_MLSERVER; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MLSERVER = os.environ.get("MLREADY_TEST_MLSERVER") or shutil.which("mlserver")
pytestmark = pytest.mark.skipif(MLSERVER is None, reason="the command mlserver is not installed")
RUNTIME = '''
"""Two versions of an iris classifier, with a route that takes one row."""
import joblib
from mlserver import MLModel
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class Iris(MLModel):
    async def load(self) -> bool:
        self.model = joblib.load(await get_model_uri(self.settings))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        raise NotImplementedError

    @custom_handler(rest_path="/classify")
    async def classify(self, payload: dict) -> dict:
        shares = self.model.predict_proba([payload["features"]])[0]
        return {"prediction": int(shares.argmax()), "probabilities": shares.tolist()}
'''
TRAINING = """
import csv, joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

data = load_iris()
joblib.dump(LogisticRegression(max_iter=1000).fit(data.data, data.target), "repository/1.joblib")
joblib.dump(DecisionTreeClassifier(max_depth=3, random_state=1).fit(data.data, data.target), "repository/2.joblib")
with open("rows.csv", "w") as file:
    csv.writer(file).writerows([["a", "b", "c", "d"], *data.data[::5].tolist()])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two trained versions, of which a file says which is loaded, and a checklist."""
    directory = tmp_path_factory.mktemp("mlserver")
    repository = directory / "repository"
    repository.mkdir()
    (repository / "iris_runtime.py").write_text(RUNTIME)
    python = Path(str(MLSERVER)).resolve().parent / "python"
    subprocess.run([python, "-c", TRAINING], cwd=directory, check=True)
    for version in ("1", "2"):
        settings = {
            "name": "iris",
            "implementation": "iris_runtime.Iris",
            "parameters": {"version": version, "uri": f"./{version}.joblib"},
        }
        (directory / f"settings-{version}.json").write_text(json.dumps(settings))
    shutil.copy(directory / "settings-1.json", repository / "model-settings.json")
    grpc, metrics = free_port(), free_port()
    (repository / "settings.json").write_text(
        json.dumps({"parallel_workers": 0, "host": "127.0.0.1", "grpc_port": grpc, "metrics_port": metrics})
    )
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "mlready.toml").write_text(f"""
[service]
command = "env MLSERVER_HTTP_PORT={{port}} {MLSERVER} start repository"
ready_timeout_s = 90
paths = {{ ready = "/v2/health/ready", live = "/v2/health/live" }}
json = {{ predict = "/classify", row = "features", probabilities = "probabilities" }}

[inputs]
rows = "rows.csv"

[deployment]
api = "repository"
model = "iris"
versions = ["1", "2"]
select = "cp settings-{{version}}.json repository/model-settings.json"
acknowledge_s = 10
first_answer_s = 5
""")
    return directory


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def test_the_drill_swaps_the_versions_of_another_projects_server(project: Path) -> None:
    names = ("rollback_restores", "rollback_under_load", "unknown_version_refused", "left_as_found", "idempotent")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_mlready.plugin", "-p", "no:cacheprovider", "--mlready"]
        + [f"mlready.toml::deployment.{name}" for name in names],
        cwd=project,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    report: Any = json.loads((project / "mlready-report" / "report.json").read_text())
    found = {one["id"].partition(".")[2]: one for one in report["checks"]}
    said = {name: (found[name]["status"], found[name]["reason"]) for name in names}
    assert {name: said[name][0] for name in names} == dict.fromkeys(names, "pass"), (said, done.stdout)
    assert json.loads((project / "repository" / "model-settings.json").read_text())["parameters"]["version"] == "1"
