"""Who says it answers: the version that predict, info, health, metrics, the registry's route and its files name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from pytest_mlready.evidence import registered
from pytest_mlready.evidence.asking import MAX_TEXT, ask_one, asked_of, clean, predict
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.records import Answered, Exchange, Identity

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.target import Target
    from pytest_mlready.service.transport import Transport

NONSENSE = "999.999.999"
"""Well-formed, so that it gets past a format check and has to be looked up."""
VERSION_FIELDS = ("model_version", "version")
HEADERS = ("x-model-version", "model-version")
_OF_A_MODEL = {"framework", "features", "trained_at", "model_name", "algorithm", "model_type", "metrics", "sha256"}
_SERVING = ("serving", "current", "active", "serving_version", "current_version", "active_version", "default_version")


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and where the registry lies."""
    return {**asked_of(context), **context.part_of_settings("registry")}


def gather(context: Context) -> Identity:
    """Ask every source once."""
    target = context.target
    sources: dict[str, str | None] = {}
    with target.transport() as transport:
        answered = ask_one(context, 0, transport=transport) if context.rows else None
        if answered is not None:
            sources |= _of_predict(answered)
        info = _get(transport, "info", target.paths.get("info"))
        health = _get(transport, "health", target.paths.get("health"))
        metrics = _get(transport, "metrics", target.paths.get("metrics"))
        models = _get(transport, "models", _models_path(target.openapi))
        nonsense = _ask_nonsense(context, transport)
    sources |= _of_info(info, declared="info" in context.settings.service.paths)
    sources |= _of_health(health)
    sources |= _of_metrics(metrics, sources.get("predict"))
    sources |= _of_models(models)
    sources |= _of_registry(context, sources)
    return Identity(
        answered,
        {source: None if value is None else clean(value, MAX_TEXT) for source, value in sources.items()},
        info,
        health,
        nonsense,
        NONSENSE,
        selectable(target),
    )


def _get(transport: Transport, case: str, path: str | None) -> Exchange | None:
    return None if path is None else transport.request(case, "GET", path)


def _of_predict(answered: Answered) -> dict[str, str | None]:
    if not answered.predictions:
        return {}
    named: dict[str, str | None] = {"predict": answered.predictions[0].version}
    header = next((value for name in HEADERS if (value := answered.exchange.header(name)) is not None), None)
    return named if header is None else {**named, "predict header": header}


def _of_info(info: Exchange | None, *, declared: bool) -> dict[str, str | None]:
    """A bare "version" counts only in a document that describes a model: it may be the server's own."""
    body = info.json_or_none if info is not None and info.ok else None
    if info is None or not isinstance(body, Mapping):
        return {}
    inner = body.get("model")
    for document in (body, inner if isinstance(inner, Mapping) else {}):
        if "model_version" in document:
            return {"info": _text(document["model_version"])}
        describes = declared or document is not body or "model" in info.path or bool(_OF_A_MODEL & document.keys())
        if "version" in document and describes:
            return {"info": _text(document["version"])}
    return {}


def _of_health(health: Exchange | None) -> dict[str, str | None]:
    body = health.json_or_none if health is not None else None
    if not isinstance(body, Mapping):
        return {}
    if "model_version" in body:
        return {"health": _text(body["model_version"])}
    model = body.get("model")
    if isinstance(model, Mapping) and "version" in model:
        return {"health": _text(model["version"])}
    return {}


def _of_metrics(metrics: Exchange | None, answering: str | None) -> dict[str, str | None]:
    """The label that names a model's version; series of earlier versions may stand beside the answering one's."""
    if metrics is None or not metrics.ok:
        return {}
    labels = set(_version_labels(metrics.text))
    if not labels:
        return {}
    return {"metrics": answering if answering in labels else ", ".join(sorted(labels)[:5])}


def _version_labels(text: str) -> Iterator[str]:
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "model_version" in sample.labels:
                    yield sample.labels["model_version"]
                elif "version" in sample.labels and "model" in sample.name:
                    yield sample.labels["version"]
    except Exception:  # whatever a hostile exposition does to the parser: metrics.scrapable judges it
        return


def _of_models(models: Exchange | None) -> dict[str, str | None]:
    body = models.json_or_none if models is not None and models.ok else None
    if not isinstance(body, Mapping):
        return {}
    for name in _SERVING:
        if name in body and not isinstance(body[name], list | dict):
            return {"models": _text(body[name])}
    versions = body.get("versions", body.get("models"))
    for one in versions if isinstance(versions, list) else []:
        if isinstance(one, Mapping) and str(one.get("stage", one.get("status"))).lower() in {*_SERVING, "production"}:
            return {"models": _text(one.get("version"))}
    return {}


def _of_registry(context: Context, sources: Mapping[str, str | None]) -> dict[str, str | None]:
    if context.settings.registry is None:
        return {}
    try:
        entry = registered.entry(context.settings, sources.values())
    except GatherError:  # the artefact evidence says so
        return {}
    name = next((name for name in VERSION_FIELDS if name in entry.metadata), None)
    return {} if name is None else {"registry metadata": _text(entry.metadata[name])}


def _models_path(openapi: OpenAPI | None) -> str | None:
    return "/models" if openapi is not None and openapi.documents("GET", "/models") else None


def _ask_nonsense(context: Context, transport: Transport) -> Exchange | None:
    if not context.rows:
        return None
    mapping = context.target.mapping
    try:
        body = mapping.encode_row(context.rows[0], {"model_version": NONSENSE})
    except ValueError:
        return None
    return predict(context.target, f"model version {NONSENSE}", body, transport=transport)


def selectable(target: Target, field: str = "model_version") -> bool:
    """Whether the documented request has a field to ask for a version."""
    openapi = target.openapi
    if openapi is None:
        return False
    pending: list[tuple[object, int]] = [(openapi.request_schema("POST", target.mapping.predict_path), 0)]
    while pending:
        node, depth = pending.pop()
        schema = openapi.resolved(node)
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and field in properties:
            return True
        for word in ("anyOf", "oneOf", "allOf"):
            options = schema.get(word)
            if isinstance(options, list) and depth < 4:
                pending += [(option, depth + 1) for option in options[:20]]
    return False


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, list | dict) else str(value)
