"""W3C Trace Context: which `traceparent` is continued, which is not, and what is answered and logged."""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path

import pytest

from reference_service.components import build_components
from reference_service.settings import Settings
from reference_service.web.trace_context import Traces, parsed
from tests.contract.conftest import Start, client_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

CONTINUED: dict[str, tuple[str, int]] = {
    "sampled": (GIVEN, 1),
    "not sampled": (f"00-{TRACE}-{PARENT}-00", 0),
    "sampled and random": (f"00-{TRACE}-{PARENT}-03", 3),
    "flags that are not known yet": (f"00-{TRACE}-{PARENT}-fd", 1),
    "no flag that is known": (f"00-{TRACE}-{PARENT}-08", 0),
    "blanks around": (f" \t{GIVEN}\t ", 1),
    "a later version": (f"cc-{TRACE}-{PARENT}-01", 1),
    "the last version": (f"fe-{TRACE}-{PARENT}-00", 0),
    "a later version with more": (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", 1),
    "a later version with a dash": (f"01-{TRACE}-{PARENT}-01-", 1),
}
BEGUN_ANEW: dict[str, str] = {
    "empty": "",
    "blank": " ",
    "version ff": f"ff-{TRACE}-{PARENT}-01",
    "version in capitals": f"CC-{TRACE}-{PARENT}-01",
    "version of one digit": f"0-{TRACE}-{PARENT}-01",
    "version of three digits": f"000-{TRACE}-{PARENT}-01",
    "version that is no number": f".0-{TRACE}-{PARENT}-01",
    "trace id of zeros": f"00-{'0' * 32}-{PARENT}-01",
    "trace id in capitals": f"00-{TRACE.upper()}-{PARENT}-01",
    "trace id too short": f"00-{TRACE[1:]}-{PARENT}-01",
    "trace id too long": f"00-{TRACE}0-{PARENT}-01",
    "trace id with a dot": f"00-.{TRACE[1:]}-{PARENT}-01",
    "parent id of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "parent id in capitals": f"00-{TRACE}-{PARENT.upper()}-01",
    "parent id too short": f"00-{TRACE}-{PARENT[1:]}-01",
    "parent id too long": f"00-{TRACE}-{PARENT}0-01",
    "parent id with a dot": f"00-{TRACE}-{PARENT[:-1]}.-01",
    "flags of one digit": f"00-{TRACE}-{PARENT}-1",
    "flags of three digits": f"00-{TRACE}-{PARENT}-001",
    "flags that are no number": f"00-{TRACE}-{PARENT}-0.",
    "flags in capitals": f"00-{TRACE}-{PARENT}-0A",
    "no flags": f"00-{TRACE}-{PARENT}",
    "no flags but a dash": f"00-{TRACE}-{PARENT}-",
    "only a version": "00",
    "version 00 with more": f"{GIVEN}-what-the-future-will-be-like",
    "version 00 with a dash": f"{GIVEN}-",
    "version 00 with a dot": f"{GIVEN}.",
    "a later version with more, without a dash": f"cc-{TRACE}-{PARENT}-01.what-the-future-will-not-be-like",
    "a later version with zeros": f"cc-{'0' * 32}-{PARENT}-01",
    "other dashes": GIVEN.replace("-", "_"),
    "a line end": f"{GIVEN}\n",
    "two in one": f"{GIVEN},{GIVEN}",
    "digits of another script": GIVEN.replace("1", "\u0661"),
    "endless": f"{GIVEN}-" * 2000,
    "endless dashes": "-" * 60_000,
}


@pytest.mark.parametrize(("value", "flags"), CONTINUED.values(), ids=CONTINUED.keys())
def test_a_valid_trace_goes_on(value: str, flags: int) -> None:
    assert parsed(value.encode()) == (TRACE, flags)
    trace = Traces().enter([(b"host", b"a"), (b"traceparent", value.encode())])
    assert (trace.trace_id, trace.flags) == (TRACE, flags)
    assert trace.span_id != PARENT
    assert trace.header.decode() == f"00-{TRACE}-{trace.span_id}-{flags:02x}"


@pytest.mark.parametrize("value", BEGUN_ANEW.values(), ids=BEGUN_ANEW.keys())
def test_any_other_begins_anew(value: str) -> None:
    assert parsed(value.encode()) is None
    trace = Traces().enter([(b"traceparent", value.encode()), (b"tracestate", b"congo=t61rcWkgMzE")])
    assert trace.trace_id not in {TRACE, "0" * 32}
    assert FORM.fullmatch(trace.header.decode())
    assert trace.flags == 2  # a random id, not sampled


def test_one_that_comes_twice_begins_anew() -> None:
    header = (b"traceparent", GIVEN.encode())
    for headers in ([header, header], [header, (b"traceparent", GIVEN.replace("1", "2").encode())]):
        assert Traces().enter(headers).trace_id not in {TRACE, TRACE.replace("1", "2")}


def test_ids_are_no_zeros_and_no_two_alike() -> None:
    class Zeros(random.Random):
        def getrandbits(self, k: int) -> int:
            return 0

    traces = Traces()
    traces.bits = Zeros()
    trace = traces.enter([])
    assert FORM.fullmatch(trace.header.decode())
    assert int(trace.trace_id, 16) > 0
    assert int(trace.span_id, 16) > 0
    random.seed(7)
    first = Traces().enter([])
    random.seed(7)
    assert Traces().enter([]).trace_id != first.trace_id  # whoever seeds the common generator changes nothing
    many = [traces.enter([]) for traces in [Traces(), Traces()] for _ in range(2000)]
    assert len({trace.trace_id for trace in many}) == len({trace.span_id for trace in many}) == 4000
    assert all(FORM.fullmatch(trace.header.decode()) for trace in many)


def test_answers_and_log_lines_name_the_trace(
    models: Path, row: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> list[tuple[str, str]]:
        seen = []
        async with client_of(build_components(Settings(models=models))) as client:
            for headers in ({"Traceparent": GIVEN, "Tracestate": "congo=t61rcWkgMzE"}, {"traceparent": "nonsense"}, {}):
                for method, path, content in (
                    ("POST", "/predict", {"features": row}),
                    ("POST", "/predict", {}),
                    ("GET", "/nope", None),
                    ("GET", "/health/live", None),
                ):
                    answer = await client.request(method, path, json=content, headers=headers)
                    assert "tracestate" not in answer.headers
                    found = FORM.fullmatch(answer.headers["traceparent"])
                    assert found is not None
                    assert found[2] != PARENT
                    assert (found[1] == TRACE) == ("Traceparent" in headers)
                    seen.append((answer.headers["x-request-id"], found[1]))
        return seen

    seen = asyncio.run(scenario())
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    entries = [line for line in lines if "event" not in line]
    assert [(entry["request_id"], entry["trace_id"]) for entry in entries] == seen
    assert len({trace for _, trace in seen}) == 1 + 8
    for entry in entries:
        assert set(entry) == {
            "time",
            "level",
            "request_id",
            "trace_id",
            "method",
            "route",
            "status",
            "duration_ms",
            "model_version",
            "variant",
            "generation",
        }
        assert (entry["variant"], entry["generation"]) == (None, 0)


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_on_a_real_server(start: Start, http: str) -> None:
    with start("--http", http).client() as client:
        answer = client.get("/health/live", headers={"TRACEPARENT": GIVEN})
        assert answer.headers.get_list("traceparent") == [answer.headers["traceparent"]]
        assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")
        twice = client.get("/health/live", headers=[("traceparent", GIVEN), ("traceparent", GIVEN)])
        assert TRACE not in twice.headers["traceparent"]
