"""A project of a user's, with a stub service, for each test of the plugin."""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Iterator

from pytest import MonkeyPatch, Pytester, fixture

from pytest_mlready import active as active
from pytest_mlready import evidence
from pytest_mlready.catalogue import checks
from pytest_mlready.service import target as target
from tests.plugin.project import Project
from tests.plugin.stub_service import Stub, server

# pytester forgets what a run in this process imported: a second copy of a module raises errors that the first does not
# know, and numpy and scipy cannot be imported twice.
checks()
for each in ("special", "optimize", "stats"):
    importlib.import_module(f"scipy.{each}")
for one in pkgutil.iter_modules(evidence.__path__):
    importlib.import_module(f"{evidence.__name__}.{one.name}")


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
