"""Who is told to come later comes later, for so long in all, and not at all if that was in vain."""

from __future__ import annotations

import time

import pytest

from pytest_mlready.records import Exchange, exchange
from pytest_mlready.service.patience import RateLimited
from tests.unit.records_made import exchange as made

LATER = (("Retry-After", "2"),)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (made(429, headers=LATER), 2.0),
        (made(429, headers=()), exchange.LATER_S),
        (made(429, headers=(("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"),)), exchange.LATER_S),
        (made(429, headers=(("Retry-After", "\u00b2"),)), exchange.LATER_S),
        (made(503, headers=LATER), None),
        (made(500, headers=LATER), None),
        (made(200, headers=LATER), None),
        (made(failure="closed"), None),
    ],
)
def test_what_a_service_asks_for(told: Exchange, seconds: float | None) -> None:
    assert told.retry_after_s == seconds


def test_it_is_asked_once_more_when_it_wants(slept: list[float]) -> None:
    limited = RateLimited(5.0)
    for _ in range(3):
        answers = iter([made(429, headers=LATER), made(200)])
        last = limited.patiently(lambda answers=answers: next(answers))  # type: ignore[misc]
    assert slept == [2.0, 2.0]
    assert last.status == 429
    assert limited.renewed().patiently(iter([made(429, headers=LATER), made(200)]).__next__).status == 200


def test_what_was_in_vain_is_not_done_again(slept: list[float]) -> None:
    limited = RateLimited(5.0)
    for _ in range(3):
        assert limited.patiently(lambda: made(429, headers=LATER)).status == 429
        limited = limited.renewed()
    assert slept == [2.0]


def test_other_answers_are_taken_as_they_are(slept: list[float]) -> None:
    for status in (200, 422, 500, 503):
        assert RateLimited(5.0).patiently(iter([made(status)]).__next__).status == status
    assert slept == []
