"""Check of what generated input does to the server."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import Corpus, Generated

NOT_IMPLEMENTED = 501
"""How a server may refuse a coding that it does not implement."""


@check(
    "fuzz.no_server_error",
    "must",
    remedy="Bound every feature where it comes in, and let nothing that a client sends end in an unhandled exception.",
)
def no_server_error(corpus: Corpus) -> Finding:
    """Rows of the right shape with extreme, odd or rare values are answered or refused: no 5xx, no hang, no NaN.

    Traffic holds values that training never saw. A logarithm of zero, an overflow in single precision or an unknown
    category must not be a server error that pages somebody, nor a 200 with a body that clients cannot read.
    """
    if not any(one.exchange.ok for one in corpus.sample[:1]):
        outcome = corpus.sample[0].exchange.outcome if corpus.sample else "not asked"
        return inconclusive(f"the sample row itself was answered {outcome}: check [inputs] rows")
    broken = corpus.shrunk
    odd = [one for one in corpus.odd if one.status is None or (one.status >= 500 and one.status != NOT_IMPLEMENTED)]
    measured = Measurement(len(broken) + len(odd), "1", n=len(corpus.cases) + len(corpus.odd), limit=0)
    if broken:
        first = broken[0]
        more = f"; {len(broken)} of {len(corpus.cases)} generated rows fail" if len(broken) > 1 else ""
        after = f" ({corpus.stopped})" if corpus.stopped else ""
        return failed(
            f"{_cause(first)}: {first.answered.exchange.case} {_became(first)}{more}{after}",
            measured,
            details=tuple(dict.fromkeys(f"{one.answered.exchange.case} {_became(one)}" for one in broken[1:])),
            replay=replays.curl(first.answered.exchange),
            script=replays.once(first.answered.exchange, "survived"),
        )
    if odd:
        what = f"got no answer ({odd[0].failure})" if odd[0].status is None else f"was answered {odd[0].outcome}"
        return failed(
            f"server error: {odd[0].case} {what}",
            measured,
            details=tuple(f"{one.case}: {one.outcome}" for one in odd[1:]),
            replay=replays.curl(odd[0]),
            script=replays.once(odd[0], "survived"),
        )
    if not all(one.exchange.ok for one in corpus.sample):
        outcome = corpus.sample[-1].exchange.outcome
        what = f"the sample row was answered before the generated rows, and {outcome} after them"
        between = [replays.request_of(one.answered.exchange) for one in corpus.cases]
        return failed(f"server error: {what}", measured, script=replays.steadily([corpus.sample[0].exchange], between))
    if not corpus.cases:
        return inconclusive("no rows could be generated from the samples", measured)
    answered = sum(one.answered.exchange.ok for one in corpus.cases)
    others = f"; so were {len(corpus.odd)} odd requests" if corpus.odd else ""
    return passed(
        f"{len(corpus.cases)} generated rows: {answered} answered, the others refused with 4xx{others}", measured
    )


def _cause(one: Generated) -> str:
    return "server error" if one.answered.problem is None else "contract"


def _became(one: Generated) -> str:
    exchange = one.answered.exchange
    if one.answered.problem is not None:
        return f"was answered {exchange.status} with a body that cannot be read: {one.answered.problem}"
    return f"was answered {exchange.outcome}" if exchange.status is not None else f"got no answer ({exchange.failure})"
