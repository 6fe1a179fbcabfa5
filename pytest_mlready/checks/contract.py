"""Checks of the declared interface: the document and the service agree, and faults are blamed on their cause."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import BrokenModel, InterfaceDocument, LiveRoutes
from pytest_mlready.settings import Settings

UNSPOKEN = frozenset({"/", "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/metrics", "/metrics/"})
"""Paths that belong to every service of their kind and need no documentation of their own."""


@check(
    "contract.documented",
    "must",
    remedy="Document the route with its request, answers and an example that works, or take the route away.",
)
def documented(interface_document: InterfaceDocument, live_routes: LiveRoutes, settings: Settings) -> Finding:
    """Every live route is documented, and the documented examples of the predict routes work.

    A forgotten route is one that nobody secures, tests or keeps; an example that fails is the first thing a new
    client meets.
    """
    document, found = interface_document, live_routes.found
    if not document.documented:
        return inconclusive("there is no readable OpenAPI document to hold the live routes against: publish one")
    hidden = [one for one in found if one not in document.documented and one.partition(" ")[2] not in UNSPOKEN]
    if not settings.contract.documented_only:
        hidden = []
    measured = Measurement(len(hidden), "1", n=len(found), limit=0)
    if hidden:
        method, _, path = hidden[0].partition(" ")
        return failed(
            f"{hidden[0]} answers and is not documented; {len(hidden)} of {len(found)} live routes are not",
            measured,
            details=tuple(hidden),
            replay=f"curl -sS -i -X {'OPTIONS' if method == 'ANY' else method} {SERVICE}{path}",
        )
    broken = [one for one in document.examples if not one.ok]
    if broken:
        return failed(
            f"{broken[0].case}, as documented, was answered {broken[0].outcome}; "
            f"{len(broken)} of {len(document.examples)} examples do not work",
            Measurement(len(broken), "1", n=len(document.examples), limit=0),
            details=tuple(f"{one.case}: {one.outcome}" for one in broken),
            replay=broken[0].curl(SERVICE),
        )
    if not found:
        return inconclusive("no live route was found to hold against the document")
    scope = " (unknown paths answer too, so only the known ones were tried)" if live_routes.catch_all else ""
    examples = f"{len(document.examples)} examples work" if document.examples else "it has no examples"
    return passed(f"{len(found)} live routes are documented{scope}; {examples}", measured)


@check(
    "contract.openapi",
    "should",
    remedy="Generate the OpenAPI document from the code that answers, and validate answers against it in tests.",
)
def openapi(interface_document: InterfaceDocument) -> Finding:
    """An OpenAPI document is served, is valid, and the answers conform to it.

    Clients are generated from it: what it promises and the service does not keep breaks in their code, not in yours.
    """
    document = interface_document
    if document.exchange is None:
        return failed("no OpenAPI document is served at any of the usual paths, and none is declared")
    way = document.exchange.curl(SERVICE)
    if document.problems:
        count = len(document.problems)
        summary = f"openapi: {count} {'problem' if count == 1 else 'problems'}: {document.problems[0]}"
        return failed(summary, Measurement(count, "1", limit=0), details=document.problems, replay=way)
    measured = Measurement(len(document.nonconforming), "1", n=document.checked_answers, limit=0)
    if document.nonconforming:
        summary = f"an answer breaks the document: {document.nonconforming[0]}"
        return failed(summary, measured, details=document.nonconforming, replay=way)
    if document.checked_answers == 0:
        return inconclusive("the document is valid; no answer was there to hold against it: declare [inputs] rows")
    return passed(f"the document is valid, and {document.checked_answers} answers conform to it", measured)


@check(
    "contract.blame",
    "should",
    remedy="Catch validation errors apart from everything else: 4xx for those, 500 or 503 for what the service broke.",
)
def blame(broken_model: BrokenModel) -> Finding:
    """With a broken model, good requests get 5xx and bad ones still get 4xx.

    A 400 for the service's own fault tells every client to stop asking and every alert that all is well.
    """
    good, bad = broken_model.good, broken_model.bad
    told = [one for one in (*good, *bad) if one.status is not None]
    if not good or not told:
        return inconclusive("the instance with the broken model answered nothing")
    shielded = [one for one in good if one.status is not None and 400 <= one.status < 500]
    measured = Measurement(len(shielded), "1", n=len(good), limit=0)
    if shielded:
        what = f"with a broken model, a good request ({shielded[0].case}) was answered {shielded[0].status}"
        return failed(f"{what}: the client is blamed", measured, replay=shielded[0].curl(SERVICE))
    if any(one.ok for one in good):
        return inconclusive("the declared drill did not break the model: good requests are answered with 2xx", measured)
    if any(one.status is None for one in good):
        return inconclusive(f"with a broken model, good requests get no answer ({good[0].outcome})", measured)
    wrong = [one for one in bad if one.status is None or (one.status >= 500 and one.status != 503) or one.ok]
    if wrong:
        what = f"with a broken model, a client's fault ({wrong[0].case}) was answered {wrong[0].outcome}"
        return failed(what, Measurement(len(wrong), "1", n=len(bad), limit=0), replay=wrong[0].curl(SERVICE))
    return passed(f"with a broken model, {len(good)} good requests got {good[0].status}, client faults 4xx", measured)
