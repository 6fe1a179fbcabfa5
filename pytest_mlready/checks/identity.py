"""Checks of identity: which model answers, and whether everything that names it agrees."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, Status, failed, inconclusive, passed
from pytest_mlready.records import Answered, Answers, Exchange, Identity

UNKNOWN = frozenset({"", "unknown", "none", "null", "n/a", "undefined", "nil", "?"})
HEADERS = ("x-model-version", "model-version")


def known(version: str | None) -> bool:
    """Whether a text names a version at all."""
    return version is not None and version.strip().lower() not in UNKNOWN


@check(
    "identity.version_reported",
    "must",
    remedy="Put the loaded model's version into every prediction and into the info route's answer.",
)
def version_reported(answers: Answers, identity: Identity) -> Finding:
    """Every prediction and the info route name the model version.

    Without it nobody can tell which model gave an answer that a customer disputes, nor whether a rollback worked.
    """
    asked = [*answers.singles, *answers.repeats, *answers.batches]
    decoded = [one for one in asked if one.predictions]
    if not decoded:
        return inconclusive(f"none of {len(asked)} predict requests was answered with a prediction")
    silent = [one for one in decoded if not _names_version(one)]
    measured = Measurement(len(silent), "1", n=len(decoded), limit=0)
    if silent:
        first = silent[0]
        said = first.predictions[0].version
        what = "names no model version" if said is None else f"calls its model version {said!r}"
        return failed(
            f"{first.exchange.case}: the answer {what}; so do {len(silent)} of {len(decoded)} answers",
            measured,
            replay=first.exchange.curl(SERVICE),
        )
    if identity.info is not None and identity.info.ok and not known(identity.sources.get("info")):
        said = identity.sources.get("info", "absent")
        what = f"info: GET {identity.info.path} names no model version ({said!r})"
        return failed(what, replay=identity.info.curl(SERVICE))
    return passed(f"{len(decoded)} answers name the model version", measured)


@check(
    "identity.version_agrees",
    "must",
    remedy="Read the version from one place, the loaded model, wherever it is reported.",
)
def version_agrees(identity: Identity) -> Finding:
    """Predict, health, info, metrics and the registry all name one version.

    Two versions at once mean that a deployment is half done, or that one of the reports is wrong: alerts and rollbacks
    act on the wrong one.
    """
    named = {source: version for source, version in identity.sources.items() if known(version)}
    # What predict and info leave unsaid is the business of identity.version_reported.
    blank = [one for one in identity.sources if one not in named and one not in {"predict", "predict header", "info"}]
    said = ", ".join(f"{source}: {version}" for source, version in identity.sources.items())
    measured = Measurement(len(set(named.values())) + bool(blank), "1", n=len(named) + len(blank), limit=1)
    ways = tuple(one.curl(SERVICE) for one in _asked(identity))
    if len(set(named.values())) > 1 or (blank and named):
        return failed(f"the version is not one: {said}", measured, replay="\n".join(ways))
    if len(named) < 2:
        more = "a version in health, info or a metrics label, or [registry] path, would give another"
        return inconclusive(f"{len(named)} source names the version ({said or 'none'}): {more}", measured)
    return passed(f"{len(named)} sources name {next(iter(named.values()))}: {', '.join(named)}", measured)


@check(
    "identity.version_not_echoed",
    "must",
    remedy="Look the requested version up, answer 404 where it is not served, and report the version that computed.",
)
def version_not_echoed(identity: Identity) -> Finding:
    """A request for a version that does not exist is refused, and its version is not echoed as the answer's.

    An echoed version makes every record of which model decided worthless.
    """
    asked = identity.nonsense
    if asked is None:
        if identity.predict is None:
            return inconclusive("no sample row is declared to ask with: add [inputs] rows")
        return Finding(Status.NOT_APPLICABLE, "a request has no place to ask for a version")
    wish, way = identity.nonsense_version, asked.curl(SERVICE)
    if asked.ok:
        if wish in asked.text or any(wish in value for _, value in asked.headers):
            return failed(f"asked for version {wish}, which does not exist: {asked.status}, and echoed", replay=way)
        if identity.selectable:
            return failed(
                f"asked for version {wish}, which does not exist: another answered {asked.status}", replay=way
            )
        return passed(f"version {wish}, asked for where no such field is documented, was not echoed")
    if asked.status is None or asked.status >= 500:
        return failed(f"asked for version {wish}, which does not exist: {asked.outcome}", replay=way)
    if asked.status in {401, 403, 429} or asked.status < 400:
        return inconclusive(f"asked for version {wish}: {asked.outcome}, which says nothing of versions")
    return passed(f"version {wish}, which does not exist, was refused with {asked.status}")


def _names_version(answered: Answered) -> bool:
    header = any(known(answered.exchange.header(name)) for name in HEADERS)
    return header or all(known(one.version) for one in answered.predictions)


def _asked(identity: Identity) -> list[Exchange]:
    predict = identity.predict.exchange if identity.predict is not None else None
    return [one for one in (predict, identity.health, identity.info) if one is not None]
