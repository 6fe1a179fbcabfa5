"""What evidently makes of data sets: `PYTHON benchmarks/drift_evidently.py DIRECTORY [--seconds | --rules]`.

PYTHON is an interpreter of an environment with evidently==0.7.23 and pandas<3. DIRECTORY holds `.npz` files of arrays
`before.NAME` and `after.NAME`. Prints, as JSON, for each file the columns that its default preset calls drifted; with
`--seconds`, the CPU seconds of one report instead; with `--rules`, of every column the method, the value, its threshold
and whether that is drift, and beside them the share of drifted columns and the share that makes a data set drifted.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

P_VALUES = "p_value"


def main(arguments: list[str]) -> int:
    """Report on every file."""
    warnings.simplefilter("ignore")
    directory, *flags = arguments
    found: list[Any] = []
    for path in sorted(Path(directory).glob("*.npz"), key=lambda one: int(one.stem)):
        with np.load(path) as arrays:
            before, after = (_frame(arrays, side) for side in ("before.", "after."))
        began = time.process_time()
        report = Report([DataDriftPreset()]).run(after, before).dict()
        if "--seconds" in flags:
            print(time.process_time() - began)
            return 0
        drifted = [one["config"]["column"] for one in report["metrics"] if _drifted(one)]
        found.append(_rules(report["metrics"]) if "--rules" in flags else drifted)
    print(json.dumps(found))
    return 0


def _frame(arrays: Any, side: str) -> Any:
    """Levels are texts; -1 and "" are missing."""
    columns = {name.removeprefix(side): arrays[name] for name in arrays if name.startswith(side)}
    texts = {name: [None if one == -1 else f"level {one}" for one in column] for name, column in columns.items()
             if name.startswith("level") and column.dtype.kind == "i"}  # fmt: skip
    texts |= {name: [one or None for one in column.tolist()] for name, column in columns.items()
              if column.dtype.kind == "U"}  # fmt: skip
    return pd.DataFrame({**columns, **texts})


def _rules(metrics: list[dict[str, Any]]) -> dict[str, Any]:
    rules = {
        one["config"]["column"]: [
            one["config"]["method"],
            float(one["value"]),
            one["config"]["threshold"],
            _drifted(one),
        ]
        for one in metrics
        if "column" in one["config"]
    }
    whole = next(one for one in metrics if "drift_share" in one["config"])
    return {"columns": rules, "share": whole["value"]["share"], "threshold": whole["config"]["drift_share"]}


def _drifted(metric: dict[str, Any]) -> bool:
    """Whether a column's statistic is on the wrong side of evidently's own threshold for it."""
    config = metric["config"]
    if "column" not in config or "threshold" not in config:
        return False
    value, threshold = float(metric["value"]), float(config["threshold"])
    return value < threshold if P_VALUES in config["method"].replace("-", "_") else value >= threshold


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
