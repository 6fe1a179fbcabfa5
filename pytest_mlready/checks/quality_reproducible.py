"""The check that the model can be made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_mlready.catalogue import check
from pytest_mlready.checks.labelled import declared
from pytest_mlready.finding import Finding, Measurement, errored, failed, inconclusive, passed
from pytest_mlready.records import Retraining, TrainingRun
from pytest_mlready.settings import Settings, Training

TWICE = "in two runs of the same training"
RECORDED = "when trained again, and recorded with the model"


@check(
    "quality.reproducible",
    "should",
    remedy="Give every generator the recorded seed, sort what has no order, pin the libraries, and name the data by a "
    "digest; record metrics with the artefact that they are of, in the same run.",
)
def reproducible(retraining: Retraining, settings: Settings) -> Finding:
    """Trained twice from what was recorded of it, the model has the same metrics, and those that were recorded.

    A model that cannot be made again cannot be mended: nobody knows whether a change made it better or the draw did,
    and the figures that it was released with may be those of another one.
    """
    training = declared(settings).training or Training("")
    if (broken := next((one for one in retraining.runs if one.problem), None)) is not None:
        return _broken(broken)
    first, *others = retraining.runs
    if not others:
        return inconclusive("it was trained once: two runs are needed to compare")
    pairs = [(TWICE, first, one) for one in others]
    details = [f"{name} {value:.6g}" for name, value in sorted(first.metrics.items())[:20]]
    recorded = retraining.recorded
    if recorded is not None:
        if not first.metrics.keys() & recorded.metrics.keys():
            names = (", ".join(sorted(one.metrics)[:5]) or "nothing" for one in (first, recorded))
            return failed("the training tells {}, recorded is {}: no metric is both".format(*names))
        pairs.append((RECORDED, first, recorded))
        untold = sorted(recorded.metrics.keys() - first.metrics.keys())
        details += [f"recorded, and not told by the training: {', '.join(untold[:20])}"] if untold else []
    apart = max(
        _apart(one, other) for _, mine, theirs in pairs for one, other in _both(mine.metrics, theirs.metrics).values()
    )
    measured = Measurement(apart, "1", n=len(first.metrics), limit=training.tolerance)
    wrong = [what for pair in pairs for what in _wrong(*pair, training)]
    if wrong:
        return failed(wrong[0], measured, details=(*wrong[1:20], *details))
    whose = "" if recorded is None else ", as recorded" + (f" with {retraining.version}" if retraining.version else "")
    return passed(f"trained twice, {len(first.metrics)} metrics are the same{whose}", measured, details=tuple(details))


def _wrong(where: str, one: TrainingRun, other: TrainingRun, training: Training) -> Iterator[str]:
    """What differs between two accounts of the same training, in words; what it was made from first."""
    for path in training.same:
        if path not in one.same or path not in other.same:
            yield f"{path} is not told {where}"
        elif one.same[path] != other.same[path]:
            yield f"{path} differs {where}: {_difference(one.same[path], other.same[path])}"
    if where == TWICE:
        for name in sorted(one.metrics.keys() ^ other.metrics.keys()):
            yield f"{name} is told by one of two runs"
    for name, (mine, theirs) in sorted(_both(one.metrics, other.metrics).items()):
        if (apart := _apart(mine, theirs)) > training.tolerance:
            yield f"{name} is {mine:.6g} and {theirs:.6g} {where}: {apart:.2g} apart, {training.tolerance:g} allowed"


def _broken(run: TrainingRun) -> Finding:
    said = f"; its last line: {run.last_line}" if run.last_line else "; it printed nothing"
    what = f"the training cannot be repeated: {run.problem}{said}"
    if run.exit_code is None:
        return inconclusive(what)
    return errored(what) if run.exit_code == 0 else failed(what)


def _both(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {name: (one[name], other[name]) for name in one.keys() & other.keys()}


def _apart(one: float, other: float) -> float:
    """Of the larger one where that is above 1, else as it is."""
    return abs(one - other) / max(1.0, abs(one), abs(other))


def _difference(one: Any, other: Any) -> str:
    """The first entry that differs, or both values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        name = min(key for key in {**one, **other} if one.get(key) != other.get(key) or (key in one) != (key in other))
        return f"{name} {one.get(name)!r:.100}, {other.get(name)!r:.100}"
    return f"{one!r:.100}, {other!r:.100}"
