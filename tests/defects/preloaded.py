"""Imports what runs of defects and their services use; see `warm`."""

from __future__ import annotations

import gc
import importlib
import pkgutil

from pytest_mlready import evidence
from pytest_mlready.catalogue import checks
from tests.defects import serving as serving
from tests.defects.planting import declared

checks()
declared()
for one in pkgutil.iter_modules(evidence.__path__):
    importlib.import_module(f"{evidence.__name__}.{one.name}")
SERVICE = ("skops.io", "sklearn.pipeline", "sklearn.linear_model", "uvicorn.loops.auto")
RUN = ("hypothesis", "openapi_spec_validator", "pytest_mlready.active", "pytest_mlready.report.terminal")
for name in (*SERVICE, *RUN):
    importlib.import_module(name)
gc.freeze()
