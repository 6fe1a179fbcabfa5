"""Checks of answers that must agree: whatever the spelling, the company, or who else asks at the moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure.agreement import SINGLE_TOLERANCE, difference, span_of
from pytest_mlready.records import Answered, BatchSizes, Concurrency, Prediction, Spelling, Spellings
from pytest_mlready.replay import Expect, Replay

UNSUPPORTED = 501
"""How a server may refuse a coding or framing that it does not implement."""
ROUNDS = 60
"""Of requests that meet, in a replay."""
MOST_PLACES = 8
"""So many wrong rows of one batch are named."""


@check(
    "fuzz.encoding_invariant",
    "should",
    remedy="Parse every body with one strict JSON parser, and give numbers one type before the model sees them.",
)
def encoding_invariant(spellings: Spellings) -> Finding:
    """A body means the same in any spelling: white space, order of keys, 3.0 as 3, -0.0, 17 digits, chunks.

    Clients in other languages write other digits and other white space. A service whose answer depends on them gives
    its Java customers other scores than its Python customers, and tests in one language never see it.
    """
    decided = [pair for pair in spellings.pairs if _decided(pair)]
    wrong = [(pair, what) for pair in decided if (what := _changed(pair)) is not None]
    measured = Measurement(len(wrong), "1", n=len(decided), limit=0)
    if wrong:
        pair, what = wrong[0]
        details = tuple(f"{one.spelled.exchange.case}: {how}" for one, how in wrong[1:])
        kinds = ", ".join(dict.fromkeys(one.kind for one, _ in wrong))
        return failed(
            f"encoding: a row written {pair.kind} {what}; {len(wrong)} of {len(decided)} spellings change the answer "
            f"({kinds})",
            measured,
            details=details,
            script=_both_ways(pair),
        )
    if not decided:
        return inconclusive("no plain row was answered: nothing to compare with", measured)
    limited = [pair for pair in spellings.pairs if pair.spelled.exchange.one_too_many]
    if 2 * len(limited) > len(spellings.pairs):
        return inconclusive(f"{len(limited)} of {len(spellings.pairs)} spellings were answered 429", measured)
    return passed(f"{len(decided)} spellings of sample rows were answered as the plain ones", measured)


@check(
    "fuzz.batch_order_and_size",
    "must",
    remedy="Predict the whole batch in one call, or cut it at the same places where you put it together again.",
)
def batch_order_and_size(batch_sizes: BatchSizes) -> Finding:
    """Every row of a batch of any size is answered as it is alone, in its place, however often it comes up.

    Chunks that overlap, a buffer of 512 rows, duplicates that are dropped: such faults hit the rows at the edges of
    large batches only, which no example ever has.
    """
    if not batch_sizes.batches:
        return Finding(Status.NOT_APPLICABLE, "the service takes one row at a time")
    alone = _known(batch_sizes.singles)
    if not alone:
        return inconclusive("no row of the pool was answered twice alike alone: see fuzz.deterministic")
    taken = [batch for batch in batch_sizes.batches if not batch.exchange.one_too_many]
    cut = [(batch, problem) for batch in taken if (problem := _whole(batch)) is not None]
    if cut:
        batch, problem = min(cut, key=lambda one: max(one[0].rows))  # what people know comes first in the pool
        return failed(
            f"batch: {problem}",
            details=(batch.exchange.case,),
            replay=replays.curl(batch.exchange),
            script=replays.once(batch.exchange, "well_formed", rows=len(batch.rows)),
        )
    wrong: list[tuple[Answered, int, str]] = []
    compared = 0
    for batch in taken:
        for at, what in _rows_compared(alone, batch):
            compared += 1
            if what is not None:
                wrong.append((batch, at, what))
    measured = Measurement(len(wrong), "1", n=compared, limit=0)
    sizes = ", ".join(str(len(one.rows)) for one in taken)
    if wrong:
        batch, at, what = min(wrong, key=lambda one: (max(one[0].rows), one[0].rows[one[1]]))  # as above
        places = [str(place) for one, place, _ in wrong if one is batch]
        shown = ", ".join(places[:MOST_PLACES]) + (" …" if len(places) > MOST_PLACES else "")
        return failed(
            f"batch: in a {batch.exchange.case} row {at} differs from the same row alone: {what}; "
            f"wrong rows there: {shown}; {len(wrong)} of {compared} in batches of {sizes}",
            measured,
            details=tuple(f"{one.exchange.case}, row {place}: {how}" for one, place, how in wrong[1:20]),
            script=_alone_and_together(batch_sizes, batch, at),
        )
    if not compared:
        return inconclusive("no row of a batch could be compared with its single answer", measured)
    limited = [batch.exchange for batch in batch_sizes.batches if batch.exchange.one_too_many]
    if limited:
        return inconclusive(f"a {limited[0].case} was answered {limited[0].status}, as one request too many", measured)
    return passed(f"{compared} rows in batches of {sizes} are answered as alone, within {SINGLE_TOLERANCE:g}", measured)


@check(
    "fuzz.concurrent_isolation",
    "must",
    remedy="Keep nothing of a request in objects that requests share: no attributes, globals, reused buffers.",
)
def concurrent_isolation(concurrency: Concurrency) -> Finding:
    """Rows in flight at the same time get the answers that they get alone.

    When two requests share a buffer or an attribute, one customer sees another's score. It needs traffic to happen,
    so it happens in production only.
    """
    alone = _known_requests(concurrency.alone)
    if not alone:
        return inconclusive("no request was answered twice alike alone: see fuzz.deterministic")
    wrong: list[tuple[Answered, str]] = []
    compared = 0
    shed = [one for one in concurrency.together if one.exchange.shed]
    for one in concurrency.together:
        if one.rows in alone and not one.exchange.shed:
            compared += 1
            what = _strayed(alone, one)
            if what is not None:
                wrong.append((one, what))
    known = {id(one) for one, _ in wrong}
    wrong += [(one, what) for one, what in _shared_ids(concurrency) if id(one) not in known]
    measured = Measurement(len(wrong) / max(1, compared), "ratio", n=compared, limit=0)
    if wrong:
        first, what = wrong[0]
        counted = Counter(what for _, what in wrong).most_common(5)
        return failed(
            f"isolation: on {concurrency.connections} connections at once {len(wrong)} of {compared} answers are not "
            f"those that the same request gets alone ({first.exchange.case}: {what})",
            measured,
            details=tuple(f"{count} × {how}" for how, count in counted),
            script=_at_once(concurrency),
        )
    if 2 * len(shed) > len(concurrency.together):
        what = f"{len(shed)} of {len(concurrency.together)} concurrent requests were told to come later"
        return inconclusive(f"{what}: too few are left to compare", measured)
    if not compared:
        return inconclusive("nothing that was asked concurrently can be compared", measured)
    return passed(f"{compared} answers on {concurrency.connections} connections at once are as alone", measured)


def _shared_ids(concurrency: Concurrency) -> Iterator[tuple[Answered, str]]:
    """Answers to different requests that have one id: the one that is not its own is somebody else's.

    Where requests share ids that are asked one after another, an id is no request's: see contract.request_id.
    """
    if any(_sharing(concurrency.alone)):
        return
    for one in _sharing(concurrency.together):
        yield one, "the request id of another request"


def _sharing(answers: Iterable[Answered]) -> Iterator[Answered]:
    """Answers with an id that an earlier answer to another request has."""
    owner: dict[str, tuple[int, ...]] = {}
    for one in answers:
        names = {prediction.request_id for prediction in one.predictions if prediction.request_id is not None}
        if [name for name in names if owner.setdefault(name, one.rows) != one.rows]:
            yield one


def _decided(pair: Spelling) -> bool:
    """Whether the plain body was answered: read, or refused by the client's fault; and the other was taken at all."""
    if pair.rude is not None and pair.spelled.exchange.failure == "refused":
        return False  # a client of our own could not connect
    if pair.plain.exchange.one_too_many or pair.spelled.exchange.one_too_many:
        return False
    status = pair.plain.exchange.status
    return _read(pair.plain) or (status is not None and 400 <= status < 500)


def _read(answered: Answered) -> bool:
    """Whether there is a prediction for each row."""
    return 0 < len(answered.predictions) == max(1, len(answered.rows))


def _both_ways(pair: Spelling) -> Replay:
    plain, spelled = replays.request_of(pair.plain.exchange), replays.request_of(pair.spelled.exchange)
    both = enumerate(zip(pair.plain.predictions, pair.spelled.predictions, strict=False))
    at = next((place for place, (one, other) in both if difference(one, other) is not None), 0)
    expect = Expect("same", (0, 1), {"lenient": pair.optional, **({"rows": (at, at)} if at else {})})
    return Replay((plain, replace(spelled, rude=pair.rude)), (expect,))


def _changed(pair: Spelling) -> str | None:
    """What the spelling changed, None if nothing that matters."""
    spelled, plain = pair.spelled, pair.plain
    status = spelled.exchange.status
    refused = status is not None and (400 <= status < 500 or (status == UNSUPPORTED and pair.optional))
    if not _read(plain):
        return None if refused else f"was answered {spelled.exchange.outcome}, plain {plain.exchange.outcome}"
    if _read(spelled):
        what = _first_difference(plain, spelled)
        return None if what is None else f"was answered otherwise: {what}"
    hung_up = pair.rude is not None and spelled.exchange.failure in {"closed", "reset"}
    if (refused or hung_up) and pair.optional:  # who refuses early may close before it has read all
        return None
    return f"was answered {spelled.exchange.outcome}{': ' + spelled.problem if spelled.problem else ''}"


def _known(singles: Iterable[Answered]) -> dict[int, Prediction]:
    """The answer of each row that is answered alike whenever it is asked alone."""
    known: dict[int, Prediction] = {}
    unsteady: set[int] = set()
    for one in singles:
        row = one.rows[0]
        if one.exchange.one_too_many:
            continue
        if one.only is None or (row in known and difference(known[row], one.only) is not None):
            unsteady.add(row)
        else:
            known[row] = one.only
    return {row: prediction for row, prediction in known.items() if row not in unsteady}


def _known_requests(alone: Iterable[Answered]) -> dict[tuple[int, ...], Answered]:
    """Each request that is answered alike, with as many predictions as rows, whenever it is asked alone."""
    known: dict[tuple[int, ...], Answered] = {}
    unsteady: set[tuple[int, ...]] = set()
    for one in alone:
        if one.exchange.one_too_many:
            continue
        before = known.setdefault(one.rows, one)
        if len(one.predictions) != len(one.rows) or _first_difference(before, one) is not None:
            unsteady.add(one.rows)
    return {rows: one for rows, one in known.items() if rows not in unsteady}


def _whole(batch: Answered) -> str | None:
    if not batch.exchange.ok:
        return f"a {batch.exchange.case}, all valid, was answered {batch.exchange.outcome}"
    if batch.problem is not None:
        return f"a {batch.exchange.case} got an answer that cannot be read: {batch.problem}"
    if len(batch.predictions) != len(batch.rows):
        return f"a {batch.exchange.case} got {len(batch.predictions)} predictions"
    return None


def _rows_compared(alone: dict[int, Prediction], batch: Answered) -> Iterator[tuple[int, str | None]]:
    span = span_of(alone.values())
    for at, (row, prediction) in enumerate(zip(batch.rows, batch.predictions, strict=True)):
        if row in alone:
            yield at, difference(alone[row], prediction, span=span)


def _strayed(alone: dict[tuple[int, ...], Answered], one: Answered) -> str | None:
    """How an answer among others differs from the one given alone, and whose it is instead if that can be told."""
    if not one.exchange.ok or one.problem is not None:
        return f"answered {one.exchange.outcome}{': ' + one.problem if one.problem else ''}"
    # A service may answer those in flight in one batch: see `difference` on company.
    span = span_of(prediction for other in alone.values() for prediction in other.predictions)
    what = _first_difference(alone[one.rows], one, span)
    if what is None:
        return None
    owners = [rows for rows, other in alone.items() if rows != one.rows and _first_difference(other, one) is None]
    return f"the answer of sample row {', '.join(map(str, owners[0]))}" if owners else what


def _first_difference(first: Answered, second: Answered, span: float | None = None) -> str | None:
    if len(first.predictions) != len(second.predictions):
        return f"{len(second.predictions)} predictions instead of {len(first.predictions)}"
    pairs = zip(first.predictions, second.predictions, strict=True)
    return next((what for one, other in pairs if (what := difference(one, other, span=span)) is not None), None)


def _alone_and_together(batch_sizes: BatchSizes, batch: Answered, at: int) -> Replay:
    single = next(one for one in batch_sizes.singles if one.rows == (batch.rows[at],))
    return replays.compared(single.exchange, batch.exchange, rows=(0, at))


def _at_once(concurrency: Concurrency) -> Replay:
    """Every question by a connection of its own, for many rounds; each must always be answered alike."""
    requests = tuple(replays.request_of(one) for one in replays.distinct(concurrency.alone, concurrency.connections))
    alike = tuple(Expect("alike", (at,)) for at in range(len(requests)))
    return Replay(requests, (*alike, Expect("apart", tuple(range(len(requests))))), rounds=ROUNDS, together=True)
