"""The drift monitor: what each test is there for, what the rule says of odd columns, and the whole of it over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from scipy import stats

from reference_service.components import Components, build_components
from reference_service.drift import panel, two_sample
from reference_service.drift.feature_tests import CategoricalTests, NumericTests
from reference_service.drift.monitor import DriftMonitor
from reference_service.drift.panel import DRIFT, QUIET, TOO_FEW, Finding, Panel
from reference_service.drift.profile import CategoricalProfile, NumericProfile, Profile
from reference_service.drift.shared import Report, Shared
from reference_service.drift.window import Batch, Window, newest
from reference_service.model.columns import Cell
from reference_service.settings import Settings
from reference_service.training.datasets import breast_cancer
from tests.contract.conftest import client_of

N = 1000
RANKS = (np.arange(N) + 0.5) / N
NORMAL: list[float] = stats.norm.ppf(RANKS).tolist()
EVERY_50TH = range(25, N, 50)
LEVEL = 0.01 / 7


def numeric(*columns: Sequence[Cell]) -> Profile:
    """The profile of numeric columns."""
    return Profile.of([f"x{i}" for i in range(len(columns))], list(zip(*columns, strict=True)))


def found(training: Sequence[Cell], live: Sequence[Cell], level: float = LEVEL) -> set[str]:
    """The tests that find a difference between columns, each row counted."""
    made = Profile.of(["x"], [[cell] for cell in training])
    (feature,) = Profile.read(made.to_json()).features
    tests = NumericTests(feature) if isinstance(feature, NumericProfile) else CategoricalTests(feature)
    outcomes = tests.outcomes(live)
    assert len(outcomes) in {1, tests.count}
    assert all(0 <= each.p_value <= N and np.isfinite(each.effect) for each in outcomes)
    return {each.test for each in outcomes if each.p_value <= level and abs(each.effect) >= each.floor}


def at_every_50th(value: Callable[[int], Cell]) -> list[Cell]:
    """NORMAL with 2% of its values replaced."""
    return [value(i) if i in EVERY_50TH else cell for i, cell in enumerate(NORMAL)]


def signed(u: float) -> float:
    """A value whose size is half-normal, positive if middling and negative if small or large: only its sign is odd."""
    return float(stats.halfnorm.ppf(u)) * (1 if 0.25 <= u < 0.75 else -1)


def hollow(u: float) -> float:
    """A rank with some of the middle half moved outwards."""
    return float(np.interp(u, [0, 0.35, 0.65, 1], [0, 0.25, 0.75, 1]))


ONLY: dict[str, list[Cell]] = {
    "kolmogorov_smirnov": [signed(u) for u in RANKS],
    "wilcoxon": [x + 0.17 for x in NORMAL],
    "spread_kolmogorov_smirnov": [
        float(stats.halfnorm.ppf(hollow(u))) * (1 if i % 2 else -1) for i, u in enumerate(RANKS)
    ],
    "spread_wilcoxon": [x * 1.15 for x in NORMAL],
    "missing_rate": at_every_50th(lambda i: None),
    "out_of_range": at_every_50th(lambda i: (5 + i / N) * (-1) ** (i // 50)),
    "atoms": at_every_50th(lambda i: 0.0),
}


@pytest.mark.parametrize("test", ONLY)
def test_each_numeric_test_finds_what_no_other_does(test: str) -> None:
    assert found(NORMAL, NORMAL) == set()
    assert found(NORMAL, ONLY[test]) == {test}


LETTERS: list[Cell] = ["a"] * 400 + ["b"] * 300 + ["c"] * 200 + [None] * 100
MANY: list[Cell] = [f"level {i % 40}" for i in range(N)]


def moved(i: int, cell: Cell) -> Cell:
    """MANY with a fifth of one half of the levels moved to the other, no level by a hundredth of all rows."""
    return f"level {(i + 20) % 40}" if i % 40 < 20 and (i // 40) % 5 == 0 else cell


CATEGORICAL_ONLY: dict[str, tuple[list[Cell], list[Cell], int]] = {
    "chi_square": (MANY, [moved(i, cell) for i, cell in enumerate(MANY)] * 4, 4),
    "level": (LETTERS, [None if i < 16 else cell for i, cell in enumerate(LETTERS)] * 20, 20),
    "unseen_levels": (LETTERS, [f"new {i}" if i < 8 else cell for i, cell in enumerate(LETTERS)] * 20, 20),
}


@pytest.mark.parametrize("test", CATEGORICAL_ONLY)
def test_each_categorical_test_finds_what_no_other_does(test: str) -> None:
    training, live, times = CATEGORICAL_ONLY[test]
    assert found(training * times, training * times) == set()
    assert found(training * times, live, 0.01 / 3) == {test}


def some_ids(seed: int) -> list[Cell]:
    """Five thousand rows of two thousand customers."""
    return [f"customer {i}" for i in np.random.default_rng(seed).integers(2000, size=5000)]


INTEGERS: list[Cell] = [float(i % 7) for i in range(N)]
ODD: dict[str, tuple[Sequence[Cell], Sequence[Cell], set[str]]] = {
    "constant, the same": ([1.0] * N, [1.0] * N, set()),
    "constant, another": ([1.0] * N, [2.0] * N, {"kolmogorov_smirnov", "wilcoxon", "out_of_range", "atoms"}),
    "constant begins to vary": ([0.0] * N, list(NORMAL), {"out_of_range", "atoms"}),
    "varying becomes constant": (list(NORMAL), [0.0] * N, {"atoms"}),
    "nearly constant, a few rows of it": ([0.0] * (N - 10) + [1.0] * 10, [0.0] * 50, set()),
    "all missing": (list(NORMAL), [None] * N, {"missing_rate"}),
    "all missing, as in training": ([None] * N, [None] * N, set()),
    "values where training had none": ([None] * N, list(NORMAL), {"missing_rate"}),
    "half missing, as in training": ([None, 1.0] * 500, [None, 1.0] * 500, set()),
    "no longer missing": ([None, 1.0] * 500, [1.0] * N, {"missing_rate"}),
    "integers, the same": (INTEGERS, INTEGERS, set()),
    "integers, one of them gone": (INTEGERS, [3.0 if x == 4.0 else x for x in INTEGERS], {"atoms"}),
    "huge": (list(NORMAL), [1e12 * x for x in NORMAL], {"kolmogorov_smirnov", "out_of_range"}),
    "level missing": (LETTERS, ["a" if cell is None else cell for cell in LETTERS], {"level", "chi_square"}),
    "all one level": (LETTERS, ["a"] * N, {"level", "chi_square"}),
    "all unseen": (LETTERS, ["z"] * N, {"level", "chi_square", "unseen_levels"}),
    "very many levels": (some_ids(1), some_ids(2), set()),
    "very many levels, and one that is new": (some_ids(1), [*some_ids(2)[:4800], *["new"] * 200], {"level"}),
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.filterwarnings("error")
def test_odd_columns(case: str) -> None:
    training, live, expected = ODD[case]
    assert expected <= found(training, live)
    assert bool(expected) == bool(found(training, live))


@pytest.mark.parametrize("n", [0, 1, 5, 19])
def test_too_few_rows_are_said_to_be_too_few(n: int) -> None:
    rows: list[list[Cell]] = [[1e6 + i, None, "z"] for i in range(n)]
    training: list[list[Cell]] = [[x, x, "a"] for x in NORMAL]
    findings = Panel(Profile.of(["x", "y", "z"], training), 0.01, 1).judge(rows)
    assert [(finding.verdict, finding.n) for finding in findings] == [(TOO_FEW, n)] * 3


def test_quiet_is_said_only_if_a_shift_would_have_been_seen() -> None:
    judged = Panel(numeric(NORMAL), 0.01, 50)
    some = [[x] for x in NORMAL[10::20]]
    many = [[x] for x in NORMAL[2::5]]
    assert judged.smallest_shift(len(some)) > panel.SMALLEST_SHIFT > judged.smallest_shift(len(many))
    assert [judged.judge(some)[0].verdict, judged.judge(many)[0].verdict] == [TOO_FEW, QUIET]
    assert judged.judge([[x + 3] for (x,) in some])[0].verdict == DRIFT  # what is plain is plain with few
    assert panel.smallest_shift(10**6, 10**6, LEVEL) < 0.01


def test_a_row_that_is_sent_again_is_no_more_evidence() -> None:
    judged = Panel(numeric(NORMAL), 0.01, 50)
    few = [[float(x)] for x in np.random.default_rng(5).normal(0.4, 1, 60)]
    once, again = judged.judge(few), judged.judge(few * 20)
    assert once == again
    assert again[0].n == 60
    assert judged.judge([[0.0]] * N)[0].verdict == TOO_FEW


def test_rows_that_repeat_by_nature_all_count() -> None:
    def rows(ones: int, count: int) -> list[list[Cell]]:
        return [[float(i % 4 < ones), "a" if i % 3 else "b"] for i in range(count)]

    judged = Panel(Profile.of(["x", "y"], rows(2, N)), 0.01, 50)
    assert [(each.verdict, each.n) for each in judged.judge(rows(2, 600))] == [(QUIET, 600)] * 2
    assert [(each.verdict, each.n) for each in judged.judge(rows(3, 600))] == [(DRIFT, 600), (QUIET, 600)]


def test_p_values_are_those_of_scipy() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = np.round(rng.normal(0.2, 1, 150), 1), np.round(rng.normal(0, 1, 200), 1)
    pooled = two_sample.Pooled(ours, theirs, np.ones(200))
    distance, p_value = pooled.kolmogorov_smirnov()
    assert distance == pytest.approx(stats.ks_2samp(ours, theirs).statistic)
    assert p_value == pytest.approx(stats.ks_2samp(ours, theirs, method="asymp").pvalue, rel=0.2)
    other = stats.mannwhitneyu(ours, theirs, use_continuity=False, method="asymptotic")
    assert pooled.wilcoxon() == pytest.approx((other.statistic / 30_000 - 0.5, other.pvalue))
    assert pooled.median() == pytest.approx(np.median([*ours, *theirs]), abs=0.1)
    for hits, n, their_hits, m in [(7, 100, 1, 90), (0, 50, 9, 60), (30, 30, 0, 40), (5, 1000, 5, 1000)]:
        exact = stats.fisher_exact(np.array([[hits, n - hits], [their_hits, m - their_hits]])).pvalue
        assert two_sample.fisher(hits, n, their_hits, m) == pytest.approx(exact)
    assert two_sample.beyond_range(12, 300, 2, 400) == pytest.approx(stats.betabinom.sf(11, 300, 4, 397))
    table = np.array([(30, 20), (10, 25), (60, 55)])
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert two_sample.chi_square([(30, 20), (10, 25), (60, 55)]) == pytest.approx(expected)


def test_a_profile_is_exact_if_it_can_be_and_small_if_not() -> None:
    few = [float(x) for x in np.random.default_rng(0).normal(size=400)]
    (kept,) = numeric(few).features
    assert isinstance(kept, NumericProfile)
    assert kept.exact
    assert sorted(kept.quantiles) == sorted(few)
    rng = np.random.default_rng(1)
    columns: list[list[Cell]] = [rng.normal(size=5000).tolist() for _ in range(97)]
    columns.append([None if x < 0.2 else round(x, 1) for x in rng.random(5000).tolist()])
    columns.append([f"customer {i}" for i in range(5000)])
    columns.append([f"kind {i % 9}" for i in range(5000)])
    profile = Profile.of([f"feature {i}" for i in range(100)], list(zip(*columns, strict=True)))
    content = profile.to_json()
    assert len(content) <= 1 << 20
    assert Profile.read(content) == profile
    continuous, _, identifiers, kinds = (profile.features[i] for i in (0, 97, 98, 99))
    assert isinstance(continuous, NumericProfile)
    assert not continuous.exact
    values, weights = continuous.sample()
    assert weights.sum() == pytest.approx(5000)
    whole = two_sample.Pooled(np.array(columns[0], dtype=np.float64), values, weights)
    assert whole.kolmogorov_smirnov()[0] < 1 / 800
    assert isinstance(identifiers, CategoricalProfile)
    assert isinstance(kinds, CategoricalProfile)
    assert (len(identifiers.levels), identifiers.singletons) == (256, 5000)
    assert (kinds.buckets, kinds.levels["kind 8"]) == (0, 555)
    assert sum(identifiers.levels.values()) == sum(kinds.levels.values()) == 5000


def test_a_window_is_bounded_and_asks_for_a_look_each_tenth() -> None:
    window = Window(50)
    assert not window.due()
    looks = []
    for i in range(200):
        window.observe([[float(i)]])
        if window.due():
            looks.append(i + 1)
            assert newest(window.take(i), 50) == [[float(j)] for j in range(max(0, i - 49), i + 1)]
    assert looks == list(range(5, 201, 5))
    assert [(at, len(rows)) for at, rows in window.take(200)] == [(at, 5) for at in range(199, 153, -5)]
    window.observe([[0.0]] * 70)
    assert [(at, len(rows)) for at, rows in window.take(300)] == [(300, 50)]
    window.clear()
    assert window.take(400) == []
    off = Window(0)
    off.observe([[1.0]] * 10)
    assert not off.due()


def test_workers_look_at_the_newest_rows_of_all_that_live(tmp_path: Path) -> None:
    shared = Shared(tmp_path / "drift")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    def other(pid: int, version: str, batches: list[Batch]) -> None:
        shared.write(f"{pid}.rows", msgspec.msgpack.encode((version, batches)))

    mine: list[Batch] = [(30.0, [["mine", 1.0]] * 4), (10.0, [["mine", None]] * 4)]
    assert newest(shared.exchange("1.0.0", mine), 6) == [["mine", None]] * 2 + [["mine", 1.0]] * 4
    other(gone.pid, "1.0.0", [(40.0, [["dead", 0.0]] * 9)])
    other(os.getppid(), "1.0.0", [(20.0, [["other", 2.0]] * 3)])
    assert newest(shared.exchange("1.0.0", mine), 8) == [["mine", None]] + [["other", 2.0]] * 3 + [["mine", 1.0]] * 4
    assert not (tmp_path / "drift" / f"{gone.pid}.rows").exists()
    other(os.getppid(), "2.0.0", [(50.0, [["other version", 0.0]])])
    assert shared.exchange("1.0.0", mine) == mine
    assert Shared(None).exchange("1.0.0", mine) == mine


def test_any_worker_tells_the_last_look(models: Path, tmp_path: Path) -> None:
    parts = build_components(Settings(models=models))
    assert parts.drift.shared.directory is None  # one worker has nobody to tell
    parts = build_components(Settings(models=models, workers=2, state=tmp_path))
    monitor = parts.drift
    assert monitor.seen("1.0.0") == Report("1.0.0")
    look = Report("1.0.0", DRIFT, 400, None, [Finding("x", DRIFT, 0.1, "wilcoxon", 400)])
    monitor.report = Report("1.0.0")
    Shared(tmp_path / "drift").tell(look)
    assert monitor.seen("1.0.0") == look
    assert monitor.seen("2.0.0") == Report("2.0.0")
    monitor.shared.forget(Report("2.0.0"))
    assert monitor.seen("1.0.0") == Report("1.0.0")


def test_the_profile_is_published_with_the_model_and_signed(models: Path) -> None:
    components = build_components(Settings(models=models))
    profile = Profile.read(components.registry.files("1.0.0")["profile.json"])
    data = breast_cancer()
    assert profile == Profile.of(data.features, data.train_rows.tolist())
    assert (profile.rows, profile.twins) == (len(data.train_rows), 0)


Seen = dict[str, Any]


async def seen_when(client: httpx.AsyncClient, holds: Callable[[Seen], bool]) -> Seen:
    """The answer of /drift as soon as something holds of it, or the last one."""
    seen: Seen = {}
    for _ in range(3000):
        seen = (await client.get("/drift")).json()
        if holds(seen):
            break
        await asyncio.sleep(0.01)
    return seen


def drifting(seen: Seen) -> list[str]:
    return [feature["name"] for feature in seen["features"] if feature["verdict"] == DRIFT]


def watched(models: Path, scenario: Callable[[httpx.AsyncClient, Components], Awaitable[None]]) -> None:
    """Run a scenario against a service that looks often."""

    async def run() -> None:
        components = build_components(Settings(models=models, drift_window=400))
        components.drift.look_seconds = 0.01
        async with client_of(components) as client:
            await scenario(client, components)

    asyncio.run(run())


def test_quiet_fires_names_and_recovers(models: Path) -> None:
    rows = breast_cancer().train_rows
    rng = np.random.default_rng(8)

    async def send(client: httpx.AsyncClient, scale: float = 1.0) -> None:
        drawn = rows[rng.integers(len(rows), size=400)]
        drawn[:40, 3] *= scale
        assert (await client.post("/predict/batch", json={"instances": drawn[:399].tolist()})).status_code == 200
        assert (await client.post("/predict", json={"features": drawn[399].tolist()})).status_code == 200

    async def scenario(client: httpx.AsyncClient, components: Components) -> None:
        at_first = await seen_when(client, lambda seen: bool(seen["features"]))
        assert (at_first["verdict"], at_first["window"], len(at_first["features"])) == (TOO_FEW, 0, 30)
        published = components.registry.files("1.0.0")["profile.json"]
        assert at_first["reference"] == hashlib.sha256(published).hexdigest()
        await send(client)
        assert (await seen_when(client, lambda seen: seen["window"] == 400))["verdict"] == QUIET
        await send(client, scale=1000)
        fired = await seen_when(client, lambda seen: seen["verdict"] == DRIFT)
        assert drifting(fired) == ["mean area"]
        assert fired["reference"] == at_first["reference"]
        assert fired["features"][3]["test"] == "out_of_range"
        assert 0 < fired["smallest_shift"] < 1
        metrics = (await client.get("/metrics")).text
        assert 'feature_drift{feature="mean area"} 1.0' in metrics
        assert 'feature_drift{feature="mean radius"} 0.0' in metrics
        assert 'feature_drift_statistic{feature="mean area"} 0.' in metrics
        assert "drift_window_rows 400.0" in metrics
        await send(client)
        recovered = await seen_when(client, lambda seen: seen["verdict"] == QUIET)
        assert (recovered["verdict"], recovered["window"]) == (QUIET, 400)
        assert 'feature_drift{feature="mean area"} 0.0' in (await client.get("/metrics")).text

    watched(models, scenario)


def test_another_version_is_compared_with_its_own_data_from_its_first_row(models: Path) -> None:
    rows = breast_cancer().train_rows
    body = {"instances": (rows[:300] * 2).tolist()}

    async def scenario(client: httpx.AsyncClient, components: Components) -> None:
        assert (await client.post("/predict/batch", json=body)).status_code == 200
        assert (await seen_when(client, lambda seen: seen["verdict"] == DRIFT))["model_version"] == "1.0.0"
        await asyncio.to_thread(
            components.changes.apply,
            "a test",
            "promote",
            "",
            lambda state: msgspec.structs.replace(state, serving="2.0.0"),
        )
        at_once = (await client.get("/drift")).json()
        assert (at_once["model_version"], at_once["verdict"], at_once["window"]) == ("2.0.0", TOO_FEW, 0)
        assert [feature["n"] for feature in at_once["features"]] == [0] * 30
        await seen_when(client, lambda seen: components.drift.report.model_version == "2.0.0")
        assert (await client.post("/predict/batch", json=body)).status_code == 200
        again = await seen_when(client, lambda seen: seen["verdict"] == DRIFT)
        assert (again["model_version"], again["window"]) == ("2.0.0", 300)

    watched(models, scenario)


def test_refused_rows_are_not_seen(models: Path, row: list[float]) -> None:
    async def scenario(client: httpx.AsyncClient, components: Components) -> None:
        assert (await client.post("/predict", json={"features": [*row[1:], "x"]})).status_code == 422
        assert not components.drift.window.rows
        assert (await client.post("/predict", json={"features": row})).status_code == 200
        assert list(components.drift.window.rows) == [row]

    watched(models, scenario)


def test_the_monitor_can_be_replaced(models: Path, row: list[float]) -> None:
    class Deaf(DriftMonitor):
        def observe(self, rows: Sequence[Sequence[Cell]]) -> None:
            return

    async def scenario() -> None:
        parts = build_components(Settings(models=models))
        deaf = Deaf(parts.registry, parts.serving, parts.telemetry, parts.drift.shared, 400)
        async with client_of(replace(parts, drift=deaf)) as client:
            assert (await client.post("/predict", json={"features": row})).status_code == 200
            assert (await client.get("/drift")).json()["window"] == 0
            assert not deaf.window.rows

    asyncio.run(scenario())
