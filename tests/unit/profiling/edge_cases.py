"""The cases on which drift detectors break: a column that the reference has 2,000 rows of, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_mlready.measure.drift.panel import Word

ROWS = 2000


@dataclass(frozen=True)
class Case:
    """A column on both sides, and the verdict that is right."""

    name: str
    reference: Any
    current: Any
    verdict: Word


def cases(seed: int = 1) -> tuple[Case, ...]:
    """All of them."""
    rng = np.random.default_rng(seed)
    normal, again = rng.normal(size=ROWS), rng.normal(size=ROWS)
    levels, more = (rng.choice(["a", "b", "c"], ROWS).astype(object) for _ in range(2))
    big = 2**60
    return (
        Case("5% NaN", normal, _with(rng, again, 0.05, np.nan), "fail"),
        Case("50% NaN", normal, _with(rng, again, 0.5, np.nan), "fail"),
        Case("all NaN", normal, np.full(ROWS, np.nan), "fail"),
        Case("all NaN in the reference", np.full(ROWS, np.nan), normal, "fail"),
        Case("1% infinite", normal, _with(rng, again, 0.01, np.inf), "fail"),
        Case("constant, the same", np.ones(ROWS), np.ones(ROWS), "pass"),
        Case("constant 1, now 2", np.ones(ROWS), np.full(ROWS, 2.0), "fail"),
        Case("constant, now varies", np.ones(ROWS), normal, "fail"),
        Case("varies, now constant", normal, np.zeros(ROWS), "fail"),
        Case("integers about 2**60", rng.integers(-5, 5, ROWS), rng.integers(big, big + 10, ROWS), "fail"),
        Case("booleans, no drift", rng.random(ROWS) < 0.3, rng.random(ROWS) < 0.3, "pass"),
        Case("numbers as texts", normal, again.astype(str).astype(object), "fail"),
        Case("texts that became numbers", levels, again, "fail"),
        Case("5% of an unseen level", levels, _with(rng, more, 0.05, "new"), "fail"),
        Case("5% None among levels", levels, _with(rng, more, 0.05, None), "fail"),
        Case("all None among levels", levels, np.full(ROWS, None), "fail"),
        Case("levels, no drift", levels, more, "pass"),
        Case("levels of odd texts", _odd(rng), _odd(rng), "pass"),
        Case("identifiers, all different", _ids(0), _ids(ROWS), "pass"),
        Case("both zeros", np.where(normal > 0, 0.0, 1.0), np.where(again > 0, -0.0, 1.0), "pass"),
        Case("values beyond 32 bits", np.exp(700 * normal / 6), np.exp(700 * again / 6), "pass"),
        Case("5 rows", normal, again[:5], "inconclusive"),
        Case("1 row", normal, again[:1], "inconclusive"),
        Case("no rows", normal, again[:0], "inconclusive"),
    )


def tables(case: Case) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The column beside one that never drifts, as columns by name."""
    rng = np.random.default_rng(2)
    return tuple({"x": column, "calm": rng.normal(size=len(column))} for column in (case.reference, case.current))  # type: ignore[return-value]


def _with(rng: np.random.Generator, column: Any, share: float, value: object) -> Any:
    changed = column.copy()
    changed[rng.random(len(column)) < share] = value
    return changed


def _odd(rng: np.random.Generator) -> Any:
    return rng.choice(["", " ", "NaN", "naïve", "\ud800", "a" * 1000], ROWS).astype(object)


def _ids(first: int) -> Any:
    return np.array([f"id{number}" for number in range(first, first + ROWS)], dtype=object)
