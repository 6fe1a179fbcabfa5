"""Checks of what people declare about a model: its edge cases, its features, and the rows that it is judged by."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_mlready.catalogue import check
from pytest_mlready.checks.labelled import declared, key
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import same_label
from pytest_mlready.records import EdgeCase, EdgeCases, Exchange, Identity, LabelledAnswers, NotStrictJSON, strict_json
from pytest_mlready.settings import Settings

TOLERANCE = 1e-6
LISTS = ("features", "feature_names", "inputs", "columns")
DEEPEST = 6


@check(
    "quality.edge_cases",
    "must",
    remedy="Send the row of the case that is named and mend what becomes of it; every case that cost an incident "
    "belongs into the file.",
    needs=("quality.edge_cases",),
)
def edge_cases(edge_cases: EdgeCases, settings: Settings) -> Finding:
    """Each edge case that is declared gets what is expected of it: an answer, one within bounds, or a refusal.

    Empty texts, the first of a month, the oldest customer: rows that are rare in any sample, and where services break.
    """
    wrong = [(case, what) for case in edge_cases.cases if (what := _wrong(case)) is not None]
    measured = Measurement(len(wrong), "1", n=len(edge_cases.cases), limit=0)
    if wrong:
        lines = tuple(f"{case.name}: {what}" for case, what in wrong[:20])
        replay = wrong[0][0].answered.exchange.curl(SERVICE)
        return failed(f"{len(wrong)} of {len(edge_cases.cases)} edge cases: {lines[0]}", measured, details=lines,
                      replay=replay)  # fmt: skip
    return passed(f"{len(edge_cases.cases)} edge cases get what is expected of them", measured)


def _wrong(case: EdgeCase) -> str | None:
    """How the answer differs from what is expected; None if it does not."""
    exchange, only = case.answered.exchange, case.answered.only
    if isinstance(case.expect, Mapping) and "refused" in case.expect:
        refused = exchange.status is not None and 400 <= exchange.status < 500
        return None if refused else f"should be refused with 4xx, answered {exchange.outcome}"
    if only is None:
        return f"answered {exchange.outcome}: {case.answered.problem or exchange.text[:200]}"
    said = only.prediction
    if isinstance(case.expect, Mapping):
        low, high = case.expect.get("minimum", float("-inf")), case.expect.get("maximum", float("inf"))
        within = isinstance(said, int | float) and low <= said <= high
        return None if within else f"{said!r} is not within {low:g} and {high:g}"
    same = same_label(case.expect, said, TOLERANCE) or key(case.expect) == key(said)
    return None if same else f"expected {case.expect!r}, answered {said!r}"


@check(
    "quality.no_forbidden_feature",
    "should",
    remedy="Train the model without the feature, and look for others that stand for it; or have it allowed by those "
    "who forbade it.",
    needs=("quality.forbidden",),
)
def no_forbidden_feature(identity: Identity, settings: Settings) -> Finding:
    """None of the features that are declared as forbidden is one that the service names or is sent.

    A feature that the law or the company forbids comes back with the next table that somebody joins; the model takes
    whatever helps.
    """
    forbidden = {_plain(name): name for name in declared(settings).forbidden}
    named = list(dict.fromkeys((*_features(identity.info), *_sent(identity))))
    if not named:
        return inconclusive("neither the info route nor a predict body names the features")
    used = [name for name in named if _plain(name) in forbidden]
    measured = Measurement(len(used), "1", n=len(named), limit=0)
    if used:
        return failed(f"{', '.join(used)} is a feature of the model and forbidden", measured)
    return passed(f"none of {len(named)} features is forbidden", measured)


@check(
    "quality.prod_like_data",
    "should",
    remedy="Label rows of the last months, and measure the model on them.",
    needs=("quality.collected_until",),
)
def prod_like_data(labelled_answers: LabelledAnswers, settings: Settings) -> Finding:
    """The labelled rows are no older than is declared: they end near the day on which the model is judged.

    A model can be as good as ever on the customers of two years ago.
    """
    quality = declared(settings)
    until = quality.collected_until or datetime.date.max
    days = (datetime.date.fromisoformat(labelled_answers.answered_on) - until).days
    measured = Measurement(days, "d", n=len(labelled_answers.truth), limit=quality.max_age_days)
    what = f"the labelled rows end on {until}, {days} days before they were asked; {quality.max_age_days} are allowed"
    if days < 0:
        return failed(f"the labelled rows end on {until}, which is yet to come", measured)
    return passed(what, measured) if days <= quality.max_age_days else failed(what, measured)


def _features(info: Exchange | None) -> Iterator[str]:
    """The names in the info document's list of features, of texts or of objects with a name."""
    body = info.json_or_none if info is not None and info.ok else None
    whole = body if isinstance(body, Mapping) else {}
    inner = whole.get("model")
    for document in (whole, inner if isinstance(inner, Mapping) else {}):
        for name in LISTS:
            listed = document.get(name)
            for one in listed if isinstance(listed, list | Mapping) else ():
                found = one.get("name") if isinstance(one, Mapping) else one
                if isinstance(found, str):
                    yield found


def _sent(identity: Identity) -> Iterator[str]:
    """Names of fields in a predict body whose rows are objects."""
    if identity.predict is not None:
        with contextlib.suppress(NotStrictJSON):
            yield from _names(strict_json(identity.predict.exchange.request_body), DEEPEST)


def _names(value: Any, depth: int) -> Iterator[str]:
    held: list[tuple[object, Any]] = [("", one) for one in value] if isinstance(value, list) else []
    if isinstance(value, Mapping):
        held = list(value.items())
    for name, inner in held if depth else ():
        if isinstance(inner, Mapping | list):
            yield from _names(inner, depth - 1)
        elif name:
            yield str(name)


def _plain(name: str) -> str:
    """A name without case, spaces and punctuation: Post-Code is postcode."""
    return "".join(char for char in name.casefold() if char.isalnum())
