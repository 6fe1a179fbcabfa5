"""What bad manners do to the next client, on literal records: green, and red with each cause named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks.rudeness import survives_rudeness
from pytest_mlready.finding import Status
from pytest_mlready.records import Answered, Limits, Rude, Rudeness
from tests.unit.records_made import answered, exchange, replayed

CANARIES = (answered(0, 0), answered(3, 1))
LEFT = replace(exchange(failure="closed", sent=b'{"feat'), request_headers=(("Content-Length", "24"),))
CAPPED = Limits(answered(0), (exchange(413, case="a body of 32 MiB"),), None, None)
UNCAPPED = Limits(answered(0), (exchange(200, case="a body of 32 MiB"),), None, None)


def rude(*canaries: Answered, manner: str = "left in the middle of its body") -> Rude:
    return Rude(manner, LEFT, canaries or CANARIES)


def trickled(one: Answered) -> Rude:
    return Rude("sent its body a few bytes at a time", one.exchange, CANARIES, one)


def endless(status: int | None, *canaries: Answered) -> Rude:
    return Rude("sent a chunked body of 32 MiB", exchange(status, failure=None if status else "reset"), canaries)


GREEN = Rudeness((*CANARIES, *CANARIES), (rude(), trickled(CANARIES[0])), endless(413, *CANARIES), 2**25)


@pytest.mark.parametrize(
    "one",
    [
        GREEN,
        replace(GREEN, chunked=endless(None, *CANARIES)),
        replace(GREEN, chunked=None),
        replace(GREEN, rude=(trickled(answered(0, status=408)),)),
    ],
    ids=["refused", "cut off", "not sent", "too slow for it"],
)
def test_answers_as_before_pass(one: Rudeness) -> None:
    found = survives_rudeness(one, CAPPED)
    assert found.status is Status.PASS
    assert found.measurement is not None
    assert (found.measurement.value, found.measurement.limit) == (0, 0)


def test_every_answer_is_counted() -> None:
    found = survives_rudeness(GREEN, CAPPED)
    assert found.measurement is not None
    assert found.measurement.n == 2 + 3 + 3
    assert "8 canaries after 3 rude clients" in found.summary


@pytest.mark.parametrize(
    ("canary", "words"),
    [
        (Answered(exchange(failure="deadline"), (0,)), "got no answer: what the client held (a lock"),
        (Answered(exchange(failure="refused"), (0,)), "refused a connection: the service has ended"),
        (Answered(exchange(failure="reset"), (0,)), "no whole answer (reset)"),
        (answered(0, status=500), "was answered 500"),
        (answered(0, status=400), "was answered 400: something of the client's request reached the next one"),
        (answered(0, 1), "was answered otherwise (prediction 0 and 1): something of the client's request"),
        (Answered(exchange(), (0,), problem="no key"), "cannot be read: no key"),
    ],
)
def test_a_canary_that_changed_fails_with_its_cause(canary: Answered, words: str) -> None:
    found = survives_rudeness(replace(GREEN, rude=(rude(), rude(CANARIES[0], canary))), CAPPED)
    assert found.status is Status.FAIL
    assert found.summary.startswith(
        f"rudeness: after a client that left in the middle of its body, {canary.exchange.case}"
    )
    assert words in found.summary
    assert {holds for holds, _ in replayed(found)} == {"alike"}
    assert found.measurement is not None
    assert found.measurement.value == 1


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (answered(0, status=400), "was answered 400: a body is not what came first of it"),
        (answered(0, 1), "was answered otherwise (prediction 0 and 1): a body is not"),
        (Answered(exchange(failure="deadline"), (0,)), "got no whole answer (deadline)"),
    ],
)
def test_a_valid_row_that_comes_slowly_is_answered_as_any(own: Answered, words: str) -> None:
    found = survives_rudeness(replace(GREEN, rude=(trickled(own),)), CAPPED)
    assert found.status is Status.FAIL
    assert found.summary.startswith("rudeness: a client that sent its body a few bytes at a time")
    assert words in found.summary
    assert "same" in [holds for holds, _ in replayed(found)]


def test_a_limit_that_believes_content_length_fails_where_there_is_one() -> None:
    taken = replace(GREEN, chunked=endless(200, *CANARIES))
    found = survives_rudeness(taken, CAPPED)
    assert found.status is Status.FAIL
    assert "a chunked body of 32 MiB was answered 200: the limit believes Content-Length" in found.summary
    assert replayed(found) == [("refused", [taken.chunked.exchange.case])] if taken.chunked else False
    assert found.script is not None
    assert found.script.requests[0].white_space == 33_554_432
    assert survives_rudeness(taken, UNCAPPED).status is Status.PASS


def test_a_batch_refused_for_its_rows_shows_no_limit_on_bytes() -> None:
    taken = replace(GREEN, chunked=endless(200, *CANARIES))
    rows = replace(UNCAPPED, oversize=(*UNCAPPED.oversize, exchange(413, case="a batch of 100000 rows")))
    assert survives_rudeness(taken, rows).status is Status.PASS


def test_further_faults_are_details() -> None:
    several = rude(*(answered(0, status=status) for status in (500, 502, 503)))
    found = survives_rudeness(replace(GREEN, rude=(several,)), CAPPED)
    assert "500" in found.summary
    assert [one.rpartition(" ")[2] for one in found.details] == ["502", "503"]


def test_canaries_that_were_never_answered_show_nothing() -> None:
    found = survives_rudeness(replace(GREEN, first=(*CANARIES, answered(0, status=503))), CAPPED)
    assert found.status is Status.INCONCLUSIVE
    assert "503" in found.summary
    assert survives_rudeness(Rudeness((), ()), CAPPED).status is Status.INCONCLUSIVE


class TestUnsteady:
    FIRST = (answered(0, 0), answered(0, 1))

    def test_rows_that_change_by_themselves_are_not_compared(self) -> None:
        one = Rudeness(self.FIRST, (rude(answered(0, 5)),))
        assert survives_rudeness(one, CAPPED).status is Status.INCONCLUSIVE

    def test_but_have_to_be_answered(self) -> None:
        one = Rudeness(self.FIRST, (rude(Answered(exchange(failure="deadline"), (0,))),))
        assert survives_rudeness(one, CAPPED).status is Status.FAIL


def test_clients_that_could_not_connect_show_nothing() -> None:
    away = Answered(exchange(failure="refused"), (0,))
    found = survives_rudeness(replace(GREEN, rude=(rude(), trickled(away))), CAPPED)
    assert found.status is Status.INCONCLUSIVE
    assert "a few bytes at a time could not connect, though others could; 1 of 3 clients" in found.summary
    found = survives_rudeness(replace(GREEN, rude=(rude(CANARIES[0], answered(3, 0)), trickled(away))), CAPPED)
    assert found.status is Status.FAIL


def test_a_limit_of_our_rate_is_no_fault_of_the_service() -> None:
    limited = answered(0, status=429)
    assert survives_rudeness(replace(GREEN, rude=(rude(limited), trickled(limited))), CAPPED).status is Status.PASS
    found = survives_rudeness(replace(GREEN, rude=(rude(limited, limited, limited, limited),)), CAPPED)
    assert (found.status, "4 of 7" in found.summary) == (Status.INCONCLUSIVE, True), found.summary
    gone = rude(limited, answered(0, status=401))
    assert survives_rudeness(replace(GREEN, rude=(gone,)), CAPPED).status is Status.FAIL
