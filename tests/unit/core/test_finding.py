"""Findings survive their journeys: JSON-plain, bounded, and the same on the other side."""

from __future__ import annotations

import json
from dataclasses import replace

from pytest import mark

from pytest_mlready.finding import (
    BLOCKING,
    MAX_JSON_BYTES,
    Finding,
    Measurement,
    Severity,
    Status,
    errored,
    failed,
    finite,
    inconclusive,
    passed,
)

MEASURED = Measurement(0.312, "s", 4800, (0.289, 0.341), 0.25)
WHOLE = Finding(
    Status.FAIL,
    "p99 über dem Limit",
    MEASURED,
    ("one", "two"),
    "latency.p99",
    Severity.SHOULD,
    ("steady_load",),
    "why",
    "remedy",
    "pytest --mlready",
    "mlready.toml::latency.p99",
)


@mark.parametrize(
    "finding",
    [
        WHOLE,
        replace(WHOLE, measurement=None),
        replace(WHOLE, measurement=Measurement("2.0.0", limit="1.0.0")),
        Finding(Status.NOT_RUN, ""),
        *(Finding(status, "said") for status in Status),
        *(replace(WHOLE, severity=severity) for severity in Severity),
    ],
)
def test_json_gives_the_same_finding_back(finding: Finding) -> None:
    assert Finding.from_json(finding.to_json()) == finding


def test_the_wire_is_one_line_of_standard_json() -> None:
    text = WHOLE.to_json()
    assert "\n" not in text
    assert json.loads(text)["measurement"] == {
        "value": 0.312, "unit": "s", "n": 4800, "interval": [0.289, 0.341], "limit": 0.25,
    }  # fmt: skip


def test_details_are_cut_first() -> None:
    finding = replace(WHOLE, details=tuple(f"{number} " + "x" * 500 for number in range(40)))
    read = Finding.from_json(finding.to_json())
    assert len(finding.to_json()) <= MAX_JSON_BYTES
    assert read.details[0] == finding.details[0]
    assert read.details[-1] == "… more left out"
    assert (read.summary, read.replay, read.why) == (finding.summary, finding.replay, finding.why)


@mark.parametrize("letter", ["x", "ü", "\U0001f600", '"', "\\", "\x1b"])
@mark.parametrize("field", ["summary", "replay", "remedy", "why", "details"])
def test_no_text_makes_it_longer_than_it_may_be(field: str, letter: str) -> None:
    text = letter * 9_000
    finding = Finding.from_plain({**WHOLE.to_plain(), field: [text] if field == "details" else text})
    assert len(finding.to_json().encode()) <= MAX_JSON_BYTES
    assert Finding.from_json(finding.to_json()).status is Status.FAIL


def test_many_long_texts_are_no_longer_than_one() -> None:
    long = "y" * 9_000
    seen = finite(Measurement(long, limit=long))
    finding = Finding(Status.FAIL, long, seen, (long,), "a.b", Severity.MUST, (), long, long, long, "t.py::t")
    assert len(finding.to_json().encode()) <= MAX_JSON_BYTES


@mark.parametrize("severity", list(Severity))
@mark.parametrize("status", list(Status))
def test_only_a_must_that_is_unsettled_blocks(status: Status, severity: Severity) -> None:
    unsettled = status in {Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.NOT_RUN}
    assert Finding(status, "", severity=severity).blocks == (unsettled and severity is Severity.MUST)
    assert (status in BLOCKING) == unsettled


@mark.parametrize(
    ("made", "status"),
    [
        (passed("said", MEASURED, details=("one",)), Status.PASS),
        (failed("said", MEASURED, details=("one",)), Status.FAIL),
        (inconclusive("said", MEASURED, details=("one",)), Status.INCONCLUSIVE),
        (replace(errored("said", details=("one",)), measurement=MEASURED), Status.ERROR),
    ],
)
def test_what_checks_return(made: Finding, status: Status) -> None:
    assert made == Finding(status, "said", MEASURED, ("one",))


def test_a_failure_may_bring_its_replay() -> None:
    assert failed("said", replay="curl x").replay == "curl x"


@mark.parametrize(
    ("value", "plain"),
    [
        (1.5, 1.5), (3, 3), ("word", "word"), (None, None),
        (float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf"),
    ],
)  # fmt: skip
def test_numbers_that_json_cannot_carry_become_words(value: float | str | None, plain: float | str | None) -> None:
    made = finite(Measurement(value, "s", 2, (0.0, float("inf")), value))
    assert made == Measurement(plain, "s", 2, (0.0, "inf"), plain)
    json.dumps(Finding(Status.PASS, "", made).to_plain(), allow_nan=False)


def test_numbers_of_an_array_library_become_plain() -> None:
    import numpy as np

    made = finite(Measurement(np.float32(0.5), n=3, limit=np.int64(2)))  # type: ignore[arg-type]
    assert (type(made.value), made.value, type(made.limit), made.limit) == (float, 0.5, float, 2.0)
