"""The reference service's models without the service, for settings of tests that name a callable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def answers(rows: Rows) -> list[Mapping[str, Any]]:
    """The label and probabilities of each row, by the published breast cancer model of version 1.0.0."""
    return _answers("breast-cancer", rows)


def credit(rows: Rows) -> list[Mapping[str, Any]]:
    """The same of the credit model."""
    return _answers("credit", rows)


def _answers(model: str, rows: Rows) -> list[Mapping[str, Any]]:
    import numpy as np

    from reference_service.artifacts.registry import Registry
    from reference_service.model.predictor import element_of

    snapshot = Registry(Path(__file__).resolve().parents[1] / "models", model).load("1.0.0")
    matrix = np.array([list(row.values()) for row in rows], dtype=element_of(snapshot.metadata))
    classes = snapshot.metadata["classes"]
    named = [dict(zip(classes, one, strict=True)) for one in snapshot.estimator.predict_proba(matrix).tolist()]
    return [{"prediction": max(one, key=lambda name: one[name]), "probabilities": one} for one in named]
