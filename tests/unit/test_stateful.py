"""The state machine: sound services pass it, and what a service remembers by mistake ends it with the steps."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import Phase, settings

from pytest_mlready.service.target import NotAllowed
from pytest_mlready.stateful import BOUNDED, Conversation, conversation, converse
from tests.plugin.stub_service import Stub
from tests.unit.evidence.test_rudeness import ROWS, Dirty, serving

SHORT = settings(BOUNDED, max_examples=8, stateful_step_count=10)
MANY = settings(BOUNDED, max_examples=40, phases=[Phase.generate])


@dataclass
class Sound(Stub):
    """What is no finite number of 64 bits is refused, rather than met by the sum."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        odd = any(literal in body for literal in (b"NaN", b"Infinity", b"1e400", b"7" * 400))
        return (422, {}) if odd else super().answer(method, path, body)


@dataclass
class StaleAfterAnError(Sound):
    """After a refusal the next good row gets the answer before."""

    last: Any = None
    refused: bool = False

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        status, document = super().answer(method, path, body)
        if path != "/predict":
            return status, document
        if status != 200:
            self.refused = True
            return status, document
        stale, self.refused = self.refused and self.last is not None, False
        self.last, document = document, self.last if stale else document
        return status, document


@dataclass
class LargeBatchesCount(Sound):
    """A batch of more than ten rows changes every later answer."""

    changed: bool = False

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        status, document = super().answer(method, path, body)
        if path == "/predict/batch" and status == 200:
            self.changed = self.changed or len(json.loads(body)["rows"]) > 10
        if path == "/predict" and status == 200 and self.changed and isinstance(document, dict):
            document = {**document, "prediction": 1 - document["prediction"]}
        return status, document


@dataclass
class HalfABodyStays(Sound, Dirty):
    """What a client that left had sent comes before the next body."""


@dataclass
class BreaksOnOverflow(Sound):
    """A number that overflows is an exception of the service."""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        return (500, {}) if b"1e400" in body else super().answer(method, path, body)


def talk(stub: Stub, how: settings) -> None:
    with serving(stub) as context:
        converse(context.target, ROWS, how)


def test_a_sound_service_answers_as_ever() -> None:
    stub = Sound()
    talk(stub, SHORT)
    assert {path for _, _, path, _ in stub.requests} == {"/predict", "/predict/batch"}


@pytest.mark.parametrize(
    ("stub", "told"),
    [
        (StaleAfterAnError(), "is answered otherwise than at first"),
        (LargeBatchesCount(), "is answered otherwise than at first"),
        (HalfABodyStays(), "answered 4"),
        (BreaksOnOverflow(), "1e400 in x"),
    ],
)
def test_what_a_service_remembers_is_found(stub: Stub, told: str) -> None:
    with pytest.raises(AssertionError) as caught:
        talk(stub, MANY)
    assert told in str(caught.value)


def test_canaries_are_rows_with_different_answers() -> None:
    with serving(Stub()) as context:
        machine = conversation(context.target, ROWS)
    assert issubclass(machine, Conversation)
    assert machine.known[0].prediction != machine.known[-1].prediction


def test_rows_and_permission_are_needed() -> None:
    with serving(Stub()) as context:
        with pytest.raises(ValueError, match="needs sample rows"):
            conversation(context.target, ())
        with pytest.raises(NotAllowed, match="fuzz"):
            conversation(replace(context.target, allow=frozenset()), ROWS)
