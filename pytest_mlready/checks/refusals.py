"""Was bad input refused? What a request's fate says, and what a group of requests says together."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import BadRequests, Exchange, NotStrictJSON

NOT_IMPLEMENTED = 501
"""Says that the server does not know the method: a refusal, though its number is a server error's."""


def fault(exchange: Exchange, *, may_accept: bool = False) -> str | None:
    """What is wrong with the fate of a bad request, as "was accepted with 200"; None if nothing is.

    `may_accept`: the input is legal by declaration, so that only a crash, a hang or broken JSON counts.
    """
    if exchange.status is None:
        return f"got no answer ({exchange.failure})"
    if exchange.status >= 500 and exchange.status != NOT_IMPLEMENTED:
        return f"was answered {exchange.status}, a server error"
    if exchange.ok and _has_nan(exchange):
        return f"was answered {exchange.status} with NaN or an infinity, which is not JSON"
    if exchange.status < 400 and not may_accept:
        return f"was {'accepted' if exchange.ok else 'answered'} with {exchange.status}"
    return None


def judge_refusals(bad_requests: BadRequests, strict: Sequence[str], lenient: Sequence[str] = ()) -> Finding:
    """Every request of the `strict` groups must be refused with 4xx, those of `lenient` ones may also be accepted."""
    before = bad_requests.canary_before
    if not before.exchange.ok:
        return inconclusive(f"a good request was answered {before.exchange.outcome} too: a refusal proves nothing")
    judged = [(one, fault(one)) for one in bad_requests.of(*strict)]
    judged += [(one, fault(one, may_accept=True)) for one in bad_requests.of(*lenient)]
    return verdict(judged, bad_requests.stopped)


def verdict(judged: Sequence[tuple[Exchange, str | None]], stopped: str | None = None) -> Finding:
    """One finding over exchanges and what is wrong with each."""
    wrong = [(one, reason) for one, reason in judged if reason is not None]
    measured = Measurement(len(wrong), "1", n=len(judged), limit=0)
    if wrong:
        first, reason = wrong[0]
        rest = f"; {len(wrong)} of {len(judged)} cases went wrong" if len(wrong) > 1 else ""
        details = tuple(f"{one.case}: {why}" for one, why in wrong)
        return failed(f"{first.case}: {reason}{rest}", measured, details=details, replay=first.curl(SERVICE))
    undecided = [one for one, _ in judged if one.undecided]
    if undecided:
        what = f"{undecided[0].case}: answered {undecided[0].status}, for another reason than the input"
        return inconclusive(f"{what}; {len(undecided)} of {len(judged)} cases say nothing", measured)
    if stopped is not None:
        return inconclusive(f"not every case was sent: it ended at {stopped!r}", measured)
    if not judged:
        return inconclusive("no such request was sent", measured)
    return passed(f"{len(judged)} of {len(judged)} cases were refused as they should be", measured)


def _has_nan(exchange: Exchange) -> bool:
    try:
        _ = exchange.json
    except NotStrictJSON as error:
        return "not JSON" in str(error)
    return False
