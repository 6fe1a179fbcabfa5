"""Checks of other tools, whose findings stand beside ours."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.records import SchemathesisRun


@check(
    "fuzz.schemathesis",
    "may",
    remedy="Make the service or its OpenAPI document true: one of the two says what the other does not do.",
)
def schemathesis(schemathesis_run: SchemathesisRun) -> Finding:
    """Schemathesis, where it is installed, finds nothing on the predict routes.

    It knows the document's every keyword, and we know the model's answers. Its findings are often about a document
    that promises too much, which is why they never block.
    """
    run = schemathesis_run
    measured = Measurement(len(run.failures), "1", n=run.cases, limit=0)
    if run.failures:
        first = run.failures[0]
        message = " ".join(first.message.split())
        return failed(
            f"{first.title} ({first.exchange.method} {first.exchange.path}): {message:.200}",
            measured,
            details=tuple(f"{one.title} ({one.exchange.path}): {one.exchange.outcome}" for one in run.failures),
            replay=first.exchange.curl(SERVICE),
        )
    if run.problem is not None or run.cases == 0:
        why = run.problem or "it made no case of the predict routes"
        return inconclusive(f"Schemathesis {run.version} found nothing in {run.cases} cases, but {why}", measured)
    return passed(f"Schemathesis {run.version} sent {run.cases} cases and found nothing", measured)
