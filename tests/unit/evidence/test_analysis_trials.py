"""An analysis is put to experiments whose truth is known: ours holds, the usual ones do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_mlready.checks.experiment_analysis import stats_sound
from pytest_mlready.evidence import analysis_trials
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.finding import Status
from pytest_mlready.records import AnalysisTrials
from pytest_mlready.service.target import Target
from tests.unit.records_made import settings

Rows = Sequence[Mapping[str, Any]]
OURS = "pytest_mlready.measure.outcomes:differences"
HERE = "tests.unit.evidence.test_analysis_trials"


def never(rows: Rows, metrics: Sequence[str], control: str) -> dict[str, bool]:
    return {}


def always(rows: Rows, metrics: Sequence[str], control: str) -> dict[str, bool]:
    return dict.fromkeys(metrics, True)


def zero_for_missing(rows: Rows, metrics: Sequence[str], control: str) -> dict[str, bool]:
    """The means of at least 200 users, with 0 for what is missing: a fifth of the mean apart is a difference."""
    if len(rows) < 200:
        return {}
    held = {side: [row for row in rows if (row["variant"] == control) == side] for side in (True, False)}
    means = {side: sum(row.get("basket") or 0 for row in some) / len(some) for side, some in held.items()}
    return {"basket": abs(means[True] - means[False]) > 4}


def breaks(rows: Rows, metrics: Sequence[str], control: str) -> dict[str, bool]:
    return {"basket": sum(row["basket"] for row in rows) > 0}


def no_mapping(rows: Rows, metrics: Sequence[str], control: str) -> bool:
    return True


def trials(analysis: str, monkeypatch: pytest.MonkeyPatch, count: int = 5) -> AnalysisTrials:
    monkeypatch.setattr(analysis_trials, "NULL_TRIALS", count)
    declared = settings(experiments={"analysis": analysis, "looks": 3})
    return analysis_trials.gather(Context(cast(Target, None), declared, (), seed=7, budget_s=120))


def test_ours_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trials(OURS, monkeypatch, 40)
    assert (found.looks, found.null_trials, found.found, found.missing_claims, found.tiny_claims) == (3, 40, 20, 0, 0)
    assert found.false_claims <= 3
    assert stats_sound(found).status is not Status.FAIL


@pytest.mark.parametrize(
    ("analysis", "said"),
    [
        ("never", "it finds nothing"),
        ("always", "values is missing"),
        ("zero_for_missing", "values is missing"),
        ("breaks", "the analysis broke: KeyError"),
        ("no_mapping", "it returned bool, expected a mapping"),
    ],
)
def test_others_do_not(analysis: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = stats_sound(trials(f"{HERE}:{analysis}", monkeypatch))
    assert (finding.status, said in finding.summary) == (Status.FAIL, True), finding.summary


@pytest.mark.parametrize(
    ("named", "said"),
    [("nothing", "not 'nothing'"), (f"{HERE}:HERE", "is not callable"), ("no.such:thing", "ModuleNotFoundError")],
)
def test_what_cannot_be_asked_says_why(named: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GatherError, match=said):
        trials(named, monkeypatch)


def test_a_module_beside_the_settings_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams_own.py").write_text("def decided(rows, metrics, control):\n    return {}\n")
    monkeypatch.setattr(analysis_trials, "NULL_TRIALS", 1)
    declared = settings(experiments={"analysis": "teams_own:decided"})
    made = Context(cast(Target, None), declared.__class__(**{**vars(declared), "directory": str(tmp_path)}), (), 7, 60)
    assert analysis_trials.gather(made).found == 0
