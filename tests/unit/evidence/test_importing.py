"""What is imported while a service starts, and the full collection of garbage that so many new objects bring about."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from pytest_mlready.evidence.importing import imported_meanwhile


def test_gatherers_are_imported_and_garbage_is_collected_before_the_block_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collected: list[int] = []

    def seen(phase: str, info: dict[str, Any]) -> None:
        collected.append(info["generation"])

    monkeypatch.delitem(sys.modules, "pytest_mlready.evidence.golden", raising=False)
    gc.callbacks.append(seen)
    try:
        with imported_meanwhile(["golden", "no_such_evidence"]):
            pass
    finally:
        gc.callbacks.remove(seen)
    assert "pytest_mlready.evidence.golden" in sys.modules
    assert 2 in collected
