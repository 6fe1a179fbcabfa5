"""What Prometheus 3 takes as an exposition, and what it refuses."""

from __future__ import annotations

import pytest

from pytest_mlready.evidence.exposition import media_problem, read
from tests.unit.records_made import exchange

TEXT = b'# TYPE a counter\na_total{route="/predict"} 3\n# TYPE b gauge\nb NaN\n'
OPENMETRICS = b'# TYPE a counter\na_total{route="/predict"} 3.0\n# EOF\n'


@pytest.mark.parametrize(
    "media",
    [
        "text/plain; version=0.0.4; charset=utf-8",
        "text/plain; version=1.0.0; escaping=underscores",
        "text/plain",
        "text/plain; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        'TEXT/PLAIN; VERSION="0.0.4"',
    ],
)
def test_media_types_that_prometheus_takes(media: str) -> None:
    assert media_problem(media) is None


@pytest.mark.parametrize("media", [None, "", "text/html", "application/json", "text/plain; version=0.0.9", "garbage"])
def test_media_types_that_it_refuses(media: str | None) -> None:
    assert media_problem(media) is not None


@pytest.mark.parametrize(("media", "body"), [("text/plain", TEXT), ("application/openmetrics-text", OPENMETRICS)])
def test_samples_are_read_with_their_labels(media: str, body: bytes) -> None:
    found = read(exchange(body=body, headers=(("Content-Type", media),)))
    assert found.problem is None
    assert found.samples[0] == ("a_total", {"route": "/predict"}, 3.0)


def test_a_value_that_is_not_finite_stands_as_zero() -> None:
    assert read(exchange(body=TEXT, headers=(("Content-Type", "text/plain"),))).samples[1] == ("b", {}, 0.0)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (404, b"", "it answered 404"),
        (200, b'"# HELP a\\n"', "does not parse"),
        (200, b"a{ 1\n", "does not parse"),
        (200, b"\xff\xfe 1\n", "does not parse"),
    ],
)
def test_what_cannot_be_read_has_a_problem(status: int, body: bytes, word: str) -> None:
    found = read(exchange(status, body, headers=(("Content-Type", "text/plain; version=0.0.4"),)))
    assert word in str(found.problem)
    assert found.samples == ()
