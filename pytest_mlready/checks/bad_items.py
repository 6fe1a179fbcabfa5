"""Checks of bad items in rows of full length: they are refused, and leave nothing for the next request."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.checks import replays
from pytest_mlready.checks.answers_read import UNSTEADY, everything, malformed, outcomes, unsteadiness
from pytest_mlready.finding import Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Answers, BadItem, BadItems, Exchange, Prediction
from pytest_mlready.replay import Replay
from pytest_mlready.settings import Settings

AGAIN = 20


@check(
    "fuzz.rejects_bad_item_in_full_row",
    "must",
    remedy="Check every value's type and finiteness before it reaches the model, and answer 4xx with its position.",
)
def rejects_bad_item_in_full_row(bad_items: BadItems, settings: Settings) -> Finding:
    """A row of full length with one bad item (NaN, infinite, huge, text, boolean, null, nested) is refused with 4xx.

    A value that is silently turned into a number gives a confident answer to a question nobody asked; one that
    crashes the handler is an error page that any client can order.
    """
    legal = {"NaN", "null"} if settings.inputs.missing == "accept" else set()
    judged = [one for one in (*bad_items.items, *bad_items.batches) if one.kind not in legal]
    undecided = [one.exchange for one in judged if one.exchange.undecided]
    wrong = [one for one in judged if not _refused(one.exchange)]
    measured = Measurement(len(wrong), "1", n=len(judged), limit=0)
    if wrong:
        details = tuple(f"{one.exchange.case}: {_became(one.exchange)}" for one in wrong)
        kinds = ", ".join(dict.fromkeys(one.kind for one in wrong))
        first = wrong[0].exchange
        cause = "coercion" if first.ok else "server error"
        what = f"{first.case} {_became(first)}; {len(wrong)} of {len(judged)} bad inputs are not refused ({kinds})"
        return failed(
            f"{cause}: {what}",
            measured,
            details=details,
            replay=replays.curl(first),
            script=replays.once(first, "refused"),
        )
    if not judged:
        return inconclusive("no bad input could be made of the sample rows", measured)
    if undecided:
        what = f"{undecided[0].case}: answered {undecided[0].status}, for another reason than the input"
        return inconclusive(f"{what}; {len(undecided)} of {len(judged)} bad inputs say nothing", measured)
    return passed(f"{len(judged)} rows with a bad item were refused with 4xx", measured)


@check(
    "fuzz.canary_stable",
    "must",
    remedy="Keep no state between requests: nothing that a refused or failed request leaves may reach the next one.",
)
def canary_stable(bad_items: BadItems, answers: Answers) -> Finding:
    """Known rows are answered alike before, right after each, and after all bad input.

    A service that answers the next customer from the ruins of the previous request fails silently, and only in
    production, where bad input comes every day.
    """
    if unsteadiness(answers) > UNSTEADY:
        return inconclusive("the same row gets different answers (see fuzz.deterministic): a canary shows nothing")
    before = {one.rows[0]: one for one in bad_items.first if one.only is not None}
    after = [(f"after {item.exchange.case}", one) for item in _in_order(bad_items) for one in item.canaries]
    after += [("at the end", one) for one in bad_items.last]
    if len(before) < len(bad_items.first) or not after:
        outcome = outcomes([one.exchange for one in bad_items.first])
        return inconclusive(f"the canary rows were not answered to begin with ({outcome})")
    asked, after = len(after), [(when, one) for when, one in after if not one.exchange.one_too_many]
    limited = asked - len(after)
    if any(one.exchange.ok and malformed(one) for one in everything(answers)):
        after = [(when, one) for when, one in after if one.problem is None]  # see fuzz.well_formed_answers
    changed = [(when, one, what) for when, one in after if (what := _changed(before, one)) is not None]
    measured = Measurement(len(changed), "1", n=len(after), limit=0)
    if changed:
        when, one, what = changed[0]
        details = tuple(f"{when}: sample row {one.rows[0]}: {what}" for when, one, what in changed[1:])
        summary = f"isolation: {when}, sample row {one.rows[0]} {what}; {len(changed)} of {len(after)} canaries changed"
        return failed(summary, measured, details=details, script=_after_bad_input(bad_items, one))
    if 2 * limited > asked:
        return inconclusive(f"{limited} of {asked} canaries after bad input were answered 429", measured)
    return passed(f"{len(after)} canaries answered as before", measured)


def _in_order(bad_items: BadItems) -> tuple[BadItem, ...]:
    return (*bad_items.items, *bad_items.batches, *bad_items.others)


def _changed(before: dict[int, Answered], canary: Answered) -> str | None:
    once: Prediction | None = before[canary.rows[0]].only if canary.rows[0] in before else None
    if once is None:
        return None
    if canary.only is None:
        return f"was answered {canary.exchange.outcome}{': ' + canary.problem if canary.problem else ''}"
    what = difference(once, canary.only)
    return None if what is None else f"answered otherwise: {what}"


def _refused(exchange: Exchange) -> bool:
    return exchange.status is not None and 400 <= exchange.status < 500


def _became(exchange: Exchange) -> str:
    if exchange.ok:
        return f"was answered {exchange.status} as if it were valid"
    return f"was answered {exchange.status}" if exchange.status is not None else f"got no answer ({exchange.failure})"


def _after_bad_input(bad_items: BadItems, changed: Answered) -> Replay:
    """The canaries, and the bad item that one of them changed after, many times; then all others."""
    items = _in_order(bad_items)
    culprits = [item.exchange for item in items if changed in item.canaries]
    others = [item.exchange for item in items if item.exchange not in culprits]
    canaries = replays.distinct(bad_items.first, 2)
    return replays.steadily(canaries, [replays.request_of(one) for one in [*culprits * AGAIN, *others]])
