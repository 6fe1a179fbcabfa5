"""Check of what one client's bad manners do to the next client."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Limits, Prediction, Rude, Rudeness
from pytest_mlready.replay import Expect, Replay

ROUNDS = 12
TOO_SLOW = 408
"""How a service may refuse a body that comes a few bytes at a time."""


@check(
    "fuzz.survives_rudeness",
    "must",
    remedy="Give back locks, slots and buffers in `finally`, begin every request with nothing, and count the bytes of "
    "a body as they come: Content-Length is only what the client says.",
)
def survives_rudeness(rudeness: Rudeness, limits: Limits) -> Finding:
    """After clients that left in the middle, vanished, trickled or never ended, known rows are answered as before.

    Mobile clients lose their network in mid-request every day. A lock that such a client leaves held stops everybody
    else, half a row that it leaves behind is scored for the next customer, and a size limit that believes
    Content-Length is none for a chunked body.
    """
    lost = [one.exchange for one in rudeness.first if one.only is None]
    if lost or not rudeness.first:
        came = lost[0].outcome if lost else "nothing"
        return inconclusive(f"the canary rows were not all answered to begin with ({came}): nothing can be compared")
    known, asked = _known(rudeness.first), list(_judged(rudeness, limits))
    judged = [(rude, one) for rude, one in asked if not (one.exchange if one else rude.exchange).one_too_many]
    faults = [(rude, one, what) for rude, one in judged if (what := _fault(known, rude, one)) is not None]
    measured = Measurement(len(faults), "1", n=len(judged), limit=0)
    clients = len(_clients(rudeness))
    if faults:
        rude, one, what = faults[0]
        return failed(
            f"rudeness: {_when(rude, one)} {what}",
            measured,
            details=tuple(f"{_when(after, other)} {how}" for after, other, how in faults[1:]),
            script=_replay(rudeness, rude, one),
        )
    unsent = [one for one in _clients(rudeness) if one.exchange.failure == "refused"]
    if unsent:
        what = f"a client that {unsent[0].manner} could not connect, though others could"
        return inconclusive(f"{what}; {len(unsent)} of {clients} clients were never there", measured)
    if 2 * len(judged) < len(asked):
        return inconclusive(f"{len(asked) - len(judged)} of {len(asked)} canaries were answered 429", measured)
    if not known:
        return inconclusive("no row is answered twice alike (see fuzz.deterministic): a canary shows nothing", measured)
    return passed(f"{len(judged)} canaries after {clients} rude clients were answered as before", measured)


def _judged(rudeness: Rudeness, limits: Limits) -> Iterator[tuple[Rude, Answered | None]]:
    """Each rude client with each answer that it bears on; None for its own that had to be a refusal."""
    for rude in _clients(rudeness):
        if rude is rudeness.chunked and _capped(limits):
            yield rude, None
        if rude.answered is not None and rude.exchange.failure != "refused":
            yield rude, rude.answered
        yield from ((rude, one) for one in rude.canaries)


def _clients(rudeness: Rudeness) -> list[Rude]:
    return [*rudeness.rude, *([rudeness.chunked] if rudeness.chunked is not None else [])]


def _capped(limits: Limits) -> bool:
    """Whether a body with a Content-Length is refused for its size; without such a cap see contract.size_limit.

    A batch that is refused shows none: that may be for the number of its rows.
    """
    return any(one.status in range(400, 500) or one.failure in {"reset", "closed"} for one in limits.bodies)


def _fault(known: dict[int, Prediction], rude: Rude, one: Answered | None) -> str | None:
    if one is None:
        if not rude.exchange.ok:
            return None
        return f"was answered {rude.exchange.status}: the limit believes Content-Length, which a chunked body has not"
    exchange = one.exchange
    own = one is rude.answered
    if exchange.failure == "deadline" and not own:
        return "got no answer: what the client held (a lock, a slot, a worker) was not given back"
    if exchange.failure == "refused":
        return "was refused a connection: the service has ended or listens no more"
    if exchange.status is None:
        return f"got no whole answer ({exchange.failure})"
    if own and exchange.status == TOO_SLOW:
        return None
    cause = "a body is not what came first of it" if own else "something of the client's request reached the next one"
    if not exchange.ok:
        return f"was answered {exchange.status}{f': {cause}' if exchange.status < 500 else ''}"
    if one.only is None:
        return f"got an answer that cannot be read: {one.problem}"
    what = difference(known[one.rows[0]], one.only) if one.rows[0] in known else None
    return None if what is None else f"was answered otherwise ({what}): {cause}"


def _known(first: tuple[Answered, ...]) -> dict[int, Prediction]:
    """The answer of each row that was answered alike each time before."""
    known: dict[int, Prediction] = {}
    unsteady: set[int] = set()
    for one in first:
        if one.only is not None and difference(known.setdefault(one.rows[0], one.only), one.only) is not None:
            unsteady.add(one.rows[0])
    return {row: prediction for row, prediction in known.items() if row not in unsteady}


def _when(rude: Rude, one: Answered | None) -> str:
    if one is None or one is rude.answered:
        return f"a client that {rude.manner}"
    if rude.how.get("stays"):
        return f"while a client that {rude.manner}, {one.exchange.case}"
    who = f"{rude.times} clients that each" if rude.times > 1 else "a client that"
    return f"after {who} {rude.manner}, {one.exchange.case}"


def _replay(rudeness: Rudeness, shown: Rude, one: Answered | None) -> Replay:
    """The canaries, then the client and the canaries again: many times, for it may cost one of several workers."""
    canaries = replays.distinct(rudeness.first, 2)
    sent = replays.rudely(shown.exchange, shown.how, rudeness.chunked_bytes if shown is rudeness.chunked else 0)
    if one is None:
        return Replay((sent,), (Expect("refused", (0,), {"lenient": True}),))
    place = len(canaries)
    own = [] if one is not shown.answered else [Expect("same", (0, place), {"lenient": True})]
    return replays.steadily(canaries, [sent], 1 if shown is rudeness.chunked else max(ROUNDS, shown.times), own)
