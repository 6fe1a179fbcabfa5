"""What a target says may be printed, what it must not say is taken out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlready.service.scrub import needs_none, redact, redact_headers, scrub


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é €", "plain\n\ttext é €"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J\x00\r\x7f", "\\x9b2J\\x00\\r\\x7f"),
        ("\u202etxt.exe\u2066", "\\u202etxt.exe\\u2066"),
        ("\ud800", "\\ud800"),
    ],
)
def test_scrub(text: str, shown: str) -> None:
    assert scrub(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("-H 'authorization: Basic dXNlcjpwYXNz'", "-H 'authorization: Basic [redacted]'"),
        ('{"password":"hunter22", "user":"ana"}', '{"password":"[redacted]", "user":"ana"}'),
        ("?api_key=abcd1234&x=1", "?api_key=[redacted]&x=1"),
        ("X-Api-Key: abcd1234", "X-Api-Key: [redacted]"),
        ("the sesame opens", "the [redacted] opens"),
        ("a bearer of news, a token of love", "a bearer of news, a token of love"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text, ["sesame"]) == shown


def test_redact_is_stable() -> None:
    once = redact("Authorization: Bearer abc.def-123; password=hunter22")
    assert redact(once) == once


WORDS = ["Bearer", "basic", "token", "authorization", "X-Api-Key", "api_key", "passwd", "secret", "sesame"]
WORDS += ["apikey", "password", ":", "=", '"', "abcdef123"]
ODD = str.maketrans({"i": "\u0131", "I": "\u0130", "s": "\u017f", "k": "\u212a"})
"""Letters that a pattern without regard to case takes for those of ASCII, unless it is told not to."""
WRITTEN = st.sampled_from([*WORDS, " ", "\u2122"]).flatmap(
    lambda word: st.sampled_from([word, word.upper(), word.translate(ODD), word.title().translate(ODD)])
)


@given(st.lists(WRITTEN, max_size=8))
def test_what_is_said_to_need_no_redaction_needs_none(pieces: list[str]) -> None:
    text = "".join(pieces)
    if needs_none(text.encode(), ["sesame"]):
        assert redact(text, ["sesame"]) == text


def test_hardly_anything_needs_redaction() -> None:
    assert needs_none('{"prediction": "benign", "detail": "features.3: should be a number"} é'.encode(), ["sesame"])


def test_redact_headers() -> None:
    headers = [("Authorization", "Custom xyz"), ("Set-Cookie", "id=1"), ("X", "sesame"), ("Y", "z")]
    assert redact_headers(headers, ["sesame"]) == (
        ("Authorization", "[redacted]"),
        ("Set-Cookie", "[redacted]"),
        ("X", "[redacted]"),
        ("Y", "z"),
    )
