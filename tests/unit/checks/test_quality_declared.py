"""Edge cases, forbidden features and the age of labelled rows, on literal records."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from pytest_mlready.checks import quality_declared
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import EdgeCase, EdgeCases, Identity, LabelledAnswers
from tests.unit.records_made import answered, exchange, settings


class TestEdgeCases:
    def judge(self, expect: Any, **given: Any) -> Finding:
        case = EdgeCase("an empty text", expect, answered(**given))
        return quality_declared.edge_cases(EdgeCases((case,)), settings())

    @pytest.mark.parametrize(
        ("expect", "given", "status"),
        [
            ("yes", {"label": "yes"}, Status.PASS),
            ("yes", {"label": "no"}, Status.FAIL),
            (1, {"label": "1"}, Status.PASS),
            (0.5, {"label": 0.5 + 1e-9}, Status.PASS),
            (0.5, {"label": 0.6}, Status.FAIL),
            ({"minimum": 0, "maximum": 1}, {"label": 0.6}, Status.PASS),
            ({"minimum": 0.7}, {"label": 0.6}, Status.FAIL),
            ({"maximum": 0.5}, {"label": 0.6}, Status.FAIL),
            ({"minimum": 0}, {"label": "many"}, Status.FAIL),
            ({"refused": True}, {"status": 422}, Status.PASS),
            ({"refused": True}, {"status": 500}, Status.FAIL),
            ({"refused": True}, {"label": "yes"}, Status.FAIL),
            ("yes", {"status": 422}, Status.FAIL),
            ("yes", {"status": None}, Status.FAIL),
        ],
    )
    def test_each_gets_what_is_expected(self, expect: Any, given: dict[str, Any], status: Status) -> None:
        found = self.judge(expect, **given)
        assert found.status is status
        if status is Status.FAIL:
            assert found.summary.startswith("1 of 1 edge cases: an empty text: ")
            assert "curl" in found.replay


class TestForbidden:
    def judge(self, info: object, sent: bytes = b"[1, 2]", **declared: Any) -> Finding:
        identity = Identity(answered(sent=sent), {}, exchange(200, info, method="GET", path="/info"))
        return quality_declared.no_forbidden_feature(identity, settings(quality={"forbidden": ["postcode", "sex"]}))

    @pytest.mark.parametrize(
        "info",
        [
            {"features": [{"name": "age"}, {"name": "Post-Code"}]},
            {"feature_names": ["age", "POSTCODE"]},
            {"model": {"features": {"age": {}, "post_code": {}}}},
        ],
    )
    def test_the_info_route_names_one(self, info: object) -> None:
        found = self.judge(info)
        assert found.status is Status.FAIL
        assert "is a feature of the model and forbidden" in found.summary

    def test_a_predict_body_has_one(self) -> None:
        found = self.judge({}, b'{"instances": [{"features": {"age": 3, "sex": "f"}}]}')
        assert found.status is Status.FAIL
        assert found.summary.startswith("sex is")

    def test_others_are_allowed(self) -> None:
        found = self.judge({"features": ["age", "sexton"]}, b'{"features": {"age": 3}}')
        assert found.status is Status.PASS
        assert "none of 2 features" in found.summary

    @pytest.mark.parametrize("sent", [b"[[1, 2]]", b"\xff", b""])
    def test_without_names_nothing_is_known(self, sent: bytes) -> None:
        assert self.judge({"version": "1"}, sent).status is Status.INCONCLUSIVE


class TestAge:
    def judge(self, until: datetime.date, **declared: Any) -> Finding:
        record = LabelledAnswers((1,), (None,), 1, answered_on="2026-11-21")
        return quality_declared.prod_like_data(record, settings(quality={"collected_until": until, **declared}))

    @pytest.mark.parametrize(
        ("until", "status"),
        [
            (datetime.date(2025, 11, 21), Status.PASS),
            (datetime.date(2025, 11, 20), Status.FAIL),
            (datetime.date(2026, 11, 21), Status.PASS),
            (datetime.date(2026, 11, 22), Status.FAIL),
        ],
        ids=str,
    )
    def test_a_year_is_allowed(self, until: datetime.date, status: Status) -> None:
        assert self.judge(until).status is status

    def test_another_age_may_be_declared(self) -> None:
        found = self.judge(datetime.date(2026, 8, 1), max_age_days=90)
        assert found.status is Status.FAIL
        assert "112 days before they were asked; 90 are allowed" in found.summary
