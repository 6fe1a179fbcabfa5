"""Models on real data, honest and with a defect planted, judged by the checks of quality; for quality_errors.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_mlready.catalogue import checks
from pytest_mlready.records import LabelledAnswers, Prediction
from pytest_mlready.records.quality import Answers
from pytest_mlready.settings import parse
from reference_service.training.credit_data import credit
from reference_service.training.recipes import RECIPES

Shares = np.ndarray
Change = Callable[[Shares, np.ndarray, np.random.Generator], Shares]
"""What a defect makes of the probabilities (or numbers) of rows, given the column that parts them."""


@dataclass(frozen=True)
class Data:
    """Rows, their truth, a column that parts them, and what is demanded of a model of them."""

    rows: np.ndarray
    truth: np.ndarray
    part: np.ndarray
    demanded: dict[str, Any] = field(default_factory=dict)
    model: Callable[[], Any] = lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def data_sets() -> dict[str, Data]:
    """Four that scikit-learn ships, and the synthetic applicants, of whom women and men are alike by construction."""
    made = {}
    for name, threshold, floor in (("breast_cancer", 0.9, 0.75), ("wine", 0.85, 0.6), ("digits", 0.9, 0.7)):
        found = getattr(datasets, f"load_{name}")()
        part = np.where(found.data[:, 2] > np.median(found.data[:, 2]), "high", "low")
        made[name] = Data(
            found.data, found.target.astype(str), part, {"threshold": threshold, "slice_floor": floor, "gain": 0.1}
        )
    found = datasets.load_diabetes(scaled=False)
    part = np.where(found.data[:, 2] > np.median(found.data[:, 2]), "high", "low")
    demanded = {"metric": "mae", "threshold": 55.0, "gain": 2.0, "slice_floor": 52.0}
    ridge = lambda: make_pipeline(StandardScaler(), Ridge())  # noqa: E731
    made["diabetes"] = Data(found.data, found.target, part, demanded, ridge)
    loans = credit()
    rows = np.concatenate([loans.train_rows, loans.held_out_rows])
    truth = np.concatenate([loans.train_labels, loans.held_out_labels])
    if loans.protected is None:
        raise RuntimeError("the applicants have no protected group")
    sex = np.concatenate([loans.protected.train, loans.protected.held_out])
    demanded = {"threshold": 0.7, "slice_floor": 0.65, "gain": 0.02, "group": "part"}
    made["credit"] = Data(rows, truth, sex, demanded, RECIPES["credit"].pipelines["1.0.0"])
    return made


DEFECTS: dict[str, tuple[str, Change, frozenset[str]]] = {
    "labels shuffled": ("threshold", lambda said, part, rng: rng.permutation(said), frozenset()),
    "majority class": (
        "beats_baseline",
        lambda said, part, rng: np.tile(said.mean(axis=0), (len(said), 1)),
        frozenset(),
    ),
    "one slice broken": (
        "slices",
        lambda said, part, rng: np.where((part == part[0])[:, None], _wrong(said, rng), said),
        frozenset(),
    ),
    "threshold of one group": (
        "fairness",
        lambda said, part, rng: _normal(np.where((part == part[0])[:, None], said * [1.8, 1], said)),
        frozenset({"credit"}),
    ),
    "always very sure": (
        "calibration",
        lambda said, part, rng: _normal(np.where(said == said.max(axis=1, keepdims=True), 1.0, 0.001)),
        frozenset({"credit"}),
    ),
    "3% of labels flipped": ("optimised_parity", lambda said, part, rng: _flipped(said, rng), frozenset({"credit"})),
    "preprocessing skipped": ("offline_parity", lambda said, part, rng: _normal(said**0.8), frozenset()),
    "an older, worse version": (
        "not_worse",
        lambda said, part, rng: np.where(rng.random(len(said))[:, None] < 0.3, rng.permutation(said), said),
        frozenset(),
    ),
}
"""By name: the check that must fail, what is planted, and the data sets that it is planted in (all, if none)."""
HONEST = ("threshold", "beats_baseline", "not_worse", "slices", "fairness", "calibration", "offline_parity",
          "optimised_parity")  # fmt: skip


def judged_models(runs: int, seed: int) -> Iterator[tuple[str, str, str, str]]:
    """Data set, what is planted ("honest": nothing), check and its status; one of each for every split of the rows."""
    for name, data in data_sets().items():
        for run in range(runs):
            rng = np.random.default_rng([seed, run])
            stratify = data.truth if data.truth.dtype.kind == "U" else None
            seen, held = train_test_split(
                np.arange(len(data.truth)), test_size=0.5, random_state=run, stratify=stratify
            )
            model = data.model().fit(data.rows[seen], data.truth[seen])
            said, classes = _asked(model, data.rows[held])
            honest = _record(data, held, said, said, classes)
            for check in HONEST if "group" in data.demanded else [one for one in HONEST if one != "fairness"]:
                yield name, "honest", check, _judge(check, honest, data)
            for defect, (check, change, only) in DEFECTS.items():
                if (only and name not in only) or (classes == () and check in {"fairness", "calibration"}):
                    continue
                changed = change(said, data.part[held], rng)
                yield name, defect, check, _judge(check, _record(data, held, changed, said, classes), data)


def _asked(model: Any, rows: np.ndarray) -> tuple[Shares, tuple[str, ...]]:
    if not hasattr(model, "classes_"):
        return model.predict(rows)[:, None], ()
    return model.predict_proba(rows), tuple(map(str, model.classes_))


def _record(data: Data, held: np.ndarray, said: Shares, honest: Shares, classes: tuple[str, ...]) -> LabelledAnswers:
    truth = tuple(data.truth[held].tolist())
    offline = _answers(honest, classes)
    beside = {"part": tuple(data.part[held].tolist())}
    made = LabelledAnswers(truth, _answers(said, classes), len(truth), beside=beside)
    return replace(made, offline=offline, unoptimised=offline, previous=offline)


def _answers(said: Shares, classes: tuple[str, ...]) -> Answers:
    if not classes:
        return tuple(Prediction(float(one)) for one in said[:, 0])
    labels = said.argmax(axis=1)
    rows = zip(labels.tolist(), said.tolist(), strict=True)
    return tuple(Prediction(classes[label], tuple(shares), classes=classes) for label, shares in rows)


def _judge(check: str, record: LabelledAnswers, data: Data) -> str:
    quality = {"offline": "model:predict", "unoptimised": "model:predict", "previous": "answers.json"}
    table = {**quality, "slices": ["part"], "calibration_error": 0.1, **data.demanded}
    made = parse({"service": {"url": "http://x"}, "quality": table}, source="quality_errors", directory=Path())
    return str(checks()[f"quality.{check}"].function(record, made).status)


def _wrong(said: Shares, rng: np.random.Generator) -> Shares:
    """Every class is called by the name of the next; numbers are somebody else's."""
    return np.roll(said, 1, axis=1) if said.shape[1] > 1 else rng.permutation(said)


def _normal(said: Shares) -> Shares:
    return said / said.sum(axis=1, keepdims=True) if said.shape[1] > 1 else said


def _flipped(said: Shares, rng: np.random.Generator) -> Shares:
    """3% of the rows, those nearest the threshold, get the other label."""
    order = np.argsort(np.abs(said[:, 0] - said[:, 1]))[: round(0.03 * len(said))]
    changed = said.copy()
    changed[order] = changed[order, ::-1]
    return changed
