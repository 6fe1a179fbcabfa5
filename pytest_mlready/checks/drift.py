"""Checks of the data that the service gets now, against what its model was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mlready.catalogue import check
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.drift import Alarm, Panel, from_plain, judge
from pytest_mlready.measure.drift.alarm import Test
from pytest_mlready.records import DriftData
from pytest_mlready.settings import Drift, Settings

SCHEMA: tuple[Test, ...] = ("schema", "type")
MISSING: tuple[Test, ...] = ("missing", "all missing", "infinite", "unseen level")
DISTRIBUTION: tuple[Test, ...] = (
    "ks",
    "wilcoxon",
    "spread ks",
    "spread wilcoxon",
    "atom",
    "levels",
    "level",
    "correlation",
    "constant",
)
DAY_S = 86_400
SHOWN = 20


@check(
    "drift.schema_skew",
    "must",
    remedy="Send the columns that the model was trained on, in their order and with their types; or train it again.",
)
def schema_skew(drift_data: DriftData, settings: Settings) -> Finding:
    """The reference, the current data and the rows that the service is sent have the same columns of the same kinds.

    A column that was renamed, swapped with another or turned into texts reaches the model as another feature, and
    most models answer all the same.
    """
    panel = _panel(drift_data, settings)
    known = [one["name"] for one in drift_data.reference["columns"]]
    alarms = panel.of(*SCHEMA)
    if alarms:
        return _failed(alarms, panel)
    declared = settings.drift or Drift()
    absent = [name for name in drift_data.served if name not in {*known, *declared.ignore}]
    if absent and declared.columns is None:
        return failed(f"the service is sent {_few(absent)}, which the reference does not have")
    order = [name for name in known if name in drift_data.served]
    sent = [name for name in drift_data.served if name in known]
    if drift_data.ordered and order != sent:
        moved = next(pair for pair in zip(sent, order, strict=True) if pair[0] != pair[1])
        return failed(f"rows travel without names, and {moved[0]!r} is sent where the reference has {moved[1]!r}")
    if not panel.rows or not panel.reference_rows:
        return _undecided(panel)
    return passed(f"{len(known)} columns agree in names and kinds", Measurement(0, "1", n=len(known), limit=0))


@check(
    "drift.missing",
    "must",
    remedy="Mend the source of the column, or train the model on data that miss as much.",
)
def missing(drift_data: DriftData, settings: Settings) -> Finding:
    """No column misses more values than in the reference, has infinite ones, or levels that the reference lacks.

    Most detectors drop what is missing and compare the rest: half of a column can vanish in silence, while the model
    gets whatever is imputed for it.
    """
    return _judged(_panel(drift_data, settings), MISSING, settings, "missing and unseen values are as in the reference")


@check(
    "drift.out_of_range",
    "must",
    remedy="Look at the values that the summary names: a sentinel, another unit, a broken sensor. Refuse or mend them.",
)
def out_of_range(drift_data: DriftData, settings: Settings) -> Finding:
    """Values lie within the reference's range, but for as many as chance explains.

    Bins over the reference's range drop what lies outside: a sentinel of -999 in a fifth of the rows leaves such an
    index of drift at .045.
    """
    return _judged(_panel(drift_data, settings), ("range",), settings, "values lie within the reference's range")


@check(
    "drift.distribution",
    "must",
    remedy="Find out why the named columns moved. If the world changed, train the model again on data that show it.",
)
def distribution(drift_data: DriftData, settings: Settings) -> Finding:
    """No column's distribution, and no pair's correlation, has moved by more than is seen by chance and matters.

    The model's accuracy was measured on data like the reference. On other data nobody knows it, and labels that would
    tell come weeks later.
    """
    return _judged(_panel(drift_data, settings), DISTRIBUTION, settings, "columns are distributed as in the reference")


@check(
    "drift.prediction",
    "should",
    remedy="Compare the predictions by slice: find the inputs that moved them, or the version that answers otherwise.",
    needs=("drift.prediction",),
)
def prediction(drift_data: DriftData, settings: Settings) -> Finding:
    """What the model answers is distributed as it was on the reference.

    It sums up all inputs by what matters to the model, and moves too where the model is another one.
    """
    panel = _panel(drift_data, settings)
    column = (settings.drift or Drift()).prediction
    alarms = tuple(one for one in panel.alarms if one.column == column)
    if alarms:
        return _failed(alarms, panel)
    judged = next((one for one in panel.columns if one.name == column), None)
    if judged is None:
        return inconclusive(f"neither the reference nor the current data have a column {column!r}")
    return _undecided(panel) if judged.verdict != "pass" else passed(f"{column!r} is as in the reference", _size(panel))


@check(
    "drift.all_types",
    "should",
    remedy="Put these columns into the profile: `python -m pytest_mlready profile` takes texts and booleans, too.",
)
def all_types(drift_data: DriftData, settings: Settings) -> Finding:
    """Every column that the service is sent is watched: texts, categories and booleans as well as numbers.

    Detectors made for numbers leave the others out, and a category that vanished is found by nobody.
    """
    watched = {one["name"] for side in (drift_data.reference, drift_data.current) for one in side["columns"]}
    if not drift_data.served:
        return inconclusive("which columns the service is sent is not known: declare [inputs] rows")
    unwatched = [name for name in drift_data.served if name not in watched]
    served = len(drift_data.served)
    measured = Measurement(served - len(unwatched), "1", limit=served)
    if unwatched:
        return failed(f"{len(unwatched)} columns of {served} are not watched: {_few(unwatched)}", measured)
    return passed(f"all {served} columns that the service is sent are watched", measured)


@check(
    "drift.model_age",
    "should",
    remedy="Train the model on newer data, and profile these; or declare why it may be older.",
    needs=("drift.max_age_days",),
)
def model_age(drift_data: DriftData, settings: Settings) -> Finding:
    """The data that the model was trained on are not older than the policy allows.

    The world moves on between two looks at drift, and in ways that no test of single columns shows.
    """
    limit = (settings.drift or Drift()).max_age_days or 0.0
    made_at = drift_data.reference.get("made_at")
    if made_at is None:
        return inconclusive("the reference does not say how old its data are: declare a profile of them, which does")
    days = (drift_data.gathered_at - made_at) / DAY_S
    measured = Measurement(round(days, 1), "d", limit=limit)
    if days > limit:
        return failed(f"the reference's data are {days:.0f} days old, {limit:g} are allowed", measured)
    return passed(f"the reference's data are {days:.0f} days old", measured)


def of_panel(panel: Panel) -> Finding:
    """All of a panel as one finding."""
    if panel.alarms:
        return _failed(panel.alarms, panel)
    if panel.verdict != "pass":
        return _undecided(panel)
    return passed(f"nothing drifted: {len(panel.columns)} columns, {panel.rows} rows", _size(panel))


def _panel(drift_data: DriftData, settings: Settings) -> Panel:
    declared = settings.drift or Drift()
    return judge(
        from_plain(drift_data.reference, "reference")[0],
        from_plain(drift_data.current, "current")[0],
        looks=declared.looks,
        smallest_shift=declared.smallest_shift,
        rows_together=declared.rows_together,
    )


def _judged(panel: Panel, tests: Sequence[Test], settings: Settings, holds: str) -> Finding:
    """By the alarms of some tests; predictions have a check of their own."""
    predicted = (settings.drift or Drift()).prediction
    alarms = tuple(one for one in panel.of(*tests) if one.column != predicted)
    if alarms:
        return _failed(alarms, panel)
    if any(one.verdict == "inconclusive" for one in panel.columns):
        return _undecided(panel)
    return passed(f"{holds}: {len(panel.columns)} columns, {panel.rows} rows", _size(panel))


def _failed(alarms: Sequence[Alarm], panel: Panel) -> Finding:
    first = alarms[0]
    measured = Measurement(first.effect, "1", n=panel.rows, limit=first.floor)
    more = f"; {len(alarms)} alarms in all" if len(alarms) > 1 else ""
    return failed(f"drift: {first.shown}{more}", measured, details=tuple(one.shown for one in alarms[:SHOWN]))


def _undecided(panel: Panel) -> Finding:
    few = [f"{one.name}: {one.reason}" for one in panel.columns if one.verdict == "inconclusive"]
    if not few:
        return inconclusive("there are no columns to compare")
    more = "of some columns the reference has too few values for any number of rows"
    more = more if panel.more is None else f"about {panel.more} current rows would decide"
    return inconclusive(f"too few rows: {few[0]}; {more}", _size(panel), details=tuple(few[:SHOWN]))


def _size(panel: Panel) -> Measurement:
    """How many rows the verdict rests on, n * m / (n + m), beside what a pass needs."""
    return Measurement(round(panel.effective), "1", n=panel.rows, limit=round(panel.needed))


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (" …" if len(names) > 5 else "")
