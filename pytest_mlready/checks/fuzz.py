"""Checks of properties that every answer has, whatever the model says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.checks.answers_read import UNSTEADY, everything, malformed, outcomes, repeated, unsteadiness
from pytest_mlready.finding import Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.measure.agreement import SINGLE_TOLERANCE, difference, span_of
from pytest_mlready.records import Answered, Answers, Identity
from pytest_mlready.records.corpus import broke
from pytest_mlready.replay import Expect, Replay

CANARIES = 7
OFTEN = 60
COMPARED = 10


@check(
    "fuzz.well_formed_answers",
    "must",
    remedy="Serialise answers through the response model that the API documents, and refuse NaN before it is written.",
)
def well_formed_answers(answers: Answers) -> Finding:
    """Every 2xx answer is strict JSON with a JSON media type, one prediction a row, as the documented schema has it.

    A client in another language does not parse NaN, and a field that is sometimes absent breaks callers long after
    the deployment was called a success.
    """
    asked = everything(answers)
    answered = [one for one in asked if one.exchange.ok]
    if not answered:
        what = outcomes([one.exchange for one in asked])
        return inconclusive(f"no sample row was answered with a 2xx status ({what}): check [inputs] rows")
    bad = [(one, problem) for one in answered if (problem := malformed(one)) is not None]
    measured = Measurement(len(bad), "1", n=len(answered), limit=0)
    if bad:
        one, problem = bad[0]
        details = tuple(f"{which.exchange.case}: {why}" for which, why in bad[1:])
        return failed(
            f"contract: {one.exchange.case}: {problem}",
            measured,
            details=details,
            replay=replays.curl(one.exchange),
            script=replays.once(one.exchange, "well_formed", rows=max(1, len(one.rows))),
        )
    if answers.schema_problems:
        problem = answers.schema_problems[0]
        shown = next((one for one in answered if problem.startswith(f"{one.exchange.path} ")), answered[0])
        schema = answers.schemas.get(shown.exchange.path)
        return failed(
            f"contract: an answer breaks the documented schema: {problem}",
            Measurement(len(answers.schema_problems), "1", n=len(answered), limit=0),
            details=answers.schema_problems[1:],
            replay=replays.curl(shown.exchange),
            script=replays.once(shown.exchange, "well_formed", rows=max(1, len(shown.rows)), schema=schema),
        )
    return passed(f"{len(answered)} answers are strict JSON with one prediction a row", measured)


@check(
    "fuzz.deterministic",
    "must",
    remedy="Seed or remove what is random in prediction, and let every worker load the same model version.",
)
def deterministic(answers: Answers, identity: Identity | None = None) -> Finding:
    """The same row gets the same answer whenever, and on whichever connection, it is asked.

    An answer that changes from call to call cannot be debugged, explained or audited, and hides workers that serve
    different models.
    """
    if identity is not None and identity.predict is not None:  # the first answer that anybody was given
        answers = replace(answers, repeats=(*answers.repeats, identity.predict))
    pairs = [(one, other, what) for one, other, what in repeated(answers) if what is not None]
    compared = sum(1 for _ in repeated(answers))
    lost = [one.exchange for one in answers.repeats if not one.exchange.ok]
    measured = Measurement(len(pairs), "1", n=compared, limit=0)
    if pairs:
        first, _, what = pairs[0]
        return failed(
            f"determinism: {first.exchange.case} was answered with {what}; {len(pairs)} of {compared} repeats differ",
            measured,
            details=tuple(f"{one.exchange.case}: {how}" for one, _, how in pairs[1:]),
            script=replays.steadily(replays.distinct([first, *answers.singles], CANARIES), rounds=OFTEN),
        )
    if lost or compared == 0:
        return inconclusive(_uncompared(answers), measured)
    return passed(f"{compared} repeats of {len(answers.singles)} rows were answered as before", measured)


def _uncompared(answers: Answers) -> str:
    """Why repeats could not be compared."""
    several = f"{{}} of {len(answers.repeats)} repeats"
    if lost := [one.exchange for one in answers.repeats if not one.exchange.ok]:
        errors = ": see fuzz.no_server_error" if any(map(broke, lost)) else ""
        return f"{several.format(len(lost))} got no answer ({outcomes(lost)}){errors}"
    if unread := [one for one in answers.repeats if one.only is None]:
        return f"{several.format(len(unread))} have no prediction that can be read: {unread[0].problem or 'none came'}"
    if not answers.repeats:
        return "no row was asked twice"
    return f"{several.format(len(answers.repeats))} have no first answer that could be read"


@check(
    "fuzz.batch_equals_single",
    "must",
    remedy="Let the batch route and the single route share one function for preparing rows and one for predicting.",
)
def batch_equals_single(answers: Answers) -> Finding:
    """A batch is answered as its rows are singly, each in its place, in every order and with duplicates.

    Rows that change places give every customer somebody else's score, with a 200 and no error anywhere.
    """
    batches = answers.all_batches
    if not batches:
        return Finding(Status.NOT_APPLICABLE, "the service takes one row at a time")
    if unsteadiness(answers) > UNSTEADY:
        return inconclusive("the same row gets different answers (see fuzz.deterministic): nothing can be compared")
    for batch in batches:
        if not batch.exchange.ok:
            what = f"a batch of {len(batch.rows)} valid rows was answered {batch.exchange.outcome}"
            if batch.exchange.one_too_many or batch.exchange.status not in range(400, 500):
                return inconclusive(what, details=(batch.exchange.case,))
            return failed(f"batch: {what}", details=(batch.exchange.case,), script=_whole(batch))
        if batch.problem is None and len(batch.predictions) != len(batch.rows):
            what = f"a batch of {len(batch.rows)} rows got {len(batch.predictions)} predictions"
            return failed(
                f"batch: {what}",
                details=(batch.exchange.case,),
                replay=replays.curl(batch.exchange),
                script=_whole(batch),
            )
    compared = list(_batch_pairs(answers))
    wrong = [(single, batch, at, what) for single, batch, at, what in compared if what is not None]
    measured = Measurement(len(wrong), "1", n=len(compared), limit=0)
    if wrong:
        _, batch, at, what = wrong[0]
        if len(wrong) <= 3 * unsteadiness(answers) * len(compared):
            return inconclusive(f"{len(wrong)} of {len(compared)} rows differ, as repeats do: see fuzz.deterministic")
        return failed(
            f"batch: {batch.exchange.case}: row {at} of the batch differs from the same row alone: {what}; "
            f"{len(wrong)} of {len(compared)} rows differ",
            measured,
            script=_alone_and_together(answers, wrong),
        )
    if not compared:
        return inconclusive("no batch and single answer could be read: see fuzz.well_formed_answers", measured)
    return passed(f"{len(compared)} rows in {len(batches)} batches agree within {SINGLE_TOLERANCE:g}", measured)


def _batch_pairs(answers: Answers) -> Iterator[tuple[Answered, Answered, int, str | None]]:
    """Each row of each batch beside its single answer: (single, batch, place in the batch, what differs).

    A batch that agrees with any of the answers that its row got singly is right.
    """
    together = [(batch, (*answers.singles, *answers.repeats)) for batch in answers.batches]
    if answers.mixed_batch is not None:
        together.append((answers.mixed_batch, (*answers.mixed, *answers.mixed_again)))
    for batch, asked in together:
        alone: dict[int, list[Answered]] = {}
        for one in asked:
            alone.setdefault(one.rows[0], []).append(one)
        span = span_of(one.only for one in asked if one.only is not None)
        for at, (row, prediction) in enumerate(zip(batch.rows, batch.predictions, strict=False)):
            own = [(one, one.only) for one in alone.get(row, []) if one.only is not None]
            found = [(one, difference(only, prediction, span=span)) for one, only in own]
            if found:
                single, what = next((pair for pair in found if pair[1] is None), found[0])
                yield single, batch, at, what


def _alone_and_together(answers: Answers, wrong: Sequence[tuple[Answered, Answered, int, str | None]]) -> Replay:
    """Every row alone, then the batch that went wrong: what was asked before it may be what matters."""
    batch = wrong[0][1]
    shown = {at: single.exchange for single, one, at, _ in wrong[::-1] if one is batch}
    alone = [*answers.singles, *(answers.mixed if batch is answers.mixed_batch else ())]
    singles = replays.distinct(alone, len(alone))
    place = {one.request_body: at for at, one in enumerate(singles)}
    pairs = [(place.get(one.request_body), at) for at, one in sorted(shown.items())][:COMPARED]
    expects = [Expect("same", (own, len(singles)), {"rows": (0, at)}) for own, at in pairs if own is not None]
    return Replay(tuple(map(replays.request_of, [*singles, batch.exchange])), tuple(expects))


def _whole(batch: Answered) -> Replay:
    return replays.once(batch.exchange, "well_formed", rows=len(batch.rows))
