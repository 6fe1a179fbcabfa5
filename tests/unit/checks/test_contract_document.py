"""Verdicts on the interface document and on blame, over literal records."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.checks.contract import blame, documented, openapi
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import BrokenModel, Exchange, InterfaceDocument, LiveRoutes
from tests.unit.records_made import exchange, settings

ROUTES = ("POST /predict", "GET /health", "GET /models/{version}")


def document(**given: Any) -> InterfaceDocument:
    plain: dict[str, Any] = {"exchange": exchange(method="GET", path="/openapi.json"), "documented": ROUTES}
    plain |= {"checked_answers": 3, "examples": (exchange(case="example 1 of POST /predict"),)}
    return InterfaceDocument(**{**plain, **given})


def live(found: tuple[str, ...] = ROUTES, *, catch_all: bool = False) -> LiveRoutes:
    return LiveRoutes(found, catch_all)


@pytest.mark.parametrize(
    ("given", "routes", "status", "named"),
    [
        ({}, live(), "pass", "3 live routes are documented; 1 examples work"),
        ({"examples": ()}, live(), "pass", "no examples"),
        ({}, live(catch_all=True), "pass", "only the known ones were tried"),
        ({}, live((*ROUTES, "GET /debug")), "fail", "GET /debug answers and is not documented; 1 of 4"),
        ({}, live((*ROUTES, "ANY /admin")), "fail", "ANY /admin"),
        ({}, live((*ROUTES, "GET /metrics", "GET /docs")), "pass", "5 live"),
        ({"examples": (exchange(422, case="example 1 of POST /x"),)}, live(), "fail", "example 1 of POST /x, as"),
        ({"examples": (exchange(None, case="example 1"),)}, live(), "fail", "example 1, as documented, was answered d"),
        ({}, live(()), "inconclusive", "no live route"),
        ({"documented": (), "exchange": None}, live(), "inconclusive", "publish one"),
    ],
)
def test_documented(given: dict[str, Any], routes: LiveRoutes, status: str, named: str) -> None:
    expect(documented(document(**given), routes, settings()), status, named)


def test_undocumented_routes_may_be_declared_fine_but_examples_must_work() -> None:
    free = settings(contract={"documented_only": False})
    expect(documented(document(), live((*ROUTES, "GET /debug")), free), "pass", "4 live")
    expect(documented(document(examples=(exchange(500, case="example 1"),)), live(), free), "fail", "example 1")


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        ({}, "pass", "3 answers conform"),
        ({"exchange": None}, "fail", "no OpenAPI document is served"),
        ({"problems": ("info: missing",)}, "fail", "1 problem: info: missing"),
        ({"nonconforming": ("POST /predict 200: body: 'probabilities' is required",)}, "fail", "'probabilities'"),
        ({"checked_answers": 0}, "inconclusive", "[inputs] rows"),
    ],
)
def test_openapi(given: dict[str, Any], status: str, named: str) -> None:
    expect(openapi(document(**given)), status, named)


def broken(good: Exchange, bad: Exchange | None = None) -> BrokenModel:
    return BrokenModel((good,), () if bad is None else (bad,), None)


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (broken(exchange(500), exchange(422)), "pass", "1 good requests got 500"),
        (broken(exchange(503), exchange(503)), "pass", "503"),
        (broken(exchange(400, case="sample row 0"), exchange(400)), "fail", "(sample row 0) was answered 400"),
        (broken(exchange(500), exchange(500, case="body {}")), "fail", "(body {}) was answered 500"),
        (broken(exchange(500), exchange(200, case="body {}")), "fail", "(body {}) was answered 200"),
        (broken(exchange(500), exchange(None, case="body {}")), "fail", "(body {}) was answered deadline"),
        (broken(exchange(200)), "inconclusive", "did not break the model"),
        (broken(exchange(None), exchange(422)), "inconclusive", "no answer"),
        (broken(exchange(None)), "inconclusive", "answered nothing"),
        (BrokenModel((), (), None), "inconclusive", "answered nothing"),
    ],
)
def test_blame(given: BrokenModel, status: str, named: str) -> None:
    expect(blame(given), status, named)


def test_every_check_of_the_two_families_is_there_with_its_level() -> None:
    should = {
        "identity.metadata_complete", "contract.openapi", "contract.reject_coercion", "contract.blame",
        "contract.request_id", "contract.cache_truth",
    }  # fmt: skip
    family = {id: one for id, one in checks().items() if one.family in {"identity", "contract"}}
    assert len([id for id in family if id.startswith("identity.")]) == 6
    assert len([id for id in family if id.startswith("contract.")]) == 14
    assert {id for id, one in family.items() if one.severity == "should"} == should
    assert all(one.remedy and one.why for one in family.values())


def expect(found: Finding, status: str, named: str) -> None:
    assert (found.status, named in found.summary) == (Status(status), True), found.summary
