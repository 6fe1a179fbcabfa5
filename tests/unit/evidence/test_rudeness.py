"""Rude clients against a small service in threads, sound and with what only they bring out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from pytest_mlready.checks.rudeness import survives_rudeness
from pytest_mlready.evidence import rudeness
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.rude_clients import ABRUPT, CROWD, STALLED, TRICKLING, Manner, misbehave, misbehaving
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.finding import Status
from pytest_mlready.protocols.http1 import chunked
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Limits, Row, Rudeness
from pytest_mlready.service.target import Target
from tests.plugin.stub_service import FEATURES, Stub, server
from tests.unit.player.test_connecting import nobody_at_the_first
from tests.unit.records_made import answered, exchange, settings

ROWS: tuple[Row, ...] = tuple(
    {name: (1.0 if at % 2 else -1.0) * (place + at + 1) for place, name in enumerate(FEATURES)} for at in range(20)
)
CAPPED = Limits(answered(0), (exchange(413, case="a body of 32 MiB"),), None, None)
BATCHED = JsonMapping(batch_path="/predict/batch", batch_key="rows", probabilities_key="probabilities")


@dataclass
class Wedged(Stub):
    """Half a body ends in an exception under a lock that is never released."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if not self.lock.acquire(timeout=1.0):
            return 503, {}
        if body and not body.endswith(b"}"):
            raise OSError("the client left")
        self.lock.release()
        return super().answer(method, path, body)


@dataclass
class Dirty(Stub):
    """Half a body is kept and put before the next."""

    left: bytes = b""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        whole, self.left = self.left + body, b"" if not body or body.endswith(b"}") else body
        return super().answer(method, path, whole)


@dataclass
class Places(Stub):
    """Who vanishes takes one of twenty places with him."""

    taken: int = 0

    def vanished(self) -> None:
        self.taken += 1

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        return (503, {}) if self.taken > 20 else super().answer(method, path, body)


@contextmanager
def serving(stub: Stub, mapping: JsonMapping = BATCHED) -> Iterator[Context]:
    made = server(stub)
    made.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    try:
        target = Target(f"http://127.0.0.1:{made.server_address[1]}", mapping, {}, None, frozenset({"fuzz"}))
        yield Context(target, settings(), ROWS, 7, 1.0)
    finally:
        made.shutdown()
        made.server_close()


def gathered(stub: Stub, mapping: JsonMapping = BATCHED) -> Rudeness:
    with serving(stub, mapping) as context:
        record = rudeness.gather(context)
    return msgspec.json.decode(msgspec.json.encode(record), type=Rudeness, strict=True)


def test_a_sound_service_survives_them_all() -> None:
    record = gathered(Stub())
    found = survives_rudeness(record, CAPPED)
    assert found.status is Status.PASS, found.summary
    assert {one.manner for one in record.rude} == {manner.name for manner in (*ABRUPT, TRICKLING, STALLED, CROWD)}
    assert [one.exchange.status for one in record.rude if one.answered is not None] == [200]
    assert record.chunked is not None
    assert len(record.chunked.exchange.request_body) < 1000


def test_canaries_are_two_answers_on_new_and_on_kept_connections() -> None:
    record = gathered(Stub())
    for one in record.rude:
        assert {canary.exchange.case.rpartition(" on ")[2] for canary in one.canaries} == {
            "a new connection",
            "a kept connection",
        }
        assert {canary.only.prediction for canary in one.canaries if canary.only} == {0, 1}


def test_a_client_tries_every_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nobody_at_the_first(socket.getaddrinfo))
    with serving(Stub()) as context:
        named = replace(context.target, url=context.target.url.replace("127.0.0.1", "localhost"))
        assert misbehave(named, TRICKLING, "/predict", BATCHED.encode_row(ROWS[0]), 1.0).outcome == "200"


def test_a_client_that_could_not_connect_was_refused() -> None:
    with serving(Stub()) as context:
        pass
    assert misbehave(context.target, TRICKLING, "/predict", b"{}", 1.0).failure == "refused"


def test_without_a_batch_route_no_long_answer_is_asked_for() -> None:
    record = gathered(Stub(), JsonMapping())
    assert all("in the middle of its answer" not in one.manner for one in record.rude)
    assert {one.exchange.path for one in record.rude} == {"/predict"}


def test_a_lock_that_is_never_released_is_found_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rudeness, "DEADLINE_S", 0.4)
    record = gathered(Wedged())
    found = survives_rudeness(record, CAPPED)
    assert found.status is Status.FAIL
    assert "after a client that left in the middle of its body" in found.summary
    assert "a lock" in found.summary
    assert record.rude[-1].canaries[-1].exchange.failure == "deadline"
    assert record.chunked is None


def test_half_a_body_before_the_next_is_found() -> None:
    found = survives_rudeness(gathered(Dirty()), CAPPED)
    assert found.status is Status.FAIL
    assert "reached the next one" in found.summary


def test_the_row_of_an_endless_body_comes_last() -> None:
    """A service that reads no further than its cap, and ignores the rest, must not find it."""
    framed = chunked([b"    ", b"", b"  {}"])
    assert framed == b"4\r\n    \r\n4\r\n  {}\r\n0\r\n\r\n"


def test_nobody_listening_is_no_evidence() -> None:
    with serving(Stub()) as context:
        pass
    with pytest.raises(GatherError, match="refused"):
        rudeness.gather(context)


def test_so_large_a_cap_is_left_alone() -> None:
    with serving(Stub()) as context:
        large = settings(contract={"max_body_bytes": 2**26})
        own = Context(context.target, large, ROWS, 7, 0.1)
        assert rudeness.gather(own).chunked is None


@pytest.mark.parametrize(
    ("manner", "outcomes"),
    [
        (ABRUPT[0], {"closed"}),
        (ABRUPT[2], {"closed"}),
        (TRICKLING, {"200"}),
        (Manner("listens", share=0.5, listens="whole answer"), {"deadline"}),
    ],
    ids=lambda one: one.name if isinstance(one, Manner) else "",
)
def test_what_a_client_heard(manner: Manner, outcomes: set[str]) -> None:
    with serving(Stub()) as context:
        body = BATCHED.encode_row(ROWS[0])
        heard = misbehave(context.target, manner, "/predict", body, 0.6)
    assert heard.outcome in outcomes
    assert heard.request_body == body[: int(len(body) * manner.share)]
    assert dict(heard.request_headers)["Content-Length"] == str(len(body))


def waited(until: Callable[[], bool]) -> bool:
    for _ in range(200):
        if until():
            return True
        time.sleep(0.01)
    return False


def test_half_a_body_really_reaches_the_service() -> None:
    stub = Stub()
    with serving(stub) as context:
        misbehave(context.target, ABRUPT[1], "/predict", BATCHED.encode_row(ROWS[0]), 1.0)
        assert waited(lambda: len(stub.requests) == 1)


def test_a_client_that_stays_holds_its_connection_while_others_ask() -> None:
    stub = Stub()
    with serving(stub) as context:
        with misbehaving(context.target, STALLED, "/predict", BATCHED.encode_row(ROWS[0]), 1.0):
            assert context.target.transport().request("health", "GET", "/health").ok
            assert [path for _, _, path, _ in stub.requests] == ["/health"]
        assert waited(lambda: len(stub.requests) == 2)  # its half of a body, once it has left


def test_a_crowd_takes_every_place() -> None:
    found = survives_rudeness(gathered(Places()), CAPPED)
    assert (found.status, "after 30 clients that each vanished" in found.summary) == (Status.FAIL, True), found.summary
