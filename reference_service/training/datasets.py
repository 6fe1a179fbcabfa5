"""What is learnt from: rows and labels, split once into what training sees and what it never does."""

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

from reference_service.model.columns import Cell, Column

SPLIT_SEED = 20
HELD_OUT = 0.25


@dataclass(frozen=True)
class Protected:
    """Which group each row belongs to: no input of the model, but what its errors are compared by."""

    column: str
    train: NDArray[np.str_]
    held_out: NDArray[np.str_]

    def described(self) -> dict[str, Any]:
        """The column, and how many held-out rows each group has: its errors are known as well as these allow."""
        groups, counts = np.unique(self.held_out, return_counts=True)
        return {"column": self.column, "groups": dict(zip(groups.tolist(), counts.tolist(), strict=True))}


@dataclass(frozen=True)
class Dataset:
    """One supervised problem: features by row, labels as text for classes or numbers for a regression.

    Rows are doubles; objects where a column has categories, or where a value may be missing, which is None.
    """

    source: str
    label: str
    columns: tuple[Column, ...]
    train_rows: NDArray[Any]
    train_labels: NDArray[Any]
    held_out_rows: NDArray[Any]
    held_out_labels: NDArray[Any]
    digest: str
    protected: Protected | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def sample_csv(self) -> bytes:
        """The held-out rows, at full precision, with their labels and the protected group if there is one."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        beside = [(self.label, self.held_out_labels.tolist())]
        if self.protected is not None:
            beside.append((self.protected.column, self.protected.held_out.tolist()))
        writer.writerow([*self.features, *(name for name, _ in beside)])
        for row, *others in zip(self.held_out_rows.tolist(), *(values for _, values in beside), strict=True):
            writer.writerow([*map(_written, row), *others])
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
    columns = tuple(Column(str(name)) for name in names)
    return Dataset(source, label, columns, seen, seen_labels, unseen, unseen_labels, digest_of(rows, labels))


def digest_of(rows: NDArray[Any], labels: NDArray[Any]) -> str:
    """What tells these data from any others."""
    content = repr(rows.tolist()).encode() if rows.dtype == object else np.ascontiguousarray(rows).tobytes()
    return hashlib.sha256(content + repr(labels.tolist()).encode()).hexdigest()


def _written(cell: Cell) -> str:
    """A cell of a CSV file, empty for a missing value."""
    return "" if cell is None else cell if isinstance(cell, str) else repr(cell)
