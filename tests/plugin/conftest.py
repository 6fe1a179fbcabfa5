"""A project of a user's, with a stub service, for each test of the plugin."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

from pytest import MonkeyPatch, Pytester, fixture

# pytester forgets modules that a run in this process imported; numpy, for one, cannot be imported twice.
from pytest_mlready import active as active
from pytest_mlready.catalogue import checks
from pytest_mlready.evidence import acquaintance as acquaintance
from tests.plugin.project import Project
from tests.plugin.stub_service import Stub, server

checks()


@fixture
def project(pytester: Pytester, monkeypatch: MonkeyPatch) -> Iterator[Project]:
    """A project whose service runs in a thread; what it is asked stands in `project.stub.requests`."""
    for name in [one for one in os.environ if one.startswith(("PYTEST_XDIST", "PYTEST_ADDOPTS"))]:
        monkeypatch.delenv(name)
    stub = Stub()
    with server(stub) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Project(pytester, monkeypatch, f"http://127.0.0.1:{served.server_port}", stub)
        served.shutdown()
        thread.join()
