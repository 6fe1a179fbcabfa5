"""What generated rows do to a server, on literal records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks.server_errors import no_server_error
from pytest_mlready.finding import Status
from pytest_mlready.records import Answered, Corpus, Exchange, Generated
from tests.unit.records_made import answered, exchange

ONE = Generated(0, {"x0": 1e9}, answered(0))
REFUSED = Generated(0, {"x0": -1.0}, answered(0, status=422))
GREEN = Corpus((answered(0), answered(0)), (ONE, REFUSED, ONE))


def test_answered_or_refused_passes() -> None:
    found = no_server_error(GREEN)
    assert found.status is Status.PASS
    assert "3 generated rows: 2 answered" in found.summary


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (answered(0, status=500, case="sample row 0 with x0 = 0"), "sample row 0 with x0 = 0 was answered 500"),
        (Answered(exchange(failure="deadline"), (0,)), "got no answer (deadline)"),
        (Answered(exchange(), (0,), problem="NaN is not JSON"), "cannot be read: NaN is not JSON"),
    ],
)
def test_a_failure_is_told_by_its_smallest_form(bad: Answered, words: str) -> None:
    small = Generated(0, {"x0": 0.0}, bad)
    large = Generated(0, {"x0": 0.0, "x1": 1.0}, bad)
    found = no_server_error(replace(GREEN, cases=(*GREEN.cases, large, large), shrunk=(small, small)))
    assert found.status is Status.FAIL
    assert words in found.summary
    assert "2 of 5 generated rows fail" in found.summary
    assert found.replay.startswith("curl")
    assert len(found.details) == 1


def test_a_service_that_does_not_come_back_fails() -> None:
    found = no_server_error(replace(GREEN, sample=(answered(0), Answered(exchange(failure="refused"), (0,)))))
    assert found.status is Status.FAIL
    assert "refused after them" in found.summary


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (exchange(500, case="a body of gzip that is none"), "a body of gzip that is none was answered 500"),
        (exchange(failure="deadline", case="a long text"), "a long text got no answer (deadline)"),
    ],
)
def test_an_odd_request_is_no_reason_for_a_server_error(odd: Exchange, words: str) -> None:
    found = no_server_error(replace(GREEN, odd=(exchange(415), odd)))
    assert (found.status, words in found.summary) == (Status.FAIL, True), found.summary
    assert found.script is not None


def test_a_coding_may_be_refused_or_not_be_implemented() -> None:
    found = no_server_error(replace(GREEN, odd=(exchange(415), exchange(501), exchange(200))))
    assert (found.status, "so were 3 odd requests" in found.summary) == (Status.PASS, True)


def test_without_an_answer_to_the_sample_nothing_is_said() -> None:
    assert no_server_error(replace(GREEN, sample=(answered(0, status=401),) * 2)).status is Status.INCONCLUSIVE
    assert no_server_error(replace(GREEN, cases=())).status is Status.INCONCLUSIVE
