"""Verdicts on bad input, over literal records."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_mlready.checks import contract_inputs
from pytest_mlready.finding import Finding, Status
from pytest_mlready.records import Answered, BadRequest, BadRequests, Exchange, Limits
from tests.unit.records_made import answered, exchange, replayed, settings

GROUP_OF = {
    "reject_missing": "missing",
    "reject_arity": "arity",
    "reject_nonfinite": "nonfinite",
    "reject_malformed": "malformed",
    "reject_coercion": "coercion",
}
PROBLEM = (("Content-Type", "application/problem+json"),)


def bad_requests(
    *probes: tuple[str, Exchange], before: Answered | None = None, after: Answered | None = None, **given: Any
) -> BadRequests:
    made = tuple(BadRequest(group, one) for group, one in probes)
    return BadRequests(made, before or answered(), after or answered(), **given)


def judged(name: str, given: BadRequests, missing: str = "reject") -> Finding:
    function: Callable[..., Finding] = getattr(contract_inputs, name)
    takes_settings = name in {"reject_missing", "reject_arity", "reject_nonfinite"}
    return function(given, settings(inputs={"missing": missing})) if takes_settings else function(given)


@pytest.mark.parametrize("name", GROUP_OF)
@pytest.mark.parametrize(
    ("fate", "status", "named"),
    [
        (exchange(422, case="the case"), "pass", "1 of 1"),
        (exchange(400, case="the case"), "pass", "1 of 1"),
        (exchange(200, case="the case"), "fail", "the case: was accepted with 200"),
        (exchange(307, case="the case"), "fail", "the case: was answered with 307"),
        (exchange(500, case="the case"), "fail", "the case: was answered 500, a server error"),
        (exchange(None, case="the case"), "fail", "the case: got no answer (deadline)"),
        (exchange(200, b'{"p":NaN}', case="the case"), "fail", "the case: was answered 200 with NaN"),
        (exchange(401, case="the case"), "inconclusive", "the case: answered 401"),
        (exchange(429, case="the case"), "inconclusive", "the case: answered 429"),
    ],
)
def test_each_fate_of_a_bad_request(name: str, fate: Exchange, status: str, named: str) -> None:
    found = judged(name, bad_requests((GROUP_OF[name], fate)))
    expect(found, status, named)
    if status == "fail":
        assert found.replay.startswith("curl ")
        assert "http://SERVICE/predict" in found.replay


@pytest.mark.parametrize("name", GROUP_OF)
def test_another_groups_fault_is_none_of_its_business(name: str) -> None:
    probes = [(group, exchange(422 if group == GROUP_OF[name] else 500)) for group in GROUP_OF.values()]
    expect(judged(name, bad_requests(*probes)), "pass", "1 of 1")


@pytest.mark.parametrize("name", GROUP_OF)
def test_a_refused_good_request_takes_the_proof_away(name: str) -> None:
    given = bad_requests((GROUP_OF[name], exchange(422)), before=answered(status=422))
    expect(judged(name, given), "inconclusive", "a good request was answered 422 too")


@pytest.mark.parametrize("name", GROUP_OF)
def test_nothing_sent_is_no_pass(name: str) -> None:
    found = judged(name, bad_requests(stopped="body {}"))
    expect(found, "inconclusive", "body {}")


@pytest.mark.parametrize(
    ("name", "group"),
    [("reject_missing", "missing_value"), ("reject_arity", "absent_feature"), ("reject_nonfinite", "nan")],
)
@pytest.mark.parametrize(
    ("missing", "fate", "status"),
    [
        ("reject", exchange(200), "fail"),
        ("reject", exchange(422), "pass"),
        ("accept", exchange(200), "pass"),
        ("accept", exchange(422), "pass"),
        ("accept", exchange(500), "fail"),
        ("accept", exchange(200, b'{"p":NaN}'), "fail"),
    ],
)
def test_a_model_that_imputes_may_take_what_is_missing(
    name: str, group: str, missing: str, fate: Exchange, status: str
) -> None:
    expect(judged(name, bad_requests((group, fate)), missing), status, "")


def test_text_features_have_no_nonfinite_numbers() -> None:
    expect(judged("reject_nonfinite", bad_requests(("missing", exchange(422)))), "not_applicable", "number")


@pytest.mark.parametrize(
    ("probes", "status", "named"),
    [
        ([("method", exchange(405, case="GET"))], "pass", "1 of 1"),
        ([("method", exchange(501, case="GET"))], "pass", "1 of 1"),
        ([("method", exchange(200, case="GET"))], "fail", "GET: was accepted"),
        ([("media_type", exchange(200, case="application/xml"))], "fail", "application/xml"),
        ([("malformed", exchange(400)), ("no_media_type", exchange(200))], "pass", "2 of 2"),
        ([("no_media_type", exchange(500, case="no media type"))], "fail", "no media type"),
        (
            [("malformed", exchange(400, b"<!DOCTYPE html><h1>no</h1>", case="text"))],
            "fail",
            "text: was refused with a",
        ),
        ([("malformed", exchange(400, b"no", headers=(("Content-Type", "text/html"),), case="t"))], "fail", "web page"),
        ([("malformed", exchange(400, b"no", headers=(("Content-Type", "text/plain"),)))], "pass", "1 of 1"),
        ([("malformed", exchange(400, b"", case="t"))], "fail", "t: was refused with application/json that is no JSON"),
        ([("missing", exchange(422, b"no", headers=PROBLEM)), ("malformed", exchange(400))], "fail", "problem+json"),
        ([("malformed", exchange(400, b"", headers=()))], "pass", "1 of 1"),
    ],
)
def test_reject_malformed(probes: list[tuple[str, Exchange]], status: str, named: str) -> None:
    expect(judged("reject_malformed", bad_requests(*probes)), status, named)


def test_a_service_that_malformed_requests_broke() -> None:
    after = answered(status=500, case="a good request after")
    expect(judged("reject_malformed", bad_requests(("malformed", exchange(400)), after=after)), "fail", "answered 500")
    limited = answered(status=429, case="a good request after")
    expect(judged("reject_malformed", bad_requests(("malformed", exchange(400)), after=limited)), "pass", "1 of 1")


@pytest.mark.parametrize(
    ("group", "fate", "status"),
    [
        ("unknown_field", exchange(200, case="x"), "fail"),
        ("unknown_field", exchange(422), "pass"),
        ("duplicate_key", exchange(200), "pass"),
        ("duplicate_key", exchange(500, case="x"), "fail"),
        ("empty_batch", exchange(200), "pass"),
    ],
)
def test_reject_coercion_knows_legal_choices(group: str, fate: Exchange, status: str) -> None:
    expect(judged("reject_coercion", bad_requests((group, fate))), status, "x" if status == "fail" else "")


def limits(*oversize: Exchange, before: int | None = 10**8, peak: int | None = 10**8, ordinary: int = 200) -> Limits:
    good = answered(status=ordinary)
    return Limits(good, oversize, before, peak, tuple(32 * 2**20 for _ in oversize))


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (limits(exchange(413)), "pass", "refused with 413"),
        (limits(exchange(413), exchange(422), before=None, peak=None), "pass", "413, 422"),
        (
            limits(exchange(413), exchange(200, case="a batch of 100000 rows")),
            "fail",
            "a batch of 100000 rows: was acc",
        ),
        (limits(exchange(500, case="a body of 32 MiB")), "fail", "a body of 32 MiB: was answered 500"),
        (limits(exchange(None, case="a body of 32 MiB")), "fail", "a body of 32 MiB: got no answer (deadline)"),
        (limits(exchange(413, case="a body", elapsed_s=6.0)), "fail", "only after 6.0 s"),
        (limits(exchange(413), peak=10**9), "fail", "memory grew by 858 MiB"),
        (limits(exchange(None, case="a body", failure="reset")), "inconclusive", "a body: the connection was cut"),
        (limits(exchange(429, case="a body")), "inconclusive", "429"),
        (limits(exchange(413), ordinary=503), "inconclusive", "503"),
        (limits(), "inconclusive", "nothing was sent"),
    ],
)
def test_size_limit(given: Limits, status: str, named: str) -> None:
    expect(contract_inputs.size_limit(given), status, named)


PARTS = (b'{"rows":[["it\'s",1]', b',["it\'s",1]', b"]}")


@pytest.mark.parametrize(("case", "path"), [("a body of 100,000 bytes", "/predict"), ("a batch of 9 rows", "/batch")])
def test_the_replay_sends_as_much_with_the_same_headers(case: str, path: str) -> None:
    told = (("Content-Type", "application/json"), ("Authorization", "Bearer it's $HOME"))
    row = b'{"features":["it\'s"]}'
    good = replace(answered(), exchange=replace(exchange(), request_headers=told, request_body=row))
    size = 100_000 if path == "/predict" else sum(map(len, PARTS)) + 7 * len(PARTS[1])
    found = contract_inputs.size_limit(Limits(good, (exchange(200, case=case, path=path),), None, None, (size,), PARTS))
    body, _, send = found.replay.partition(" | curl ")
    made = subprocess.run(["bash", "-c", body], capture_output=True, check=True).stdout
    assert len(made) == size
    assert send.endswith("--data-binary @-")
    assert shlex.split(send)[4:8] == ["-H", "Content-Type: application/json", "-H", "Authorization: Bearer it's $HOME"]
    if path == "/predict":
        assert json.loads(made) == json.loads(row)
        assert replayed(found) == [("refused", [case])]
        assert found.script is not None
        sent = found.script.requests[0]
        assert (sent.white_space + len(sent.body), sent.headers) == (size, told)
    else:
        assert json.loads(made) == {"rows": [["it's", 1]] * 9}


def test_an_answer_longer_than_is_read_says_that_the_batch_was_taken() -> None:
    given = limits(exchange(None, case="a batch of 100000 rows", failure="oversize"))
    expect(contract_inputs.size_limit(given), "fail", "a batch of 100000 rows: was answered at greater length")


def expect(found: Finding, status: str, named: str) -> None:
    assert (found.status, named in found.summary) == (Status(status), True), found.summary
