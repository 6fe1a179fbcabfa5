"""The drift monitor's error rates: `python benchmarks/drift_monitor.py [--quick] [--runs N] [--json FILE]`.

In process: the service's own window and panel, with its default settings, see the rows that requests would have
brought. QUIET: 5,000 rows of traffic like the training data; no look may call any feature drifted in 299 of 300 runs.
FIRE: after a full quiet window one feature is shifted; the monitor must name it within 3,000 rows. RECOVER: it must be
quiet again within 1,500 rows of clean traffic.

Traffic comes from four sources: training rows drawn again and again; the rows of the published sample.csv, which
training never saw, drawn likewise, so that a window holds each of few rows many times; the same with another random
split of the data in every run; and a population of new rows, of which both the training data and the traffic are drawn
in every run. Bounds are 95% Clopper-Pearson.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference_service.drift.monitor import ALPHA, HORIZON_LOOKS
from reference_service.drift.panel import DRIFT, QUIET, Finding, Panel
from reference_service.drift.profile import Profile
from reference_service.drift.window import Window, newest
from reference_service.model.columns import Cell
from reference_service.settings import Settings
from reference_service.training.datasets import Dataset
from reference_service.training.recipes import RECIPES

Rows = list[list[Cell]]
WINDOW = Settings().drift_window
QUIET_ROWS, FIRE_ROWS, RECOVER_ROWS = 5000, 3000, 1500
STEP = 50
"""Rows between two questions whether a look is due."""
SENTINEL = -999.0
UNSEEN = "a level that training never saw"


class Monitor:
    """The window and the panel as the service puts them together, with a look whenever one is due."""

    def __init__(self, profile: Profile) -> None:
        self.panel = Panel(profile, ALPHA, HORIZON_LOOKS)
        self.window = Window(WINDOW)

    def looks(self, draw: Callable[[int], Rows], rows: int) -> Iterator[tuple[int, list[Finding]]]:
        """Send rows, and yield each look with the number of rows sent until then."""
        for sent in range(STEP, rows + 1, STEP):
            self.window.observe(draw(STEP))
            if self.window.due():
                yield sent, self.panel.judge(newest(self.window.take(sent), WINDOW))


@dataclass
class Source:
    """A profile, and rows that requests are drawn from."""

    profile: Profile
    pool: Rows

    def draw(self, rng: np.random.Generator) -> Callable[[int], Rows]:
        """Draws rows with replacement."""
        return lambda count: [self.pool[i] for i in rng.integers(len(self.pool), size=count)]


def training(data: Dataset, rng: np.random.Generator) -> Source:
    """Training rows."""
    return Source(profile_of(data), listed(data.train_rows))


def sample(data: Dataset, rng: np.random.Generator) -> Source:
    """The rows of sample.csv."""
    return Source(profile_of(data), listed(data.held_out_rows))


def split(data: Dataset, rng: np.random.Generator) -> Source:
    """As `sample`, with another split."""
    rows = [*listed(data.train_rows), *listed(data.held_out_rows)]
    order = rng.permutation(len(rows))
    cut = len(data.train_rows)
    return Source(Profile.of(data.features, [rows[i] for i in order[:cut]]), [rows[i] for i in order[cut:]])


def population(data: Dataset, rng: np.random.Generator) -> Source:
    """New rows: every feature drawn by itself along its quantiles, for training and for traffic."""
    rows = [*listed(data.train_rows), *listed(data.held_out_rows)]
    columns = [drawn(column, len(data.train_rows) + QUIET_ROWS, rng) for column in zip(*rows, strict=True)]
    new = [list(row) for row in zip(*columns, strict=True)]
    return Source(Profile.of(data.features, new[: len(data.train_rows)]), new[len(data.train_rows) :])


def drawn(column: tuple[Cell, ...], count: int, rng: np.random.Generator) -> list[Cell]:
    """Cells like those of a column; numbers with many values also between those that occur."""
    found = [column[i] for i in rng.integers(len(column), size=count)]
    numbers = sorted(cell for cell in column if isinstance(cell, float))
    if len(set(numbers)) < 50:
        return found
    between = np.quantile(numbers, rng.random(count)).tolist()
    return [cell if cell is None else new for cell, new in zip(found, between, strict=True)]


def profile_of(data: Dataset) -> Profile:
    """The profile that training publishes."""
    return Profile.read(Profile.of(data.features, listed(data.train_rows)).to_json())


def listed(rows: Any) -> Rows:
    """Rows as the service holds them."""
    found: Rows = rows.tolist()
    return found


def quiet(source: Source, rng: np.random.Generator) -> tuple[int, list[str]]:
    """Looks, and the features that any of them called drifted."""
    looks, named = 0, set()
    for _, findings in Monitor(source.profile).looks(source.draw(rng), QUIET_ROWS):
        looks += 1
        named |= {finding.name for finding in findings if finding.verdict == DRIFT}
    return looks, sorted(named)


Shift = Callable[[Cell, float, np.random.Generator], Cell]
NUMERIC_SHIFTS: dict[str, Shift] = {
    "+0.5 sd": lambda cell, sd, rng: cell + sd / 2 if isinstance(cell, float) else cell,
    "x1000 in 10%": lambda cell, sd, rng: cell * 1000 if isinstance(cell, float) and rng.random() < 0.1 else cell,
    "5% sentinel": lambda cell, sd, rng: SENTINEL if rng.random() < 0.05 else cell,
    "5% missing": lambda cell, sd, rng: None if rng.random() < 0.05 else cell,
}
CATEGORICAL_SHIFTS: dict[str, Shift] = {
    "5% unseen level": lambda cell, sd, rng: UNSEEN if rng.random() < 0.05 else cell,
    "5% missing": lambda cell, sd, rng: None if rng.random() < 0.05 else cell,
}


@dataclass
class Fired:
    """One shift of one feature: rows until it was named and until all was quiet again, and who else was named."""

    after: int | None = None
    strays: int = 0
    recovered: int | None = None


def fire(source: Source, feature: int, shift: Shift, rng: np.random.Generator) -> Fired:
    """QUIET for a window, then FIRE, then RECOVER."""
    result, name, draw = Fired(), source.profile.features[feature].name, source.draw(rng)
    numbers = [row[feature] for row in source.pool if isinstance(row[feature], float)]
    sd = float(np.std(np.array(numbers, dtype=np.float64))) if numbers else 0.0

    def shifted(count: int) -> Rows:
        return [[shift(cell, sd, rng) if i == feature else cell for i, cell in enumerate(row)] for row in draw(count)]

    monitor, strays = Monitor(source.profile), set()
    for _ in monitor.looks(draw, WINDOW):
        pass
    for sent, findings in monitor.looks(shifted, FIRE_ROWS):
        named = {finding.name for finding in findings if finding.verdict == DRIFT}
        strays |= named - {name}
        if name in named and result.after is None:
            result.after = sent
        if result.after is not None and sent >= WINDOW:
            break
    result.strays = len(strays)
    for sent, findings in monitor.looks(draw, RECOVER_ROWS):
        if all(finding.verdict == QUIET for finding in findings):
            result.recovered = sent
            break
    return result


def upper(count: int, runs: int) -> float:
    """95% one-sided Clopper-Pearson bound."""
    return 1.0 if count == runs else float(stats.beta.ppf(0.95, count + 1, runs - count))


def lower(count: int, runs: int) -> float:
    """95% one-sided Clopper-Pearson bound."""
    return 0.0 if count == 0 else float(stats.beta.ppf(0.05, count, runs - count + 1))


def main() -> int:
    """Print the tables, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 quiet runs, one fire of every third feature")
    parser.add_argument("--runs", type=int, help="quiet runs a cell (300)")
    parser.add_argument("--fires", type=int, help="runs of each feature and shift (as many as make 30)")
    parser.add_argument(
        "--model", action="append", choices=list(RECIPES), help="this model only (all, and small shifts)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    runs = options.runs or (10 if options.quick else 300)
    figures: dict[str, Any] = {"window": WINDOW, "quiet": [], "fire": [], "trivial": []}
    missed = 0
    for model in options.model or RECIPES:
        data = RECIPES[model].dataset()
        missed += quiet_table(model, data, runs, figures["quiet"])
        fires = options.fires or (1 if options.quick else -(-30 // len(data.features)))
        missed += fire_table(model, data, fires, 3 if options.quick else 1, figures["fire"])
    if not options.model:
        missed += trivial_table(40 if options.quick else 400, figures["trivial"])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(missed > 0)


def quiet_table(model: str, data: Dataset, runs: int, figures: list[Any]) -> int:
    """False alarms by source. Of 300 runs one may be wrong where the profile's own rows come back."""
    missed = 0
    for source_of in (training, sample, split, population):
        began = time.monotonic()
        wrong, looks, named = 0, 0, []
        for seed in range(runs):
            rng = np.random.default_rng([1, seed])
            looks, found = quiet(source_of(data, rng), rng)
            wrong += bool(found)
            named.extend(found)
        print(
            f"QUIET {model:<14} {source_of.__name__:<11} {runs - wrong} of {runs} over {QUIET_ROWS} rows, {looks} looks"
            f"; false alarms <= {upper(wrong, runs):.2%}  {sorted(set(named))}  {time.monotonic() - began:.0f} s",
            flush=True,
        )
        figures.append({"model": model, "source": source_of.__name__, "runs": runs, "wrong": wrong, "looks": looks})
        missed += wrong > max(1, runs // 300)
    return missed


def fire_table(model: str, data: Dataset, runs: int, every: int, figures: list[Any]) -> int:
    """Detection by source and shift, over features."""
    missed = 0
    for source_of in (training, sample, population):
        results: dict[str, list[tuple[str, Fired]]] = {}
        for seed in range(runs):
            rng = np.random.default_rng([2, seed])
            source = source_of(data, rng)
            for i, feature in enumerate(source.profile.features[::every]):
                shifts = NUMERIC_SHIFTS if hasattr(feature, "quantiles") else CATEGORICAL_SHIFTS
                for name, shift in shifts.items():
                    results.setdefault(name, []).append((feature.name, fire(source, i * every, shift, rng)))
        for name, cases in results.items():
            missed += fire_row(model, source_of.__name__, name, cases, figures)
    return missed


def fire_row(model: str, source: str, shift: str, cases: list[tuple[str, Fired]], figures: list[Any]) -> int:
    """One line; a miss counts where the profile's own rows come back shifted."""
    after = [fired.after for _, fired in cases if fired.after is not None]
    back = [fired.recovered for _, fired in cases if fired.recovered is not None]
    unseen = sorted({name for name, fired in cases if fired.after is None})
    strays = sum(fired.strays > 0 for _, fired in cases)
    print(
        f"FIRE  {model:<14} {source:<11} {shift:<16} named in {len(after)} of {len(cases)}"
        f" (>= {lower(len(after), len(cases)):.1%}) after {np.median(after) if after else 0:.0f} rows,"
        f" at most {max(after, default=0)}; others named in {strays};"
        f" quiet again in {len(back)} after at most {max(back, default=0)}  {unseen}",
        flush=True,
    )
    figures.append(
        {
            "model": model,
            "source": source,
            "shift": shift,
            "cases": len(cases),
            "named": len(after),
            "median_rows": float(np.median(after)) if after else None,
            "most_rows": max(after, default=None),
            "strays": strays,
            "recovered": len(back),
            "missed_features": unseen,
        }
    )
    return int(source == "training" and (len(after) < len(cases) or len(back) < len(cases) or strays > 0))


def trivial_table(runs: int, figures: list[Any]) -> int:
    """One of 30 normal features moves by less than matters, at sizes where a p-value alone would see it."""
    missed = 0
    for n in (5_000, 50_000):
        for shift in (0.0, 0.01, 0.02, 0.1, 0.2):
            named = 0
            for seed in range(runs):
                rng = np.random.default_rng([3, seed])
                profile = Profile.of(["x"], [[x] for x in rng.normal(size=n).tolist()])
                rows = [[x] for x in (rng.normal(size=n) + shift).tolist()]
                named += Panel(profile, ALPHA / 30, HORIZON_LOOKS).judge(rows)[0].verdict == DRIFT
            print(
                f"SHIFT {shift:.2f} sd at {n} rows: named in {named} of {runs} "
                f"({lower(named, runs):.1%} to {upper(named, runs):.1%})",
                flush=True,
            )
            figures.append({"n": n, "shift_sd": shift, "runs": runs, "named": named})
            missed += named / runs > 0.02 if shift < 0.05 else False
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
