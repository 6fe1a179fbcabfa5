"""Checks of what good answers hold: golden values, sane numbers and ids."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.checks.answers_read import unsteadiness
from pytest_mlready.checks.identity import known
from pytest_mlready.checks.label_rules import contradictions
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Answers, Exchange, Golden, Identity, Label, Prediction
from pytest_mlready.settings import Settings

SUM_TOLERANCE = 1e-5
"""Of a sum of probabilities in single precision; more is allowed where they are printed rounded."""


@check(
    "contract.golden",
    "must",
    remedy="Compare preprocessing with training: order of features, scaling, units and the version of the model file.",
)
def golden(golden: Golden) -> Finding:
    """The golden rows get their golden answers, within the declared tolerance.

    It is the one test that a swapped pair of features, a missing scaler or a wrong model file cannot pass.
    """
    named = [one.version for answered in golden.answered for one in answered.predictions]
    served = {version for version in named if version is not None and known(version)}
    if golden.version is not None and served and golden.version not in served:
        return inconclusive(f"the golden answers are of version {golden.version}, {', '.join(sorted(served))} answers")
    wrong: list[tuple[Answered, str]] = []
    unread = [one for one in golden.answered if one.only is None and _is_ours(one.exchange)]
    for expected, answered in zip(golden.expected, golden.answered, strict=True):
        if answered.only is None:
            if not _is_ours(answered.exchange):
                wrong.append((answered, f"a golden row was answered {answered.exchange.outcome}"))
        elif (what := difference(expected, _aligned(answered.only, expected), golden.tolerance)) is not None:
            wrong.append((answered, f"expected and got {what}"))
    measured = Measurement(len(wrong), "1", n=len(golden.expected), limit=0)
    if wrong:
        first, what = wrong[0]
        return failed(
            f"{first.exchange.case}: {what}; {len(wrong)} of {len(golden.expected)} golden rows differ",
            measured,
            details=tuple(f"{one.exchange.case}: {why}" for one, why in wrong),
            replay=first.exchange.curl(SERVICE),
        )
    if unread or not golden.expected:
        first_unread = [f"{one.exchange.case}: {one.problem or one.exchange.outcome}" for one in unread[:1]]
        what = "".join(first_unread) or "the golden file holds no rows"
        return inconclusive(f"{len(unread)} of {len(golden.expected)} answers cannot be compared: {what}", measured)
    return passed(f"{len(golden.expected)} golden rows got their answers within {golden.tolerance:g}", measured)


@check(
    "contract.numeric_sane",
    "must",
    remedy="Apply the final softmax or sigmoid once, and map class indices to the labels the model was trained with.",
)
def numeric_sane(answers: Answers, identity: Identity, settings: Settings) -> Finding:
    """Probabilities lie in [0, 1] and sum to 1, numbers are finite, labels are of the declared set and agree with them.

    Callers put thresholds on these numbers; a score that is no probability passes or fails all of them.
    """
    asked = [*answers.singles, *answers.all_batches, *answers.mixed]
    predictions = [(one, prediction) for one in asked for prediction in one.predictions]
    if not predictions:
        return inconclusive(f"none of {len(asked)} predict requests was answered with a prediction")
    labels = _labels(identity, settings)
    wrong = [(one, what) for one, prediction in predictions if (what := _insane(prediction, labels)) is not None]
    wrong = wrong or contradictions(predictions)
    measured = Measurement(len(wrong), "1", n=len(predictions), limit=0)
    if wrong:
        first, what = wrong[0]
        summary = f"{first.exchange.case}: {what}; so {len(wrong)} of {len(predictions)} predictions"
        return failed(summary, measured, replay=first.exchange.curl(SERVICE))
    if not any(one.probabilities or not isinstance(one.prediction, str) or labels or one.classes
               for _, one in predictions):  # fmt: skip
        return inconclusive("the answers are labels without probabilities: declare the labels in [inputs] classes")
    return passed(f"{len(predictions)} predictions have sane numbers and labels", measured)


@check(
    "contract.request_id",
    "should",
    remedy="Take the client's X-Request-ID or make a new one for every request, answer with it and log it.",
)
def request_id(answers: Answers) -> Finding:
    """Every answer has an id of its own, the client's where it sent one, and the log has it too.

    The id is what joins a complaint, a log line, a trace and a late label; one that repeats joins strangers.
    """
    asked = [one for one in (*answers.singles, *answers.repeats, *answers.batches, *answers.mixed) if one.exchange.ok]
    if not asked:
        return inconclusive("no predict request was answered with a 2xx status")
    without = [one for one in asked if not _ids(one) and not _rows_have_ids(one)]
    if without:
        what = f"{without[0].exchange.case}: the answer has no request id; so {len(without)} of {len(asked)}"
        return failed(what, Measurement(len(without), "1", n=len(asked), limit=0), replay=_curl(without[0].exchange))
    seen: dict[str, Answered] = {}
    for one in asked:
        for identifier in _ids(one):
            if identifier in seen:
                what = f"{one.exchange.case}: id {identifier!r} stood in the answer to {seen[identifier].exchange.case}"
                return failed(f"{what} too", replay=_curl(one.exchange))
            seen[identifier] = one
    lost = [(one, sent) for one, sent in zip(answers.echoes, answers.request_ids_sent, strict=False)
            if one.ok and not _echoes(one, sent)]  # fmt: skip
    if lost:
        exchange, sent = lost[0]
        return failed(f"{exchange.case}: the id {sent!r} that was sent is not in the answer", replay=_curl(exchange))
    first = answers.singles[0].only if answers.singles and not unsteadiness(answers) else None
    for one in answers.reused:
        if first is not None and one.only is not None and difference(first, one.only) is None:
            what = "was answered as that request was: the id stands for the input"
            return failed(f"{one.exchange.case}: {what}", replay=_curl(one.exchange))
    for echo in answers.echoes:
        if (written := _written(echo)) is not None:
            return failed(f"{echo.case}: {written}", replay=_curl(echo))
    if answers.logged_ids is not None and (gone := set(answers.request_ids_sent) - set(answers.logged_ids)):
        what = f"{len(gone)} of {len(answers.request_ids_sent)} ids that were sent are not in the service's log"
        return failed(what, Measurement(len(gone), "1", n=len(answers.request_ids_sent), limit=0))
    log = "" if answers.logged_ids is None else " and logged"
    return passed(f"{len(asked)} answers have {len(seen)} ids of their own; {len(answers.echoes)} echoed{log}")


def _is_ours(exchange: Exchange) -> bool:
    """Whether an answer that could not be read came nevertheless: whole, or longer than we read."""
    return exchange.ok or exchange.failure == "oversize"


def _aligned(given: Prediction, expected: Prediction) -> Prediction:
    """The answer with its probabilities in the expected order of classes, where both name them."""
    if given.probabilities is None or given.classes is None or expected.classes is None:
        return given
    if set(given.classes) != set(expected.classes):
        return given
    by_name = dict(zip(given.classes, given.probabilities, strict=True))
    ordered = tuple(by_name[name] for name in expected.classes)
    return Prediction(given.prediction, ordered, given.version, given.request_id, expected.classes)


def _labels(identity: Identity, settings: Settings) -> tuple[Label, ...]:
    """The declared labels, else those that the info route names."""
    if settings.inputs.classes is not None:
        return settings.inputs.classes
    info = identity.info.json_or_none if identity.info is not None and identity.info.ok else None
    named = info.get("classes") if isinstance(info, dict) else None
    return tuple(one for one in named if isinstance(one, str | int | float)) if isinstance(named, list) else ()


def _insane(one: Prediction, labels: tuple[Label, ...]) -> str | None:
    if isinstance(one.prediction, float) and one.prediction - one.prediction != 0:
        return f"the prediction is {one.prediction}"
    if labels and one.prediction not in labels and str(one.prediction) not in {str(label) for label in labels}:
        return f"label {one.prediction!r} is none of {', '.join(map(repr, labels[:10]))}"
    if one.classes and isinstance(one.prediction, str) and one.prediction not in one.classes:
        return f"label {one.prediction!r} has no probability beside it"
    if not one.probabilities:
        return None
    outside = [p for p in one.probabilities if not 0 <= p <= 1 + SUM_TOLERANCE]
    if outside:
        return f"probability {outside[0]!r} is outside [0, 1]"
    total = sum(one.probabilities)
    if len(one.probabilities) > 1 and abs(total - 1) > _rounding(one.probabilities):
        return f"the probabilities sum to {total:.6g}"
    return None


def _rounding(probabilities: tuple[float, ...]) -> float:
    """How far from 1 the sum may be: half a unit of the last printed digit for each, at most 0.05."""
    digits = max(len(repr(float(p)).partition(".")[2]) if "e" not in repr(p) else 17 for p in probabilities)
    return float(min(0.05, max(SUM_TOLERANCE, 0.51 * len(probabilities) * 10.0**-digits)))


def _ids(one: Answered) -> tuple[str, ...]:
    """The ids in an answer, each once: those of its predictions, else the header's."""
    named = tuple(dict.fromkeys(p.request_id for p in one.predictions if p.request_id))
    header = one.exchange.header("x-request-id")
    return named or ((header,) if header else ())


def _rows_have_ids(one: Answered) -> bool:
    """Whether each row of a batch has an `id`, which may be a request's or the row's: that is not told apart."""
    body = one.exchange.json_or_none
    listed = [held for held in body.values() if isinstance(held, list)] if isinstance(body, dict) else [body]
    rows = next((held for held in listed if isinstance(held, list) and len(held) == len(one.rows)), [])
    return bool(rows) and all(isinstance(row, dict) and row.get("id") is not None for row in rows)


def _echoes(exchange: Exchange, sent: str) -> bool:
    return exchange.header("x-request-id") == sent or sent in exchange.text


def _written(exchange: Exchange) -> str | None:
    """What became of an id with an encoded line break, if it was decoded on its way into the answer's headers."""
    sent = next((value for name, value in exchange.request_headers if name.lower() == "x-request-id"), "")
    _, line_break, rest = sent.partition("%0d%0a")
    if line_break and exchange.header(rest.partition(":")[0]) is not None:
        return "what a client encodes in its id becomes a header of the answer"
    if line_break and (exchange.status is None or exchange.status >= 500):
        return f"an id that the client encoded is answered {exchange.outcome}, as if it were written as it is"
    return None


def _curl(exchange: Exchange) -> str:
    return exchange.curl(SERVICE)
