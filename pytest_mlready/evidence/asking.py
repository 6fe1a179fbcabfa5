"""Ask for predictions, and decode whatever comes back into a record: hostile answers become a `problem`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from pytest_mlready.protocols.json_mapping import Answer, BadAnswer, JsonMapping
from pytest_mlready.records import Answered, Exchange, Label, Prediction, Row

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.target import Target
    from pytest_mlready.service.transport import Transport

Headers = Sequence[tuple[str, str]]
MAX_TEXT = 200
MAX_INTEGER = 2**63 - 1


def ask_one(
    context: Context,
    row_index: int,
    *,
    keep_alive: bool = False,
    transport: Transport | None = None,
    headers: Headers = (),
    case: str | None = None,
) -> Answered:
    """Ask for one sample row. Give a `transport` to reuse its connections, which `keep_alive` needs."""
    mapping = context.target.mapping
    body = mapping.encode_row(context.rows[row_index])
    exchange = predict(
        context.target, case or f"sample row {row_index}", body, keep_alive=keep_alive, transport=transport,
        headers=headers,
    )  # fmt: skip
    return decoded_one(mapping, exchange, row_index)


def ask_batch(
    context: Context,
    indices: Sequence[int],
    *,
    keep_alive: bool = False,
    transport: Transport | None = None,
    headers: Headers = (),
    case: str | None = None,
) -> Answered:
    """Ask for sample rows in one batch request. Raises ValueError if the service takes one row at a time."""
    mapping = context.target.mapping
    body = mapping.encode_batch([context.rows[index] for index in indices])
    exchange = predict(
        context.target, case or f"batch of {len(indices)} sample rows", body, keep_alive=keep_alive,
        transport=transport, headers=headers, path=mapping.batch_route,
    )  # fmt: skip
    return decoded_batch(mapping, exchange, tuple(indices))


def predict(
    target: Target,
    case: str,
    body: bytes,
    *,
    path: str | None = None,
    keep_alive: bool = False,
    transport: Transport | None = None,
    headers: Headers = (),
) -> Exchange:
    """Send a predict body as it is, to the predict route unless `path` is another; as patiently as the target is."""
    own = transport or target.transport()

    def ask() -> Exchange:
        return own.request(
            case, "POST", path or target.mapping.predict_path, body, (*target.mapping.request_headers, *headers),
            keep_alive=keep_alive,
        )  # fmt: skip

    try:
        return patiently(target, ask)
    finally:
        if transport is None:
            own.close()


def patiently(target: Target, ask: Callable[[], Exchange]) -> Exchange:
    """The exchange, asked again as patiently as the target is, where it was refused as one too many."""
    return ask() if target.patience is None else target.patience.patiently(ask)


def decoded_one(mapping: JsonMapping, exchange: Exchange, *rows: int) -> Answered:
    """The answer to a single row; `rows` is its index, none for a row that is no sample."""
    if not exchange.ok:
        return Answered(exchange, rows)
    try:
        return Answered(exchange, rows, (_prediction(mapping.answer(exchange), _unmapped_version(mapping, exchange)),))
    except BadAnswer as error:
        return Answered(exchange, rows, problem=clean(str(error)))


def decoded_batch(mapping: JsonMapping, exchange: Exchange, rows: Sequence[int]) -> Answered:
    """The answer to a batch: a wrong number of predictions is kept as it came, for a check to count."""
    if not exchange.ok:
        return Answered(exchange, tuple(rows))
    try:
        version = _unmapped_version(mapping, exchange)
        return Answered(exchange, tuple(rows), tuple(_prediction(one, version) for one in mapping.answers(exchange)))
    except BadAnswer as error:
        return Answered(exchange, tuple(rows), problem=clean(str(error)))


@overload
def predict_or_fail(target: Target, rows: Row) -> Prediction: ...
@overload
def predict_or_fail(target: Target, rows: Sequence[Row]) -> list[Prediction]: ...
def predict_or_fail(target: Target, rows: Row | Sequence[Row]) -> Prediction | list[Prediction]:
    """The predictions of a row, or of rows in one batch (singly where the service takes one at a time).

    Raises:
        AssertionError: the service refused, or its answer cannot be read; the message has the answer.
    """
    mapping = target.mapping
    if not isinstance(rows, Sequence):
        return _whole(decoded_one(mapping, predict(target, "a row", mapping.encode_row(rows))), 1)[0]
    if mapping.batch_route is None:
        return [predict_or_fail(target, row) for row in rows]
    exchange = predict(target, f"{len(rows)} rows", mapping.encode_batch(rows), path=mapping.batch_route)
    return _whole(decoded_batch(mapping, exchange, range(len(rows))), len(rows))


def asked_of(context: Context) -> dict[str, Any]:
    """What of the settings decides whom is asked and how, for `made_with`; headers stay out, they hold secrets."""
    service = context.settings.service
    return {
        "command": service.command,
        "url": service.url,
        "paths": dict(service.paths),
        "json": dict(service.json),
    }


def clean(text: str, limit: int = 1000) -> str:
    """Text from a target that any encoder takes: bounded, without lone surrogates."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def _whole(answered: Answered, wanted: int) -> list[Prediction]:
    if len(answered.predictions) != wanted:
        exchange = answered.exchange
        came = answered.problem or f"{len(answered.predictions)} predictions instead of {wanted}"
        raise AssertionError(
            f"{exchange.method} {exchange.path} answered {exchange.outcome}: {came}\n{clean(exchange.text)}"
        )
    return list(answered.predictions)


def _unmapped_version(mapping: JsonMapping, exchange: Exchange) -> str | None:
    """The version at the usual key, where the document does not say at which key it is."""
    body = exchange.json_or_none if mapping.version_key is None else None
    version = body.get("model_version") if isinstance(body, Mapping) else None
    return str(version) if isinstance(version, str | int | float) else None


def _prediction(answer: Answer, unmapped_version: str | None) -> Prediction:
    version = answer.version or unmapped_version
    probabilities, classes = answer.probabilities, None
    if isinstance(probabilities, dict):
        classes = tuple(clean(name, MAX_TEXT) for name in probabilities)
        probabilities = tuple(probabilities.values())
    return Prediction(
        _label(answer.prediction),
        probabilities,
        None if version is None else clean(version, MAX_TEXT),
        None if answer.request_id is None else clean(answer.request_id, MAX_TEXT),
        classes,
    )


def _label(value: object) -> Label:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise BadAnswer(f"the prediction is an integer of {len(str(value))} digits")
    if value is None or isinstance(value, int | float):
        return value
    raise BadAnswer(f"the prediction is {type(value).__name__}, not a label or a number")
