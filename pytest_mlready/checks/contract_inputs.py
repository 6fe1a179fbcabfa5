"""Checks of how bad input is taken: refused by the client's fault, at once, in words fit for a client."""

from __future__ import annotations

import shlex
from dataclasses import replace

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.checks.leaks import leak
from pytest_mlready.checks.refusals import fault, judge_refusals, verdict
from pytest_mlready.finding import SERVICE, Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import BadRequests, Exchange, Identity, Limits, NotStrictJSON
from pytest_mlready.replay import Replay
from pytest_mlready.settings import Settings

SLOW_S = 5.0
MEMORY_MARGIN = 64 * 1024 * 1024
MEMORY_FACTOR = 2


@check(
    "contract.reject_missing",
    "must",
    remedy="Validate that every required part is there before the handler reads it, and answer 422 with its place.",
)
def reject_missing(bad_requests: BadRequests, settings: Settings) -> Finding:
    """A request whose input is missing, null or empty is refused with 4xx.

    A missing key that ends in a 500 pages the operator for the client's mistake, and one that is filled in silently
    gets a confident answer to an empty question.
    """
    accepts = settings.inputs.missing == "accept"
    strict, lenient = ("missing",), ("missing_value",)
    return judge_refusals(bad_requests, strict, lenient) if accepts else judge_refusals(bad_requests, strict + lenient)


@check(
    "contract.reject_arity",
    "must",
    remedy="Compare the number of values with the number of features the model was trained on, and answer 422.",
)
def reject_arity(bad_requests: BadRequests, settings: Settings) -> Finding:
    """A row with too few or too many features is refused with 4xx.

    A model that takes any length has shifted, padded or cut the row: every feature after the slip is another's.
    """
    lenient = ("absent_feature",)
    if settings.inputs.missing == "accept":
        return judge_refusals(bad_requests, ("arity",), lenient)
    return judge_refusals(bad_requests, ("arity", *lenient))


@check(
    "contract.reject_nonfinite",
    "must",
    remedy="Refuse NaN, infinities and numbers beyond a double with 422 before the model and before the error is "
    "written: an echoed NaN breaks the error's own JSON.",
)
def reject_nonfinite(bad_requests: BadRequests, settings: Settings) -> Finding:
    """NaN, infinities and numbers beyond a double are refused with 4xx, and no answer has NaN in it.

    Python parses NaN from JSON without a word; it passes through arithmetic, and what comes out is no JSON at all.
    """
    if not bad_requests.of("nonfinite", "nan") and bad_requests.stopped is None:
        return Finding(Status.NOT_APPLICABLE, "no feature of the sample rows is a number")
    if settings.inputs.missing == "accept":
        return judge_refusals(bad_requests, ("nonfinite",), ("nan",))
    return judge_refusals(bad_requests, ("nonfinite", "nan"))


@check(
    "contract.reject_malformed",
    "must",
    remedy="Let one error handler turn parse errors, wrong media types and wrong methods into 400, 415, 405 as JSON.",
)
def reject_malformed(bad_requests: BadRequests) -> Finding:
    """Bad JSON, a wrong media type and a wrong method are answered 400, 405, 415 or 422, and not as a web page.

    Malformed requests arrive every day, from scanners alone; each that ends in a 500 is an alarm and a worker's time.
    """
    before, after = bad_requests.canary_before.exchange, bad_requests.canary_after.exchange
    found = judge_refusals(bad_requests, ("malformed", "media_type", "method"), ("no_media_type",))
    if found.status is not Status.PASS:
        return found
    pages = [one for one in bad_requests.of("malformed", "media_type") if _is_page(one)]
    if pages:
        return verdict([(one, "was refused with a web page instead of JSON") for one in pages])
    empty = [one for one in bad_requests.of("missing", "arity", "malformed", "media_type") if _is_no_json(one)]
    if empty:
        return verdict([(one, f"was refused with {_media(one)} that is no JSON") for one in empty])
    if before.ok and not after.ok and not after.one_too_many:
        return verdict([(after, f"after the bad requests, a good one was answered {after.outcome}")])
    return found


@check(
    "contract.reject_coercion",
    "should",
    remedy='Parse strictly (in pydantic: `strict=True`, `extra="forbid"`), or document what else is taken.',
)
def reject_coercion(bad_requests: BadRequests) -> Finding:
    """Text and booleans in the place of numbers are refused, and so are fields that nobody documented.

    A misspelt field or a number in quotes is a client's bug; taken silently, it shows only in the model's accuracy.
    """
    return judge_refusals(bad_requests, ("coercion", "unknown_field"), ("duplicate_key", "empty_batch"))


@check(
    "contract.no_leak",
    "must",
    remedy="Answer errors from a fixed set of messages, and write the exception to the log with the request's id.",
)
def no_leak(bad_requests: BadRequests, identity: Identity) -> Finding:
    """No error answer carries a stack, a file's path, an exception or a library's words.

    They tell an attacker which code runs where, and a client's code comes to depend on them.
    """
    asked = [one.exchange for one in bad_requests.probes] + ([identity.nonsense] if identity.nonsense else [])
    bodies = [one for one in asked if one.body and (one.status or 0) >= 400]
    leaks = [(one, None if (what := leak(one.text)) is None else f"the answer shows {what}") for one in bodies]
    if not bodies:
        return inconclusive(f"none of {len(bad_requests.probes)} bad requests was answered with an error body")
    found = verdict(leaks)
    if found.status is Status.FAIL:
        return found
    return passed(f"{len(bodies)} error answers show nothing of the inside", found.measurement)


@check(
    "contract.size_limit",
    "must",
    remedy="Cap the body while it is read (413) and the rows of a batch (422), and declare both in [contract].",
)
def size_limit(limits: Limits) -> Finding:
    """A body or batch over the cap is refused with 413, 422 or 400, at once and in bounded memory.

    Without a cap, one client can take all of the memory with a single request.
    """
    if not limits.ordinary.exchange.ok:
        return inconclusive(f"an ordinary request was answered {limits.ordinary.exchange.outcome}: nothing is proven")
    judged = [(one, _oversize_fault(one)) for one in limits.oversize]
    cut = [one for one in limits.oversize if one.failure in {"reset", "closed"}]
    if any(reason for _, reason in judged):
        found = verdict(judged)
        line, script = _replay(limits, judged)
        return failed(found.summary, found.measurement, details=found.details, replay=line, script=script)
    if limits.rss_before is not None and limits.rss_peak is not None:
        grown, bound = limits.rss_peak - limits.rss_before, MEMORY_FACTOR * max(limits.sizes, default=0) + MEMORY_MARGIN
        if grown > bound:
            what = f"memory grew by {grown >> 20} MiB while oversize requests were refused, more than {bound >> 20} MiB"
            return failed(what, Measurement(grown, "B", n=len(limits.oversize), limit=bound))
    if cut or not limits.oversize:
        what = (
            f"{cut[0].case}: the connection was cut ({cut[0].failure}) without an answer" if cut else "nothing was sent"
        )
        return inconclusive(f"{what}: answer 413 and keep reading for a moment, so that the client sees it")
    if any(one.undecided for one in limits.oversize):
        return verdict(judged)
    slowest = max(limits.oversize, key=lambda one: one.elapsed_s)
    summary = f"{len(judged)} oversize requests were refused with {', '.join(sorted({o.outcome for o, _ in judged}))}"
    return passed(f"{summary}, the slowest in {slowest.elapsed_s:.3f} s", Measurement(
        slowest.elapsed_s, "s", n=len(judged), limit=SLOW_S))  # fmt: skip


def _oversize_fault(exchange: Exchange) -> str | None:
    if exchange.failure in {"reset", "closed"}:
        return None
    if exchange.failure == "oversize":
        return "was answered at greater length than is read here, and so it was taken"
    if exchange.elapsed_s > SLOW_S and exchange.status is not None:
        return f"was answered {exchange.status} only after {exchange.elapsed_s:.1f} s"
    return fault(exchange)


def _replay(limits: Limits, judged: list[tuple[Exchange, str | None]]) -> tuple[str, Replay | None]:
    """Commands that send as much again: a valid row with white space, or a row over and over; and a script for a row.

    The script sends the white space in chunks, and what it does not know to repeat are rows.
    """
    at, one = next((at, one) for at, (one, reason) in enumerate(judged) if reason is not None)
    size, ordinary = dict(enumerate(limits.sizes)).get(at, 0), limits.ordinary.exchange
    send = f"{replace(ordinary, path=one.path, request_body=b'').curl(SERVICE)} --data-binary @-"
    if one in limits.bodies:
        row, spaces = ordinary.request_body, max(0, size - len(ordinary.request_body))
        script = replays.once(replace(ordinary, case=one.case), "refused", lenient=one.status is not None)
        script = replace(script, requests=(replays.rudely(replace(ordinary, case=one.case), {}, spaces),))
        return f"({_printed(row)}; head -c {spaces} /dev/zero | tr '\\0' ' ') | {send}", script
    if limits.batch_parts is None or not size:
        return "", None
    start, further, end = limits.batch_parts
    times = (size - len(start) - len(end)) // len(further)
    again = f"yes {shlex.quote(further.decode())} | head -n {times} | tr -d '\\n'"
    return f"({_printed(start)}; {again}; {_printed(end)}) | {send}", None


def _printed(body: bytes) -> str:
    return f"printf '%s' {shlex.quote(body.decode())}"


def _is_page(exchange: Exchange) -> bool:
    return "text/html" in _media(exchange) or exchange.body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))


def _is_no_json(exchange: Exchange) -> bool:
    """Whether the refusal calls itself JSON, so that clients parse it, and is none."""
    media = _media(exchange).partition(";")[0].strip()
    if exchange.status is None or not (media == "application/json" or media.endswith("+json")):
        return False
    try:
        exchange.json  # noqa: B018
    except NotStrictJSON:
        return True
    return False


def _media(exchange: Exchange) -> str:
    return (exchange.header("content-type") or "").lower()
