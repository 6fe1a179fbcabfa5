"""Services that are not the reference service: where they live, how they lay out their bodies, what they demand."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from pytest_mlready.openloop.document import read
from tests.plugin.stub_service import Stub, server
from tests.real.loadtests.conftest import ROOT, locust

FEW = ("--headless", "--only-summary", "--rate", "40", "--duration", "2", "--slo-p99-ms", "60000", "--result", "result")


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
