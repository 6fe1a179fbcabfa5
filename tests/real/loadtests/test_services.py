"""Services that are not the reference service: where they live, how they lay out their bodies, what they demand."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_mlready.openloop.document import read
from tests.plugin.stub_service import Stub, server
from tests.real.loadtests.conftest import ROOT, locust

FEW = ("--headless", "--only-summary", "--rate", "40", "--duration", "2", "--slo-p99-ms", "60000", "--result", "result")


INVOCATIONS = """
[service]
url = "http://elsewhere"
headers = { Authorization = "Bearer of-the-file", X-Team = "scoring" }
paths = { ready = "/ping" }

[service.json]
predict = "/invocations"
row = "dataframe_records"
shape = "object"
nested = true

[inputs]
rows = "rows.csv"
label = "outcome"
"""
ROWS = "age,city,outcome\n41,Graz,1\n17,,0\n"


@dataclass
class Invocations(Stub):
    """Takes lists of named rows, as MLflow does; keeps what it was asked."""

    bodies: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        self.bodies.append((path, body.decode()))
        if path == "/ping":
            return 200, {}
        records = json.loads(body).get("dataframe_records")
        whole = isinstance(records, list) and all(isinstance(one, dict) and "city" in one for one in records)
        return (200, {"predictions": [0]}) if path == "/invocations" and whole else (400, {})


@contextlib.contextmanager
def served(stub: Stub) -> Iterator[str]:
    with server(stub) as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()


def test_requests_go_below_the_path_of_the_host(tmp_path: Path) -> None:
    stub = Stub()
    with served(stub) as url:
        locust(url + "/models/a/", tmp_path, "-f", str(ROOT / "loadtests"), "Mixed", *FEW)
    assert {path for _, _, path, _ in stub.requests} == {
        "/models/a/predict",
        "/models/a/predict/batch",
        "/models/a/health/live",
    }
    assert sum(one.sent for one in read(tmp_path / "result" / "mixed").classes) <= len(stub.requests)


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two processes"])
def test_a_service_is_spoken_to_as_its_file_declares(tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "mlready.toml").write_text(INVOCATIONS)
    (tmp_path / "rows.csv").write_text(ROWS)
    words = ("-f", str(ROOT / "loadtests"), "Mixed", "--mlready-toml", "mlready.toml", *processes)
    secret = ("--header", "authorization: Bearer of-the-line")
    stub = Invocations()
    with served(stub) as url:
        _, output = locust(url, tmp_path, *words, *secret, *FEW)
    one, other = '{"age":41.0,"city":"Graz"}', '{"age":17.0,"city":null}'
    assert set(stub.bodies) == {
        ("/ping", ""),
        ("/invocations", f'{{"dataframe_records":[{one}]}}'),
        ("/invocations", f'{{"dataframe_records":[{other}]}}'),
        ("/invocations", f'{{"dataframe_records":[{one},{other}]}}'),
        ("/invocations", '{"dataframe_records":[{"age":41.0}]}'),
        ("/invocations", '{"dataframe_records":["text"]}'),
        ("/invocations", "{}"),
    }
    assert {authorization for *_, authorization in stub.requests} == {"Bearer of-the-line"}
    load = read(tmp_path / "result" / "mixed")
    assert {kind.name: set(kind.statuses) for kind in load.classes} == {
        "predict": {"200"}, "batch": {"200"}, "health": {"200"}, "invalid": {"400"}
    }  # fmt: skip
    assert "of-the-" not in output


def test_a_header_may_come_from_the_environment(tmp_path: Path) -> None:
    stub = Stub()
    with served(stub) as url:
        words = ("-f", str(ROOT / "loadtests/steady.py"), *FEW)
        _, output = locust(url, tmp_path, *words, LOCUST_HEADER="Authorization: Bearer hidden")
    assert {authorization for *_, authorization in stub.requests} == {"Bearer hidden"}
    assert "hidden" not in output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--header", "hidden"), "argument --header: must be 'Name: value'"),
        (("--mlready-toml", "none.toml"), "argument --mlready-toml: none.toml declares no [service.json], such as"),
        (("--mlready-toml", "bad.toml"), "argument --mlready-toml: [service.json] has no key 'rows'"),
    ],
)
def test_a_wrong_declaration_is_refused_before_the_load(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "none.toml").write_text('[service]\nurl = "http://h"\n')
    (tmp_path / "bad.toml").write_text('[service.json]\nrows = "x"\n')
    code, output = locust("http://127.0.0.1:9", tmp_path, "-f", str(ROOT / "loadtests"), *FEW, *words)
    assert code == 2
    assert said in output
    assert "hidden" not in output
    assert "Traceback" not in output
