"""Verdicts on who answers, over literal records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_mlready.checks.identity import version_agrees, version_not_echoed, version_reported
from pytest_mlready.checks.identity_artefact import artefact_digest, framework_matches, metadata_complete
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Answers, Artefact, Identity
from tests.unit.records_made import answered, exchange

ACTUAL = "a" * 64
OTHER = "b" * 64
METADATA = {
    "metrics": {"accuracy": 0.98},
    "trained_at": "2026-11-01",
    "data_version": "sha256:1",
    "framework": "scikit-learn",
    "features": [{"name": "x"}],
    "git_revision": "abc",
}
AGREED = {"predict": "1.0.0", "info": "1.0.0", "health": "1.0.0", "metrics": "1.0.0"}


def identity(**given: Any) -> Identity:
    plain = {
        "predict": answered(),
        "sources": AGREED,
        "info": exchange(case="info", method="GET", path="/model/info"),
        "health": exchange(case="health", method="GET", path="/health"),
        "nonsense": exchange(404, case="model version 999.999.999"),
        "nonsense_version": "999.999.999",
        "selectable": True,
    }
    return Identity(**{**plain, **given})


def answers(*singles: Any) -> Answers:
    return Answers(tuple(singles), ())


def artefact(**given: Any) -> Artefact:
    plain: dict[str, Any] = {"version": "1.0.0", "file": "model.skops", "actual": ACTUAL, "recorded": ACTUAL}
    plain |= {"served": ACTUAL, "saved_with": "1.9.1", "runtime": "1.9.1", "framework": "scikit-learn"}
    return Artefact(**{**plain, "metadata": METADATA, **given})


@pytest.mark.parametrize(
    ("given", "about", "status", "named"),
    [
        (answers(answered()), {}, "pass", "1 answers"),
        (answers(answered(), answered(version=None, case="row 7")), {}, "fail", "row 7"),
        (answers(answered(version="unknown", case="row 7")), {}, "fail", "'unknown'"),
        (answers(answered(version=None, headers=(("X-Model-Version", "2"),))), {}, "pass", "1 answers"),
        (answers(answered()), {"sources": {"predict": "1.0.0", "info": "unknown"}}, "fail", "info"),
        (answers(answered()), {"sources": {"predict": "1.0.0"}}, "fail", "GET /model/info"),
        (answers(answered()), {"info": None, "sources": {"predict": "1.0.0"}}, "pass", "1 answers"),
        (answers(answered(status=500)), {}, "inconclusive", "none of 1"),
        (answers(), {}, "inconclusive", "none of 0"),
    ],
)
def test_version_reported(given: Answers, about: dict[str, Any], status: str, named: str) -> None:
    expect(version_reported(given, identity(**about)), status, named)


@pytest.mark.parametrize(
    ("sources", "status", "named"),
    [
        (AGREED, "pass", "4 sources name 1.0.0"),
        ({**AGREED, "health": "unknown"}, "fail", "health: unknown"),
        ({**AGREED, "health": None}, "fail", "health: None"),
        ({**AGREED, "metrics": "0.9.0"}, "fail", "metrics: 0.9.0"),
        ({**AGREED, "registry metadata": "2.0.0"}, "fail", "registry metadata: 2.0.0"),
        ({**AGREED, "predict": None, "info": "unknown"}, "pass", "2 sources"),
        ({"predict": "1.0.0"}, "inconclusive", "1 source"),
        ({"predict": None, "health": "unknown"}, "inconclusive", "0 source"),
        ({}, "inconclusive", "0 source"),
    ],
)
def test_version_agrees(sources: dict[str, str | None], status: str, named: str) -> None:
    expect(version_agrees(identity(sources=sources)), status, named)


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        ({}, "pass", "refused with 404"),
        ({"nonsense": exchange(422)}, "pass", "refused with 422"),
        ({"nonsense": exchange(200, {"model_version": "999.999.999"})}, "fail", "echoed"),
        ({"nonsense": exchange(200, headers=(("x-model-version", "999.999.999"),))}, "fail", "echoed"),
        ({"nonsense": exchange(200, {"model_version": "1.0.0"})}, "fail", "another answered 200"),
        ({"nonsense": exchange(200, {"model_version": "1.0.0"}), "selectable": False}, "pass", "not echoed"),
        ({"nonsense": exchange(500)}, "fail", "500"),
        ({"nonsense": exchange(None)}, "fail", "deadline"),
        ({"nonsense": exchange(401)}, "inconclusive", "401"),
        ({"nonsense": None}, "not_applicable", "no place"),
        ({"nonsense": None, "predict": None}, "inconclusive", "[inputs] rows"),
    ],
)
def test_version_not_echoed(given: dict[str, Any], status: str, named: str) -> None:
    expect(version_not_echoed(identity(**given)), status, named)


@pytest.mark.parametrize(
    ("check", "given", "status", "named"),
    [
        (artefact_digest, {}, "pass", "as recorded and as served"),
        (artefact_digest, {"actual": OTHER}, "fail", "model.skops of 1.0.0 is bbbbbbbbbbbb…, recorded is aaaaaaaaaaaa"),
        (artefact_digest, {"served": OTHER}, "fail", "the service says it loaded bbbbbbbbbbbb"),
        (artefact_digest, {"recorded": None}, "inconclusive", "records no sha256"),
        (artefact_digest, {"served": None}, "inconclusive", "does not say"),
        (framework_matches, {}, "pass", "1.9.1"),
        (framework_matches, {"saved_with": "1.3.0"}, "fail", "saved with scikit-learn 1.3.0, served by 1.9.1"),
        (framework_matches, {"saved_with": None}, "inconclusive", "does not tell"),
        (framework_matches, {"runtime": None}, "inconclusive", "is not told"),
        (metadata_complete, {}, "pass", "1.0.0"),
        (metadata_complete, {"metadata": {**METADATA, "data_version": None}}, "fail", "lack: data version"),
        (metadata_complete, {"metadata": {**METADATA, "git_revision": "unknown"}}, "fail", "git revision"),
        (metadata_complete, {"metadata": {}}, "fail", "no readable metadata"),
    ],
)
def test_artefact(check: Callable[[Artefact], Finding], given: dict[str, Any], status: str, named: str) -> None:
    expect(check(artefact(**given)), status, named)


def test_metadata_may_be_nested_and_named_otherwise() -> None:
    metadata = {
        "Training-Date": "2026", "dataset_version": 3, "library": "sklearn", "git": {"commit": "abc"},
        "model": {"feature_names": ["x"], "performance": 0.9},
    }  # fmt: skip
    expect(metadata_complete(artefact(metadata=metadata)), "pass", "metrics")


def expect(found: Finding, status: str, named: str) -> None:
    assert (found.status, named in found.summary) == (Status(status), True), found.summary
