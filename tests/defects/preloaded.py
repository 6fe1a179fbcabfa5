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
for name in ("skops.io", "sklearn.pipeline", "sklearn.linear_model", "hypothesis", "uvicorn.loops.auto"):
    importlib.import_module(name)
gc.freeze()
