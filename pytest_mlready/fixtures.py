"""The `mlready_*` fixtures, for users' tests and one for each kind of evidence: a lazy import and one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from pytest import FixtureRequest, Item, Stash, fixture

from pytest_mlready.collect import ACTIVE, CheckItem
from pytest_mlready.observing import OBSERVED, Observation
from pytest_mlready.schedule import SCHEDULE

if TYPE_CHECKING:
    import httpx

    from pytest_mlready.deployment import Deployment
    from pytest_mlready.finding import Finding
    from pytest_mlready.measure.canary import CanaryVerdict
    from pytest_mlready.measured_quality import Measured
    from pytest_mlready.records import Label, LoadRun, Prediction, Row
    from pytest_mlready.service.target import Target
    from pytest_mlready.settings import Settings


class Predict:
    """Asks the service for predictions: one row gives one Prediction, a list of rows a list."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @overload
    def __call__(self, rows: Row) -> Prediction: ...
    @overload
    def __call__(self, rows: Sequence[Row]) -> list[Prediction]: ...
    def __call__(self, rows: Row | Sequence[Row]) -> Prediction | list[Prediction]:
        """Predict. Raises AssertionError with the answer if the service refuses or answers nonsense."""
        from pytest_mlready.evidence.asking import predict_or_fail

        answered: Prediction | list[Prediction] = predict_or_fail(self._target, rows)
        return answered


class Assign:
    """Tells in which variant of a declared experiment a user is."""

    def __init__(self, target: Target, settings: Settings, rows: tuple[Row, ...]) -> None:
        self._target, self._settings, self._rows = target, settings, rows

    def __call__(self, user_id: str | int, experiment: str | None = None) -> str:
        """The variant's name, of the first declared experiment or the named one.

        Raises AssertionError with the answer if the service tells none.
        """
        from pytest_mlready.evidence.context import Context
        from pytest_mlready.evidence.variants import variant_or_fail

        context = Context(self._target, self._settings, self._rows, seed=0, budget_s=0.0)
        return variant_or_fail(context, user_id, experiment)


@fixture
def mlready(request: FixtureRequest) -> Observation:
    """Attach what a test observed to its finding: `mlready.observe(0.93, unit="1", n=569, limit=0.9)`."""
    stash: Stash = request.node.stash
    return stash.setdefault(OBSERVED, Observation())


@fixture(scope="session")
def mlready_settings(request: FixtureRequest) -> Settings:
    """The settings of `mlready.toml`, typed."""
    return request.config.stash[ACTIVE].run.settings


@fixture(scope="session")
def mlready_rows(request: FixtureRequest) -> tuple[Row, ...]:
    """The sample rows of `[inputs] rows`, without the label: a tuple of mappings name -> value."""
    return request.config.stash[ACTIVE].run.rows


@fixture(scope="session")
def mlready_target(request: FixtureRequest) -> Target:
    """The service under test: `mlready_target.url` and what is known about it."""
    return request.config.stash[ACTIVE].run.require_target()


@fixture(scope="session")
def mlready_client(mlready_target: Target) -> Iterator[httpx.Client]:
    """An `httpx.Client` at the service's URL, bounded in time and bytes, without redirects and proxies."""
    from pytest_mlready.service.httpx_transport import client

    with client(mlready_target) as made:
        yield made


@fixture(scope="session")
def mlready_predict(mlready_target: Target) -> Predict:
    """`mlready_predict(row)` gives the service's Prediction of a row, `mlready_predict(rows)` a list of them."""
    return Predict(mlready_target)


@fixture(scope="session")
def mlready_assign(mlready_target: Target, mlready_settings: Settings, mlready_rows: tuple[Row, ...]) -> Assign:
    """`mlready_assign(user_id, experiment=None)` gives the variant that a user is in, by `[experiments]`."""
    return Assign(mlready_target, mlready_settings, mlready_rows)


@fixture(scope="session")
def mlready_deployment(request: FixtureRequest, mlready_target: Target) -> Deployment:
    """How the target's versions are changed: `versions()`, `current()`, `promote(v)`, `rollback(to)`, `history()`.

    As `[deployment]` declares it. A test that changes what serves puts it back; it needs permission "deploy".
    """
    from pytest_mlready.deployment import make
    from pytest_mlready.run import Unavailable

    run = request.config.stash[ACTIVE].run
    recipe = run.deployment_recipe(mlready_target)
    if recipe is None:
        raise Unavailable("how versions are changed is not declared: add [deployment] to mlready.toml")
    mlready_target.require("deploy")
    return make(recipe)


@fixture
def mlready_canary(
    request: FixtureRequest, mlready_target: Target, mlready_rows: tuple[Row, ...]
) -> Callable[..., CanaryVerdict]:
    """`mlready_canary(candidate, control)` asks both for the same rows in turns: a CanaryVerdict.

    Each is a version, asked for by name, or the URL of an instance. `labels`, one for each sample row, add quality,
    `points` is the window (60 of 8 rows each); `verdict`, `metrics` and `points_needed` are what comes of it.
    """

    def compare(candidate: str, control: str, *, labels: Sequence[Label] = (), points: int = 60) -> CanaryVerdict:
        from pytest_mlready.measured_load import compared

        return compared(request.config.stash[ACTIVE].run, candidate, control, labels, points)

    return compare


@fixture
def mlready_load(request: FixtureRequest) -> Callable[[float, float], LoadRun]:
    """`mlready_load(rate, duration)` drives open-loop predict load (requests a second, seconds): a LoadRun."""

    def drive(rate: float, duration_s: float) -> LoadRun:
        from pytest_mlready.measured_load import driven

        return driven(request.config.stash[ACTIVE].run, rate, duration_s)

    return drive


@fixture
def mlready_drift(mlready: Observation) -> Callable[..., Finding]:
    """`mlready_drift(reference, current)` compares data, profiles or files: a Finding, attached to the test's own.

    Further arguments are those of `pytest_mlready.profiling.drift`.
    """

    def compare(reference: object, current: object, **rule: Any) -> Finding:
        from pytest_mlready.checks.drift import of_panel
        from pytest_mlready.profiling import drift

        found = of_panel(drift(reference, current, **rule))
        mlready.include(found)
        return found

    return compare


@fixture
def mlready_quality(request: FixtureRequest, mlready: Observation) -> Callable[..., Measured]:
    """`mlready_quality(rows, label="y", threshold=0.9)` asks for labelled rows and judges the answers.

    `rows` is a file or a list of mappings; further arguments are the keys of `[quality]`. See `measured_quality`.
    """

    def measure(rows: Any, **declared: Any) -> Measured:
        from pytest_mlready.measured_quality import measured

        made = measured(request.config.stash[ACTIVE].run, rows, declared)
        for finding in made.findings.values():
            mlready.include(finding)
        return made

    return measure


def _evidence_fixture(name: str) -> Any:
    def gather(request: FixtureRequest, mlready_rows: tuple[Row, ...]) -> object:
        run = request.config.stash[ACTIVE].run
        if run.replay:
            return run.evidence(name, None, mlready_rows)
        given = {one: request.getfixturevalue(one) for one in SCHEDULE.evidence[name].fixtures}
        parts = _parts_read(name, request.session.items)
        return run.evidence(name, request.getfixturevalue("mlready_target"), mlready_rows, given, parts)

    gather.__doc__ = f"Evidence `{name}`: a {SCHEDULE.evidence[name].record.__name__} record, gathered once per run."
    return fixture(scope="session", name=f"mlready_{name}")(gather)


def _parts_read(name: str, selected: Sequence[Item]) -> frozenset[str]:
    """The parts of some evidence that the selected checks read; all of them where somebody else asks for it."""
    asking = [item for item in selected if f"mlready_{name}" in getattr(item, "fixturenames", ())]
    read = [item.check.parts for item in asking if isinstance(item, CheckItem)]
    everything = frozenset(SCHEDULE.evidence[name].parts)
    return everything & frozenset().union(*read) if read and len(read) == len(asking) else everything


globals().update(
    {f"mlready_{name}": _evidence_fixture(name) for name, one in SCHEDULE.evidence.items() if one.turn != "closing"}
)
