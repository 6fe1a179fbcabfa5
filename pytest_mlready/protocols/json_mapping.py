"""Protocol `json`: one declarative mapping from a row to a request body and from an answer to a prediction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pytest_mlready.records.exchange import Exchange, NotStrictJSON

Cell = float | str | None
Row = Mapping[str, Cell]
Headers = Sequence[tuple[str, str]]
REQUEST_ID = "request_id"


class BadAnswer(ValueError):
    """The answer holds no usable prediction; the message names the missing key and those that came."""


@dataclass(frozen=True)
class Answer:
    """One row's prediction: a label, a number, or whatever the service calls one.

    `probabilities` are in class order, or by class name.
    """

    prediction: Any
    probabilities: tuple[float, ...] | dict[str, float] | None = None
    version: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class JsonMapping:
    """How a service that takes and gives JSON lays out its bodies.

    Attributes:
        predict_path, batch_path: routes; without the latter only a `nested` service takes several rows at once.
        row_key: where the row goes ("features"); None when the body itself is the row.
        row_shape: "array" of values in column order, or "object" by feature name.
        nested: the predict route takes a list of rows at `row_key`, so one row travels as a list of one.
        item_key: where a row goes within its item of that list ("features"); None when the item itself is the row.
        batch_key: where the batch route expects its list; None when the body itself is the list.
        batch_items: what is in that list: bare "rows", or whole "bodies" of the predict route.
        prediction_key, probabilities_key, version_key, request_id_key: where they are in an answer, as a path of
            keys and positions ("prediction", "predictions.0", "" for the body itself).
        batch_prediction_key: path of the list of predictions in a batch's answer.
        version_header: response header that carries the model's version.
        label_kind: what a prediction is: a class "label", a "number", or "any".
    """

    predict_path: str = "/predict"
    batch_path: str | None = None
    row_key: str | None = "features"
    row_shape: Literal["array", "object"] = "array"
    nested: bool = False
    item_key: str | None = None
    batch_key: str | None = "instances"
    batch_items: Literal["rows", "bodies"] = "rows"
    prediction_key: str = "prediction"
    batch_prediction_key: str = "predictions"
    probabilities_key: str | None = None
    version_key: str | None = None
    version_header: str | None = None
    request_id_key: str | None = REQUEST_ID
    label_kind: Literal["label", "number", "any"] = "any"

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that a predict request needs."""
        return (("Content-Type", "application/json"),)

    @property
    def batch_route(self) -> str | None:
        """Where several rows are sent, None if nowhere."""
        return self.batch_path or (self.predict_path if self.nested else None)

    def row_value(self, row: Row) -> list[Cell] | dict[str, Cell]:
        """A row in the shape that the service takes."""
        return dict(row) if self.row_shape == "object" else list(row.values())

    def body_value(self, features: object, extra: Mapping[str, object] | None = None) -> object:
        """The predict body with `features`, well-formed or not, in the place of a row.

        `extra` are further fields of the body ("user_id"). Raises ValueError if the body has no place for fields.
        """
        held = [self._item(features)] if self.nested else features
        if self.row_key is not None:
            return {self.row_key: held, **(extra or {})}
        if not extra:
            return held
        if isinstance(held, Mapping):
            return {**held, **extra}
        raise ValueError(f"a bare {type(held).__name__} body has no place for {', '.join(extra)}")

    def encode_body(self, features: object, extra: Mapping[str, object] | None = None) -> bytes:
        """`body_value` as JSON bytes; NaN and infinities are written as they are, for the service to refuse."""
        return _dumped(self.body_value(features, extra))

    def encode_row(self, row: Row, extra: Mapping[str, object] | None = None) -> bytes:
        """The predict body for one row."""
        return self.encode_body(self.row_value(row), extra)

    def encode_batch(self, rows: Sequence[Row]) -> bytes:
        """The body for several rows, for `batch_route`; a row that comes several times is written out once."""
        texts = {at: self.batch_text(row) for at, row in {id(row): row for row in rows}.items()}
        return self.batch_of([texts[id(row)] for row in rows])

    def batch_text(self, row: Row) -> bytes:
        """A row as it stands in a batch's body."""
        return _dumped(self._batch_item(self.row_value(row)))

    def batch_of(self, texts: Sequence[bytes]) -> bytes:
        """The body of a batch whose rows are written out already, as `batch_text` does it."""
        start, end = self.batch_frame()
        return start + b",".join(texts) + end

    def batch_frame(self) -> tuple[bytes, bytes]:
        """What stands before and after the rows in a batch's body."""
        empty = self.encode_batch_values([])
        at = empty.rindex(b"]")
        return empty[:at], empty[at:]

    def encode_batch_values(self, values: Sequence[object]) -> bytes:
        """The body of a batch with `values`, well-formed or not, in the places of rows.

        Raises:
            ValueError: the service takes one row at a time.
        """
        if self.batch_route is None:
            raise ValueError("no batch route is known: declare `batch` in [service.json]")
        key = self.row_key if self.batch_path is None else self.batch_key
        items = [self._batch_item(value) for value in values]
        return _dumped({key: items} if key is not None else items)

    def decode_one(self, body: Any, headers: Headers = ()) -> Answer:
        """The prediction in an answer's parsed JSON. Raises BadAnswer."""
        prediction = found(body, self.prediction_key)
        if isinstance(prediction, list) and len(prediction) == 1:
            prediction = prediction[0]
        if prediction is None:
            raise BadAnswer(f"the prediction at {self.prediction_key!r} is null")
        return Answer(
            prediction, _probabilities(body, self.probabilities_key), self._version(body, headers), self._id(body)
        )

    def decode_batch(self, body: Any, headers: Headers = ()) -> list[Answer]:
        """The predictions in a batch's parsed JSON answer, in order. Raises BadAnswer."""
        if self.batch_path is None:
            count = len(_listed(body, _list_path(self.prediction_key)))
            return [self._nth(position).decode_one(body, headers) for position in range(count)]
        listed = _listed(body, self.batch_prediction_key)
        version, request_id = self._version(body, headers), self._id(body) or self._id_by_name(body)
        beside = self._beside(body, len(listed))
        answers = []
        for item, probabilities in zip(listed, beside, strict=True):
            if isinstance(item, Mapping):
                own = self.decode_one(item)
                named = request_id or self._id_by_name(item)
                answers.append(Answer(own.prediction, own.probabilities, own.version or version, named))
                continue
            plain = item[0] if isinstance(item, list) and len(item) == 1 else item
            if plain is None:
                raise BadAnswer(f"prediction {len(answers)} is null")
            answers.append(Answer(plain, probabilities, version, request_id))
        return answers

    def answer(self, exchange: Exchange) -> Answer:
        """The prediction in a 2xx exchange. Raises BadAnswer."""
        return self.decode_one(_answered(exchange), exchange.headers)

    def answers(self, exchange: Exchange) -> list[Answer]:
        """The predictions in a batch's 2xx exchange. Raises BadAnswer."""
        return self.decode_batch(_answered(exchange), exchange.headers)

    def describe(self) -> dict[str, Any]:
        """As JSON-plain values; `JsonMapping(**plain)` is the reverse."""
        return asdict(self)

    def _item(self, value: object) -> object:
        """A row's value as an item of a nested list."""
        return value if self.item_key is None else {self.item_key: value}

    def _batch_item(self, value: object) -> object:
        """A row's value as an item of a batch's list."""
        if self.batch_path is None:
            return self._item(value)
        return self.body_value(value) if self.batch_items == "bodies" else value

    def _nth(self, position: int) -> JsonMapping:
        """The mapping that reads the answer's row `position` where this one reads the first."""
        beside = self.probabilities_key
        if beside is not None and "0" in beside.split("."):
            beside = _list_path(beside, position)
        return replace(self, prediction_key=_list_path(self.prediction_key, position), probabilities_key=beside)

    def _beside(self, body: Any, count: int) -> list[tuple[float, ...] | dict[str, float] | None]:
        """Probabilities that come as a list of their own beside the predictions."""
        key = (self.probabilities_key or "").removesuffix(".0")
        listed = body.get(key) if key and isinstance(body, Mapping) else None
        if not isinstance(listed, list) or len(listed) != count:
            return [None] * count
        return [_probabilities({"p": one}, "p") for one in listed]

    def _version(self, body: Any, headers: Headers) -> str | None:
        if self.version_header is not None:
            wanted = self.version_header.lower()
            value = next((value for name, value in headers if name.lower() == wanted), None)
            if value is not None:
                return value
        return _text(body, self.version_key)

    def _id(self, body: Any) -> str | None:
        return _text(body, self.request_id_key)

    def _id_by_name(self, body: Any) -> str | None:
        """The id at the key that says that it is a request's; a row's `id` in a batch may be its place there."""
        return None if self.request_id_key is None else _text(body, REQUEST_ID)


def found(body: Any, path: str) -> Any:
    """The value at a dotted path of keys and positions; "" is the body itself. Raises BadAnswer."""
    value = body
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            if part not in value:
                came = ", ".join(str(key)[:40] for key in list(value)[:20]) or "none"
                raise BadAnswer(f"the answer has no {part!r} (of {path!r}); its keys: {came}")
            value = value[part]
        elif isinstance(value, list) and part.isdigit():
            if int(part) >= len(value):
                raise BadAnswer(f"the answer has no item {part} (of {path!r}); the list has {len(value)}")
            value = value[int(part)]
        else:
            raise BadAnswer(f"the answer has no {part!r} (of {path!r}): there is {type(value).__name__} instead")
    return value


def _list_path(path: str, position: int | None = None) -> str:
    """The path up to its first position 0, without it; or all of it with another position in that place."""
    parts = path.split(".") if path else []
    at = parts.index("0") if "0" in parts else len(parts)
    return ".".join(parts[:at] if position is None else [*parts[:at], str(position), *parts[at + 1 :]])


def _listed(body: Any, path: str) -> list[Any]:
    value = found(body, path)
    if not isinstance(value, list):
        raise BadAnswer(f"{path or 'the body'} should be a list of predictions and is {type(value).__name__}")
    return value


def _answered(exchange: Exchange) -> Any:
    if not exchange.ok:
        raise BadAnswer(f"{exchange.case}: {exchange.method} {exchange.path} answered {exchange.outcome}")
    try:
        return exchange.json
    except NotStrictJSON as error:
        raise BadAnswer(f"{exchange.case}: the answer is not strict JSON: {error}") from None


def _probabilities(body: Any, path: str | None) -> tuple[float, ...] | dict[str, float] | None:
    if path is None:
        return None
    try:
        value = found(body, path)
    except BadAnswer:
        return None
    if isinstance(value, Mapping):
        return {str(name): _number(one, path) for name, one in value.items()}
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], list):
            value = value[0]
        return tuple(_number(one, path) for one in value)
    return None if value is None else (_number(value, path),)


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadAnswer(f"a probability at {path!r} is {type(value).__name__}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise BadAnswer(f"a probability at {path!r} is beyond any float") from None


def _text(body: Any, path: str | None) -> str | None:
    if path is None:
        return None
    try:
        value = found(body, path)
    except BadAnswer:
        return None
    return None if value is None or isinstance(value, list | dict) else str(value)


def _dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
