"""What an experiment's outcomes say: differences of means with intervals that stay valid however often one looks.

Asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024): a normal
interval widened so that it covers the true difference at all times together, from the smallest n on. Metrics share the
error rate evenly. Missing values are left out and counted; a metric of which more is missing in one variant than in the
other is not decided, for who is missing is then no accident.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

MINIMUM = 100
"""Fewer values than this of a variant decide nothing: the normal approximation begins about here."""
PLANNED = 2000
"""Values at which the sequence is narrowest."""
MISSING_ALPHA = 1e-3
Verdict = Literal["higher", "lower", "open", "too few", "missing differs"]


@dataclass(frozen=True)
class Comparison:
    """A metric's mean in a variant minus that in the control.

    `interval` covers the true difference at every look with the given confidence; `n` and `missing` are counts of
    (control, variant). The verdict is "open" while the interval holds 0.
    """

    difference: float
    interval: tuple[float, float]
    n: tuple[int, int]
    missing: tuple[int, int]
    verdict: Verdict

    @property
    def decided(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict in {"higher", "lower"}


def compare(control: ArrayLike, variant: ArrayLike, *, alpha: float = 0.05, planned: int = PLANNED) -> Comparison:
    """Compare the values of one metric; NaN is missing.

    Args:
        alpha: how often an interval may ever miss the true difference, over all looks.
        planned: values of both variants together at which the interval is to be narrowest.

    Raises:
        ValueError: alpha outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), not {alpha!r}")
    given = [np.asarray(values, dtype=np.float64).ravel() for values in (control, variant)]
    kept = [values[np.isfinite(values)] for values in given]
    n, missing = (kept[0].size, kept[1].size), (given[0].size - kept[0].size, given[1].size - kept[1].size)
    if min(n) < MINIMUM:
        means = [float(values.mean()) if values.size else math.nan for values in kept]
        return Comparison(means[1] - means[0], (-math.inf, math.inf), n, missing, "too few")
    difference = float(kept[1].mean() - kept[0].mean())
    half = _half_width(kept[0], kept[1], alpha, planned)
    interval = (difference - half, difference + half)
    if any(missing) and _missing_differs(n, missing):
        return Comparison(difference, interval, n, missing, "missing differs")
    verdict: Verdict = "higher" if interval[0] > 0 else "lower" if interval[1] < 0 else "open"
    return Comparison(difference, interval, n, missing, verdict)


def differences(
    rows: Sequence[Mapping[str, Any]], metrics: Sequence[str], control: str, alpha: float = 0.05
) -> dict[str, bool]:
    """For each metric whether some variant differs from the control; as `[experiments] analysis` names it.

    Args:
        rows: one user each: "variant", and the metrics, which may be None or absent.
        control: the name of the control.
        alpha: shared by metrics and variants.
    """
    arms = list(dict.fromkeys(str(row["variant"]) for row in rows))
    held = {arm: [row for row in rows if row["variant"] == arm] for arm in arms}
    others = [arm for arm in arms if arm != control]
    share = alpha / max(1, len(metrics) * len(others))
    return {
        metric: any(
            compare(_values(held.get(control, ()), metric), _values(held[arm], metric), alpha=share).decided
            for arm in others
        )
        for metric in metrics
    }


def _missing_differs(n: tuple[int, int], missing: tuple[int, int]) -> bool:
    """Whether values are missing more often in one of the two: what is left may then differ by who is missing."""
    from scipy.stats import fisher_exact  # half a second to import, for those who need it

    return bool(fisher_exact(np.array([n, missing])).pvalue < MISSING_ALPHA)


def _half_width(control: NDArray[np.float64], variant: NDArray[np.float64], alpha: float, planned: int) -> float:
    """Theorem 2.2 of the paper for a difference of means, whose variance over both variants is that of t values."""
    total = control.size + variant.size
    variance = total * (float(control.var(ddof=1)) / control.size + float(variant.var(ddof=1)) / variant.size)
    tuning = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / planned
    spread = total * tuning + 1
    return math.sqrt(variance * 2 * spread / (total**2 * tuning) * math.log(math.sqrt(spread) / alpha))


def _values(rows: Sequence[Mapping[str, Any]], metric: str) -> list[float]:
    found = (row.get(metric) for row in rows)
    return [math.nan if value is None else float(value) for value in found]
