"""Check of what valid rows and generated ones do to the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.checks.answers_read import outcomes
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import Answered, Answers, BatchSizes, Concurrency, Corpus, Edits, Exchange, Generated
from pytest_mlready.records.corpus import broke
from pytest_mlready.replay import Expect, Replay

ROUNDS = 60
CANARIES = 7
"""Of a replay of a request that fails at times only: so many rows, so often."""


@check(
    "fuzz.no_server_error",
    "must",
    remedy="Bound every feature where it comes in, and let nothing that a client sends end in an unhandled exception.",
)
def no_server_error(
    answers: Answers,
    corpus: Corpus,
    edits: Edits | None = None,
    batch_sizes: BatchSizes | None = None,
    concurrency: Concurrency | None = None,
) -> Finding:
    """Valid rows, and rows with extreme, odd or rare values, are answered or refused: no 5xx, no hang, no NaN.

    Traffic holds values that training never saw. A logarithm of zero, an overflow in single precision or an unknown
    category must not be a server error that pages somebody, nor a 200 with a body that clients cannot read.
    """
    samples, made, later = _samples(answers), _made(answers), [*_later(edits, batch_sizes, concurrency)]
    outcome = corpus.sample[0].exchange.outcome if corpus.sample else "not asked"
    unknown = inconclusive(f"the sample row itself was answered {outcome}: check [inputs] rows")
    if not any(one.exchange.ok for one in [*corpus.sample[:1], *samples]):
        return unknown
    valid = [one.exchange for one in [*samples, *made, *later]]
    broken = [one.exchange for one in samples if _fails(one)]
    of_made = [one.exchange for one in [*made, *later] if _fails(one)]
    odd = [one for one in corpus.odd if broke(one)]
    count = len(broken) + len(of_made) + len(corpus.shrunk) + len(odd)
    measured = Measurement(count, "1", n=len(valid) + len(corpus.cases) + len(corpus.odd), limit=0)
    if broken or (any(map(_fails, made)) and not corpus.shrunk):
        return _valid_rows(broken + of_made, valid, corpus, measured)
    if corpus.shrunk:
        return _generated_rows(corpus, measured, of_made)
    if odd:
        return failed(
            f"server error: {odd[0].case} {_became(odd[0])}",
            measured,
            details=tuple(f"{one.case}: {one.outcome}" for one in odd[1:]),
            replay=replays.curl(odd[0]),
            script=replays.once(odd[0], "survived"),
        )
    if not any(one.exchange.ok for one in corpus.sample[:1]):
        return unknown
    limited = sum(one.answered.exchange.one_too_many for one in corpus.cases)
    if any(one.exchange.one_too_many for one in corpus.sample) or (limited and limited == len(corpus.cases)):
        return inconclusive("the service limits our rate (429): generated rows were hardly asked", measured)
    if not all(one.exchange.ok for one in corpus.sample):
        outcome = corpus.sample[-1].exchange.outcome
        what = f"the sample row was answered before the generated rows, and {outcome} after them"
        between = [replays.request_of(one.answered.exchange) for one in corpus.cases]
        return failed(f"server error: {what}", measured, script=replays.steadily([corpus.sample[0].exchange], between))
    if of_made:
        return _valid_rows(of_made, valid, corpus, measured)
    if not corpus.cases:
        return inconclusive("no rows could be generated from the samples", measured)
    answered = sum(one.answered.exchange.ok for one in corpus.cases)
    others = f", {limited} of them for our rate (429)" if limited else ""
    others += f"; so were {len(corpus.odd)} odd requests" if corpus.odd else ""
    others += f"; none of {len(valid)} requests with valid rows failed" if valid else ""
    return passed(f"{len(corpus.cases)} generated rows: {answered} answered, the others refused{others}", measured)


def _samples(answers: Answers) -> list[Answered]:
    """Sample rows."""
    return [*answers.singles, *answers.repeats, *answers.batches]


def _made(answers: Answers) -> list[Answered]:
    """Mixes of them."""
    last = [answers.mixed_batch] if answers.mixed_batch is not None else []
    return [*answers.mixed, *answers.mixed_again, *last]


def _later(edits: Edits | None, batch_sizes: BatchSizes | None, concurrency: Concurrency | None) -> Iterator[Answered]:
    """Valid rows, asked one after another, after others had their turn at the service.

    What comes of large batches is judged by their sizes, and what comes of rows in company, by isolation. A service
    that is broken in the end is so by what was asked in between.
    """
    asked: list[Sequence[Answered]] = []
    if edits is not None:
        asked.append([*edits.originals, *(one.answered for one in edits.edits), *edits.beyond])
    if batch_sizes is not None:
        asked.append(batch_sizes.singles)
    if concurrency is not None:
        asked.append(concurrency.alone[: len(concurrency.alone) // 2])
    return chain.from_iterable(some for some in asked if some and not broke(some[-1].exchange))


def _fails(one: Answered) -> bool:
    """Whether it is a server error; a batch that takes too long is a matter of its size."""
    return broke(one.exchange) and (len(one.rows) <= 1 or one.exchange.status is not None)


def _valid_rows(
    broken: Sequence[Exchange], asked: Sequence[Exchange], corpus: Corpus, measured: Measurement
) -> Finding:
    first = broken[0]
    of = f"; {len(broken)} of {len(asked)} requests with valid rows fail ({outcomes(broken)})"
    generated = [f"{one.answered.exchange.case} {_became_of(one)}" for one in corpus.shrunk]
    bodies = {(one.path, one.request_body) for one in asked if one.ok}
    at_times = (first.path, first.request_body) in bodies
    return failed(
        f"server error: {first.case} {_became(first)}{' at times' if at_times else ''}{of if len(broken) > 1 else ''}",
        measured,
        details=tuple(dict.fromkeys([*(f"{one.case} {_became(one)}" for one in broken[1:]), *generated])),
        replay="" if at_times else replays.curl(first),
        script=_often(first, asked) if at_times else replays.once(first, "survived"),
    )


def _often(first: Exchange, asked: Sequence[Exchange]) -> Replay:
    """The request and others, round after round: which of them fails may be another one each time."""
    others = {one.request_body: one for one in asked if one.path == first.path}
    shown = list({first.request_body: first, **others}.values())[:CANARIES]
    survive = tuple(Expect("survived", (at,)) for at in range(len(shown)))
    return Replay(tuple(map(replays.request_of, shown)), survive, rounds=ROUNDS)


def _generated_rows(corpus: Corpus, measured: Measurement, also: Sequence[Exchange]) -> Finding:
    first, *others = corpus.shrunk
    more = f"; {len(corpus.shrunk)} of {len(corpus.cases)} generated rows fail" if others else ""
    after = f" ({corpus.stopped})" if corpus.stopped else ""
    details = [f"{one.answered.exchange.case} {_became_of(one)}" for one in others]
    details += [f"{one.case} {_became(one)}" for one in also]
    cause = "server error" if first.answered.problem is None else "contract"
    return failed(
        f"{cause}: {first.answered.exchange.case} {_became_of(first)}{more}{after}",
        measured,
        details=tuple(dict.fromkeys(details)),
        replay=replays.curl(first.answered.exchange),
        script=replays.once(first.answered.exchange, "survived"),
    )


def _became_of(one: Generated) -> str:
    if one.answered.problem is not None:
        status = one.answered.exchange.status
        return f"was answered {status} with a body that cannot be read: {one.answered.problem}"
    return _became(one.answered.exchange)


def _became(exchange: Exchange) -> str:
    return f"was answered {exchange.outcome}" if exchange.status is not None else f"got no answer ({exchange.failure})"
