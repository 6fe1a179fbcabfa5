"""Evidence `interface_document`: the OpenAPI document, its examples sent, and real answers held against it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import ask_batch, ask_one, asked_of, clean, predict
from pytest_mlready.protocols import specification
from pytest_mlready.protocols.schemas import schema_errors
from pytest_mlready.records import Exchange, InterfaceDocument

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.protocols.openapi import OpenAPI
    from pytest_mlready.service.transport import Transport

MAX_GETS = 20
MAX_EXAMPLES = 10


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> InterfaceDocument:
    """Fetch the document, send its examples, and hold real answers against its schemas."""
    target, openapi = context.target, context.target.openapi
    with target.transport() as transport:
        path = target.paths.get("openapi")
        exchange = transport.request("openapi", "GET", path) if path is not None else None
        if openapi is None:
            problems = () if exchange is None else (_unreadable(exchange),)
            return InterfaceDocument(exchange, problems)
        answers = list(_answers(context, openapi, transport))
        nonconforming = tuple(problem for one in answers for problem in _problems(openapi, one))
        examples = tuple(_examples(context, openapi, transport))
    return InterfaceDocument(
        exchange,
        tuple(clean(one) for one in specification.problems(openapi)),
        tuple(f"{method} {clean(template, 300)}" for method, template in openapi.routes),
        len(answers),
        nonconforming,
        examples,
    )


def _unreadable(exchange: Exchange) -> str:
    kind = clean(exchange.header("content-type") or "no media type", 100)
    return f"GET {exchange.path} answered {exchange.outcome} ({kind}), which is no OpenAPI 3 document"


def _answers(context: Context, openapi: OpenAPI, transport: Transport) -> Iterator[Exchange]:
    """Answers to good requests: predictions, and every documented GET that needs no parameter."""
    if context.rows:
        yield ask_one(context, 0, transport=transport).exchange
        if context.target.mapping.batch_route is not None:
            yield ask_batch(context, [at % len(context.rows) for at in range(3)], transport=transport).exchange
    gets = [path for method, path in openapi.routes if method == "GET" and "{" not in path]
    for path in gets[:MAX_GETS]:
        if not any(_required(one) for one in _parameters(openapi, path)):
            yield transport.request("documented route", "GET", path, deadline_s=5.0)


def _parameters(openapi: OpenAPI, path: str) -> list[Mapping[str, Any]]:
    listed = openapi.operation("GET", path).get("parameters")
    return [openapi.resolved(one) for one in listed] if isinstance(listed, list) else []


def _required(parameter: Mapping[str, Any]) -> bool:
    return parameter.get("required") is True


def _problems(openapi: OpenAPI, exchange: Exchange) -> Iterator[str]:
    """How an answer breaks what the document says of it, one sentence each."""
    where = f"{exchange.method} {exchange.path} {exchange.outcome}"
    if exchange.status is None or not openapi.documents(exchange.method, exchange.path):
        return
    if not openapi.documents_status(exchange.method, exchange.path, exchange.status):
        yield f"{where}: this status is not documented"
        return
    schema = openapi.response_schema(exchange.method, exchange.path, exchange.status)
    media = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if schema is None or not (media == "application/json" or media.endswith("+json")):
        return
    body = exchange.json_or_none
    if body is None and exchange.body.strip() != b"null":
        yield f"{where}: the body is not strict JSON"
        return
    yield from (clean(f"{where}: {error}", 400) for error in schema_errors(schema, body, times=True)[:3])


def _examples(context: Context, openapi: OpenAPI, transport: Transport) -> Iterator[Exchange]:
    mapping = context.target.mapping
    for path in dict.fromkeys((mapping.predict_path, mapping.batch_path)):
        if path is None:
            continue
        for number, example in enumerate(openapi.examples("POST", path)[:MAX_EXAMPLES], 1):
            try:
                body = json.dumps(example, allow_nan=False).encode()
            except (ValueError, RecursionError):
                continue
            yield predict(context.target, f"example {number} of POST {path}", body, path=path, transport=transport)
