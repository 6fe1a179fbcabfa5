"""Evidence `spellings`: sample rows in other words, each beside the plain body that means the same."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_mlready.evidence.asking import asked_of, decoded_batch, decoded_one, predict
from pytest_mlready.evidence.bad_bodies import HOLE
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import numeric_columns, spread
from pytest_mlready.evidence.rude_clients import IN_CHUNKS, Manner, misbehave
from pytest_mlready.evidence.shrinking import Patience, fewest
from pytest_mlready.evidence.text_rows import accented, in_utf8
from pytest_mlready.measure.agreement import difference
from pytest_mlready.protocols.detect import takes_names
from pytest_mlready.protocols.http1 import chunked
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Answered, Row, Spelling, Spellings
from pytest_mlready.service.transport import Transport

ROWS = 2
BATCH = 3
TEXTS = 3
CHUNK = 100
IN_ONE_GO = "in chunks"
DEADLINE_S = 5.0
LARGE = 3_000_000_000.0
"""Fits in no signed integer of 32 bits."""
SHRINKING_S = 2.0
EXACT_WHOLE = 2.0**53
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Variant:
    """Two bodies with one meaning.

    `batch` bodies hold several rows; a `manner` sends the body otherwise. `columns` are those whose values were chosen
    for it, if any were; `of` makes the same variant of fewer of them.
    """

    kind: str
    plain: bytes
    body: bytes
    headers: Headers = ()
    optional: bool = False
    batch: bool = False
    manner: Manner | None = None
    columns: tuple[str, ...] = ()
    of: Callable[[Sequence[str]], Variant] | None = None


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> Spellings:
    """Ask each row plainly and in every other spelling; a slow service is asked for fewer rows.

    Where a spelling of many values matters, one of as few as matter still comes before it, once of each kind.
    """
    until = time.monotonic() + context.budget_s
    pairs: list[Spelling] = []
    patience, shrunk = Patience(SHRINKING_S), set[str]()
    with context.target.transport() as transport:
        for at in spread(len(context.rows), ROWS):
            if pairs and time.monotonic() > until:
                break
            asker = _Asker(context, transport, at)
            for variant in variants(asker.mapping, context.rows, at):
                pair = asker.pair(variant)
                if len(variant.columns) > 1 and _matters(pair) and pair.kind not in shrunk:
                    shrunk.add(pair.kind)
                    pairs.append(asker.shrunk(variant, pair, patience))
                pairs.append(pair)
            if at == 0 and asker.mapping.batch_route is not None:
                pairs += [asker.pair(variant) for variant in batch_variants(asker.mapping, context.rows)]
            if takes_names(context.target.openapi, asker.mapping, list(context.rows[0])):
                pairs += [asker.pair(variant) for variant in named_variants(asker.mapping, context.rows[at])]
        for at, variant in text_variants(context.target.mapping, context.rows):
            if time.monotonic() < until:
                pairs.append(_Asker(context, transport, at).pair(variant))
    return Spellings(tuple(pairs))


def variants(mapping: JsonMapping, rows: tuple[Row, ...], at: int) -> Iterator[Variant]:
    """Every other spelling of sample row `at`, each beside the plain body that means the same."""
    row, other = rows[at], rows[(at + 1) % len(rows)]
    yield from _texts(mapping.encode_row(row), mapping.encode_row(other), mapping.row_key, mapping.request_headers)
    if mapping.row_shape == "object":
        backwards = mapping.encode_row(dict(reversed(list(row.items()))))
        yield Variant("with its keys in reverse", mapping.encode_row(row), backwards)
    yield from _numbers(mapping, rows, row, numeric_columns(rows))


def batch_variants(mapping: JsonMapping, rows: tuple[Row, ...]) -> Iterator[Variant]:
    """Other spellings of the first rows in one batch: the route may have a reader of its own."""
    plain, other = mapping.encode_batch(rows[:BATCH]), mapping.encode_batch(rows[:BATCH][::-1])
    for variant in _texts(plain, other, mapping.batch_key, mapping.request_headers):
        yield replace(variant, batch=True)


def named_variants(mapping: JsonMapping, row: Row) -> Iterator[Variant]:
    """An array's values by their names, where a service takes both, in two orders."""
    named = replace(mapping, row_shape="object")
    yield Variant("with its features named", mapping.encode_row(row), named.encode_row(row))
    backwards = named.encode_row(dict(reversed(list(row.items()))))
    yield Variant("with its features named in reverse", named.encode_row(row), backwards)


def text_variants(mapping: JsonMapping, rows: tuple[Row, ...]) -> Iterator[tuple[int, Variant]]:
    """Rows whose text is not ASCII, by position, and a batch of some: escaped, and the same in plain UTF-8."""
    found = accented(rows, TEXTS)
    for at, row in found:
        plain = mapping.encode_row(row)
        yield at, Variant("with its text in UTF-8", plain, in_utf8(plain))
    if found and mapping.batch_route is not None:
        plain = mapping.encode_batch([*(row for _, row in found), *rows][: len(rows[:BATCH])])
        yield 0, Variant("with its text in UTF-8", plain, in_utf8(plain), batch=True)


class _Asker:
    """Asks plain bodies once each, however many variants they have."""

    def __init__(self, context: Context, transport: Transport, at: int) -> None:
        self.mapping = context.target.mapping
        self._target, self._transport, self._at = context.target, transport, at
        self._batch = len(context.rows[:BATCH])
        self._chunks_taken = False
        self._plain: dict[bytes, Answered] = {}

    def pair(self, variant: Variant) -> Spelling:
        what = f"batch of {self._batch} sample rows" if variant.batch else f"sample row {self._at}"
        if variant.plain not in self._plain:
            self._plain[variant.plain] = self._asked(
                f"{what}, plain", Variant("plain", b"", variant.plain, batch=variant.batch)
            )
        spelled = self._asked(f"{what}, {variant.kind}", variant)
        if variant.manner is None:
            self._chunks_taken = variant.kind == IN_ONE_GO and bool(spelled.predictions)
            return Spelling(variant.kind, self._plain[variant.plain], spelled, variant.optional)
        optional = not self._chunks_taken  # who takes chunks at all takes them whenever they come
        return Spelling(variant.kind, self._plain[variant.plain], spelled, optional, variant.manner.how)

    def shrunk(self, variant: Variant, pair: Spelling, patience: Patience) -> Spelling:
        """The pair with as few columns chosen as matter still."""
        smallest = pair

        def matters(columns: Sequence[str]) -> bool:
            nonlocal smallest
            fewer = self.pair(variant.of(columns)) if variant.of is not None else pair
            smallest = fewer if _matters(fewer) else smallest
            return _matters(fewer)

        fewest(variant.columns, patience.tries(matters))
        return smallest

    def _asked(self, case: str, variant: Variant) -> Answered:
        path = self.mapping.batch_route if variant.batch else None
        if variant.manner is not None:
            to = path or self.mapping.predict_path
            exchange = replace(misbehave(self._target, variant.manner, to, variant.body, DEADLINE_S), case=case)
        else:
            exchange = predict(
                self._target, case, variant.body, transport=self._transport, keep_alive=True, path=path,
                headers=variant.headers,
            )  # fmt: skip
        if variant.batch:
            return decoded_batch(self.mapping, exchange, range(self._batch))
        return decoded_one(self.mapping, exchange, self._at)


def _matters(pair: Spelling) -> bool:
    """Whether the spelling changes what becomes of the row."""
    plain, spelled = pair.plain, pair.spelled
    if plain.only is None or spelled.only is None:
        return plain.only is not spelled.only or plain.exchange.outcome != spelled.exchange.outcome
    return difference(plain.only, spelled.only) is not None


def _texts(plain: bytes, other: bytes, key: str | None, media: Headers) -> Iterator[Variant]:
    """The same members, written or sent otherwise; `other` is another body of the same kind."""
    spaced = json.dumps(json.loads(plain), indent=3).replace("\n", "\r\n\t").encode()
    yield Variant("with white space", plain, b" \r\n\t" + spaced + b"\n ")
    if b'"' in plain:
        at = plain.index(b'"') + 1
        yield Variant("with an escaped key", plain, plain[:at] + b"\\u%04x" % plain[at] + plain[at + 1 :])
    if key is not None:
        doubled = other[:-1] + b"," + plain[1:]
        yield Variant(f"with {key} twice, the last one its own", plain, doubled, optional=True)
    charset = tuple((name, f"{value}; charset=utf-8") for name, value in media)
    yield Variant("with a charset in its media type", plain, plain, charset)
    framed = chunked(plain[start : start + CHUNK] for start in range(0, len(plain), CHUNK))
    yield Variant(IN_ONE_GO, plain, framed, (("Transfer-Encoding", "chunked"),), optional=True)
    yield Variant("in chunks, one after another", plain, plain, optional=True, manner=IN_CHUNKS)
    packed = gzip.compress(plain, mtime=0)
    yield Variant("compressed by gzip", plain, packed, (("Content-Encoding", "gzip"),), optional=True)


def _numbers(mapping: JsonMapping, rows: tuple[Row, ...], row: Row, numeric: list[str]) -> Iterator[Variant]:
    """The same doubles in other digits."""
    real = [name for name in numeric if any(isinstance(one[name], float) for one in rows)]
    if not real:
        return
    own = {name: float(row[name]) for name in real}  # type: ignore[arg-type]
    exact = _spelled(mapping, row, own, repr)
    yield Variant("with 17 digits", exact, _spelled(mapping, row, own, "{:.17g}".format))
    yield Variant("with exponents", exact, _spelled(mapping, row, own, "{:.16e}".format))
    yield Variant("with exponents in capitals", exact, _spelled(mapping, row, own, "{:.16E}".format))
    large = {real[len(real) // 2]: LARGE}
    yield _chosen("with a large whole number as an integer", mapping, row, large, "{:.0f}".format)
    for whole in _sets(rows, {name: float(round(value)) for name, value in own.items() if abs(value) < EXACT_WHOLE}):
        yield _chosen("with whole numbers as integers", mapping, row, whole, "{:.0f}".format)
        yield _chosen("with whole numbers as 1e0", mapping, row, whole, "{:.0f}e0".format)
    for zeros in _sets(rows, dict.fromkeys(real, 0.0)):
        yield _chosen("with -0.0 for 0.0", mapping, row, zeros, "-{}".format)


def _chosen(
    kind: str, mapping: JsonMapping, row: Row, values: Mapping[str, float], spell: Callable[[float], str]
) -> Variant:
    """A row with some values replaced, and the same in other digits."""

    def of(columns: Sequence[str]) -> Variant:
        return _chosen(kind, mapping, row, {name: values[name] for name in columns}, spell)

    plain, spelled = _spelled(mapping, row, values, repr), _spelled(mapping, row, values, spell)
    return Variant(kind, plain, spelled, columns=tuple(values), of=of)


def _sets(rows: tuple[Row, ...], values: Mapping[str, float]) -> list[Mapping[str, float]]:
    """Values to be set together: all, which a service may refuse by its bounds, and those that samples span."""

    def spanned(name: str, value: float) -> bool:
        seen = [one for row in rows if isinstance(one := row[name], int | float)]
        return min(seen) <= value <= max(seen)

    within = {name: value for name, value in values.items() if spanned(name, value)}
    return [chosen for chosen in ([values] if within == values else [values, within]) if chosen]


def _spelled(mapping: JsonMapping, row: Row, values: Mapping[str, float], spell: Callable[[float], str]) -> bytes:
    """The body of a row with some values in digits of our choice."""
    holes = {name: f"{HOLE}{at}" for at, name in enumerate(values)}
    body = mapping.encode_row({**row, **holes})
    for name, hole in holes.items():
        body = body.replace(json.dumps(hole).encode(), spell(values[name]).encode())
    return body
