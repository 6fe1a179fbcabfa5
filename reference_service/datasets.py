"""The data sets that scikit-learn ships, split once into what training sees and what it never does."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import train_test_split

SPLIT_SEED = 20
HELD_OUT = 0.25


@dataclass(frozen=True)
class Dataset:
    """One supervised problem: features by row, labels as text for classes or numbers for a regression."""

    source: str
    label: str
    features: tuple[str, ...]
    train_rows: NDArray[np.float64]
    train_labels: NDArray[Any]
    held_out_rows: NDArray[np.float64]
    held_out_labels: NDArray[Any]
    digest: str

    def sample_csv(self) -> bytes:
        """The held-out rows with their labels, at full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*self.features, self.label])
        for row, label in zip(self.held_out_rows.tolist(), self.held_out_labels.tolist(), strict=True):
            writer.writerow([*map(repr, row), label])
        return text.getvalue().encode()


def breast_cancer() -> Dataset:
    """Is a tumour malignant? 569 rows, 30 measurements of cell nuclei."""
    found = datasets.load_breast_cancer()
    labels = found.target_names[found.target].astype(str)
    return _split("sklearn.datasets.load_breast_cancer", "diagnosis", found.feature_names, found.data, labels)


def diabetes() -> Dataset:
    """Progression of diabetes after one year: 442 rows, 10 measurements in their own units."""
    found = datasets.load_diabetes(scaled=False)
    return _split(
        "sklearn.datasets.load_diabetes(scaled=False)", "progression", found.feature_names, found.data, found.target
    )


def _split(source: str, label: str, names: Any, rows: NDArray[np.float64], labels: NDArray[Any]) -> Dataset:
    stratify = labels if labels.dtype.kind == "U" else None
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        rows, labels, test_size=HELD_OUT, random_state=SPLIT_SEED, stratify=stratify
    )
    digest = hashlib.sha256(np.ascontiguousarray(rows).tobytes() + repr(labels.tolist()).encode()).hexdigest()
    features = tuple(str(name) for name in names)
    return Dataset(source, label, features, seen, seen_labels, unseen, unseen_labels, digest)
