"""The reference service's model without the service, for `[relations] reference` in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def answers(rows: Sequence[Mapping[str, float]]) -> list[Mapping[str, Any]]:
    """The label and probabilities of each row, by the published model of version 1.0.0."""
    from reference_service.artifacts.registry import Registry

    snapshot = Registry(Path(__file__).resolve().parents[1] / "models", "breast-cancer").load("1.0.0")
    classes = snapshot.metadata["classes"]
    found = snapshot.estimator.predict_proba([list(row.values()) for row in rows]).tolist()
    named = [dict(zip(classes, shares, strict=True)) for shares in found]
    return [{"prediction": max(one, key=lambda name: one[name]), "probabilities": one} for one in named]
