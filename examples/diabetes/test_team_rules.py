"""A team's own rules in the readiness report: one test for each fixture that the plugin offers."""

from __future__ import annotations

import pytest


@pytest.mark.mlready("team.body_mass", why="clinicians know that progression grows with body mass")
def test_progression_grows_with_body_mass(mlready, mlready_predict, mlready_rows):
    row = dict(mlready_rows[0])
    lean, heavy = mlready_predict([{**row, "bmi": 20.0}, {**row, "bmi": 35.0}])
    mlready.observe(heavy.prediction - lean.prediction, limit=0)
    assert heavy.prediction > lean.prediction


@pytest.mark.mlready("team.plausible", severity="should")
@pytest.mark.parametrize("index", [0, 7, 19])
def test_predictions_are_plausible(index, mlready, mlready_predict, mlready_rows):
    progression = mlready_predict(mlready_rows[index]).prediction
    mlready.observe(progression, limit="25 to 350")
    assert 25 <= progression <= 350


@pytest.mark.mlready("team.model_card")
def test_the_model_names_its_data(mlready, mlready_client):
    answer = mlready_client.get("/model/info")
    mlready.attach(answer.text)
    assert answer.json()["data_version"].startswith("sha256:")


@pytest.mark.mlready("team.where")
def test_the_service_runs_here(mlready_target, mlready_settings):
    assert mlready_target.url.startswith("http://127.0.0.1:")
    assert mlready_settings.service.name == "diabetes progression"


@pytest.mark.mlready("team.burst", severity="should", why="the nightly job sends 50 requests a second")
def test_a_burst_is_answered(mlready, mlready_load):
    run = mlready_load(rate=50, duration_s=2)
    statuses = run.named("predict").statuses
    mlready.observe(statuses.get("200", 0), unit="1", n=run.named("predict").offered)
    assert set(statuses) == {"200"}


@pytest.mark.mlready("team.old_patients", severity="should", why="the trial had few of them")
def test_old_patients_are_predicted_as_well(mlready_quality):
    found = mlready_quality("sample.csv", metric="mae", threshold=60, slices=["age"], slice_floor=65)
    assert found["threshold"].status == "pass", found["threshold"].summary
    assert found["slices"].status != "fail", found["slices"].summary
