"""Data sets of known distributions for the drift benchmarks, their shifts, and what common rules make of them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pytest_mlready.measure.drift import Columns, Panel, Profile, judge, planned, planned_like, profiled, steps

Rng = np.random.Generator
Array = NDArray[Any]
Table = dict[str, Array]
"""Numbers as they are; levels as texts, "" being missing, or, in columns whose names begin with "level", as small
integers, -1 being missing."""
LARGE = 50_000


def _inflated(rng: Rng, rows: int) -> Array:
    return np.where(rng.random(rows) < 0.6, 0.0, rng.exponential(size=rows))


NUMBERS: tuple[Callable[[Rng, int], Array], ...] = (
    lambda rng, rows: rng.normal(50, 10, rows),
    lambda rng, rows: rng.lognormal(0, 1, rows),
    lambda rng, rows: rng.random(rows),
    lambda rng, rows: rng.exponential(size=rows),
    lambda rng, rows: rng.poisson(3, rows).astype(float),
    _inflated,
    lambda rng, rows: rng.standard_t(3, rows),
    lambda rng, rows: rng.normal(size=rows),
)
LEVELS = (2, 5, 30)


def table(rng: Rng, rows: int, columns: int) -> Table:
    """Of 30 columns 24 hold numbers of eight kinds and 6 levels (2, 5 or 30), all independent of each other."""
    made: Table = {}
    for at in range(columns):
        if at % 5 == 4:
            many = LEVELS[at // 5 % 3]
            share = np.arange(many, 0, -1) / (many * (many + 1) / 2)
            made[f"level{at}"] = np.searchsorted(np.cumsum(share)[:-1], rng.random(rows), side="right")
        else:
            made[f"x{at}"] = NUMBERS[(at - at // 5) % len(NUMBERS)](rng, rows)
    return made


def normals(rng: Rng, rows: int, correlation: float = 0.0) -> Table:
    """30 normal columns, the first two of which are correlated."""
    made = {f"x{at}": rng.normal(size=rows) for at in range(30)}
    made["x1"] = correlation * made["x0"] + (1 - correlation**2) ** 0.5 * made["x1"]
    return made


def in_blocks(rng: Rng, rows: int, columns: int, together: int, alike: float) -> Table:
    """Normal columns whose rows come in blocks: two of a block have the correlation `alike`."""
    made: Table = {}
    for at in range(columns):
        shared = np.repeat(rng.normal(size=-(-rows // together)), together)[:rows]
        made[f"x{at}"] = alike**0.5 * shared + (1 - alike) ** 0.5 * rng.normal(size=rows)
    return made


@dataclass(frozen=True)
class Shift:
    """What becomes of one column, and how many current rows it has to be seen in; the reference has 50,000."""

    name: str
    rows: int
    column: str
    change: Callable[[Rng, Array], Array]


def _some(share: float, value: Callable[[Array], Any]) -> Callable[[Rng, Array], Array]:
    return lambda rng, x: np.where(rng.random(x.size) < share, value(x), x)


def _moved(share: float) -> Callable[[Rng, Array], Array]:
    """So much of the mass goes from the most frequent of five levels to the rarest."""
    return lambda rng, level: np.where((level == 0) & (rng.random(level.size) < share * 3), 4, level)


SHIFTS = (
    Shift("mean + 0.5 sd", 200, "x0", lambda rng, x: x + 5),
    Shift("5% -> -999", 200, "x0", _some(0.05, lambda x: -999)),
    Shift("5% -> 0", 200, "x8", _some(0.05, lambda x: 0)),
    Shift("5% missing", 200, "x0", _some(0.05, lambda x: np.nan)),
    Shift("x 1000 in 10%", 200, "x0", _some(0.1, lambda x: 1000 * x)),
    Shift("mean + 0.2 sd", 1280, "x0", lambda rng, x: x + 2),
    Shift("variance x 1.5", 1280, "x0", lambda rng, x: 50 + (x - 50) * 1.5**0.5),
    Shift("total variation .10", 1280, "level9", _moved(0.10)),
    Shift("mean + 0.1 sd", 10_000, "x0", lambda rng, x: x + 1),
    Shift("total variation .05", 10_000, "level9", _moved(0.05)),
    Shift("1% missing", 10_000, "x0", _some(0.01, lambda x: np.nan)),
    Shift("1% of a new level", 10_000, "level9", _some(0.01, lambda x: 5)),
)


def columns_of(made: Mapping[str, Array]) -> Columns:
    """As profiles take them: levels counted."""
    return {name: _levels(one) if _has_levels(name, one) else one for name, one in made.items()}


def _has_levels(name: str, column: Array) -> bool:
    return name.startswith("level") or column.dtype.kind == "U"


def _levels(codes: Array) -> Counter[str | None]:
    if codes.dtype.kind == "U":
        return Counter(text or None for text in codes.tolist())
    found, counts = np.unique(codes, return_counts=True)
    pairs = zip(found.tolist(), counts.tolist(), strict=True)
    return Counter({None if code == -1 else f"level {code}": count for code, count in pairs})


def profile_of(made: Mapping[str, Array]) -> Profile:
    """The reference's."""
    columns = columns_of(made)
    rows = len(next(iter(made.values())))
    return profiled(planned(columns), rows, columns, **steps(rows), first=0, ties=True)


def panel_of(reference: Profile, made: Mapping[str, Array], **rule: Any) -> Panel:
    """Our verdict on current data."""
    columns = columns_of(made)
    rows = len(next(iter(made.values())))
    plan = planned_like(reference.plan, columns)
    current = profiled(plan, rows, columns, **steps(rows), first=0, ties=False)
    return judge(reference, current, **rule)


def p_value(before: Array, after: Array, *, levels: bool) -> float:
    """Kolmogorov and Smirnov's of numbers, missing ones left out; chi-square's of two samples of levels."""
    if not levels:
        return float(stats.ks_2samp(before[~np.isnan(before)], after[~np.isnan(after)], method="asymp").pvalue)
    both = [np.bincount(one + 1, minlength=int(max(before.max(), after.max())) + 2) for one in (before, after)]
    counts = np.stack(both)
    counts = counts[:, counts.sum(axis=0) > 0]
    return 1.0 if counts.shape[1] < 2 else float(stats.chi2_contingency(counts).pvalue)


def stability_index(before: Array, after: Array, *, levels: bool) -> float:
    """PSI: of ten bins of equal width over the reference's range, or of levels."""
    if levels:
        many = int(max(before.max(), after.max())) + 2
        sides = [np.bincount(one + 1, minlength=many) for one in (before, after)]
    else:
        edges = np.histogram_bin_edges(before[np.isfinite(before)], 10)
        sides = [np.histogram(one[np.isfinite(one)], edges)[0] for one in (before, after)]
    p, q = (np.maximum(side / max(1, side.sum()), 1e-4) for side in sides)
    return float(((q - p) * np.log(q / p)).sum())


def peers_alarms(before: Table, after: Table, of: int | None = None) -> dict[str, set[str]]:
    """The columns that each rule calls drifted, of those that `before` has; `of` is the number that share alpha."""
    kinds = {name: name.startswith("level") for name in before}
    p = {name: p_value(before[name], after[name], levels=levels) for name, levels in kinds.items()}
    psi = {name: stability_index(before[name], after[name], levels=levels) for name, levels in kinds.items()}
    return {
        "KS p < .05": {name for name, one in p.items() if one < 0.05},
        "Bonferroni .01": {name for name, one in p.items() if one < 0.01 / (of or len(p))},
        "PSI > .1": {name for name, one in psi.items() if one > 0.1},
    }


def evidently_says(python: str, pairs: Iterable[tuple[Table, Table]], *flags: str) -> list[Any]:
    """What evidently makes of each reference and current data, by an interpreter that has it: see `drift_evidently`."""
    with tempfile.TemporaryDirectory() as directory:
        for at, (before, after) in enumerate(pairs):
            sides = {**_sided("before", before), **_sided("after", after)}
            np.savez(Path(directory, f"{at}.npz"), allow_pickle=False, **sides)
        return list(said(python, "drift_evidently.py", directory, *flags))


def said(python: str, script: str, *arguments: str) -> Any:
    """The JSON that is the last line of a script of this directory, run by another interpreter."""
    path = str(Path(__file__).with_name(script))
    done = subprocess.run([python, path, *arguments], capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"{script}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _sided(side: str, made: Table) -> Table:
    return {f"{side}.{name}": column for name, column in made.items()}
