"""What is saved holds no secret, and what holds none is saved as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from pytest_mlready.evidence.store import redacted

SECRETS = ("sesame street",)


@dataclass(frozen=True)
class Told:
    """A record as others are."""

    text: str = ""
    body: bytes = b""
    inner: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("record", "saved"),
    [
        (Told("sesame street 7"), Told("[redacted] 7")),
        (Told(body=b"\xff sesame street"), Told(body=b"\xff [redacted]")),
        (Told(inner=(1, Told("password=hunter22"))), Told(inner=(1, Told("password=[redacted]")))),
        (Told(named={"sesame street": 2**70}), Told(named={"[redacted]": 2**70})),
        (Told("token: abcdef", inner=("\ud800",)), Told("token: [redacted]", inner=("\ud800",))),
    ],
)
def test_secrets_are_cut_out_wherever_they_stand(record: Told, saved: Told) -> None:
    assert redacted(record, SECRETS) == saved


def test_a_record_without_any_is_the_same_one() -> None:
    record = Told("GET /metrics", b"{}", (1, 2.5, None), {"rows": np.zeros(3)})
    assert redacted(record, SECRETS) is record
