"""Evidence `spellings`: sample rows in other words, each beside the plain body that means the same."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_mlready.evidence.asking import asked_of, decoded_one, predict
from pytest_mlready.evidence.bad_bodies import HOLE
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.mixed_rows import numeric_columns, spread
from pytest_mlready.protocols.detect import takes_names
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import Answered, Row, Spelling, Spellings
from pytest_mlready.service.transport import Transport

ROWS = 4
CHUNK = 100
EXACT_WHOLE = 2.0**53
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Variant:
    """Two bodies with one meaning."""

    kind: str
    plain: bytes
    body: bytes
    headers: Headers = ()
    optional: bool = False


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and how."""
    return asked_of(context)


def gather(context: Context) -> Spellings:
    """Ask each row plainly and in every other spelling; a slow service is asked for fewer rows."""
    until = time.monotonic() + context.budget_s
    pairs: list[Spelling] = []
    with context.target.transport() as transport:
        for at in spread(len(context.rows), ROWS):
            if pairs and time.monotonic() > until:
                break
            asker = _Asker(context, transport, at)
            pairs += [asker.pair(variant) for variant in variants(asker.mapping, context.rows, at)]
            if takes_names(context.target.openapi, asker.mapping, list(context.rows[0])):
                pairs += [asker.pair(variant) for variant in named_variants(asker.mapping, context.rows[at])]
    return Spellings(tuple(pairs))


def variants(mapping: JsonMapping, rows: tuple[Row, ...], at: int) -> Iterator[Variant]:
    """Every other spelling of sample row `at`, each beside the plain body that means the same."""
    row, other = rows[at], rows[(at + 1) % len(rows)]
    yield from _texts(mapping, row, other)
    yield from _numbers(mapping, rows, row, numeric_columns(rows))


def named_variants(mapping: JsonMapping, row: Row) -> Iterator[Variant]:
    """An array's values by their names, where a service takes both, in two orders."""
    named = replace(mapping, row_shape="object")
    yield Variant("with its features named", mapping.encode_row(row), named.encode_row(row))
    backwards = named.encode_row(dict(reversed(list(row.items()))))
    yield Variant("with its features named in reverse", named.encode_row(row), backwards)


class _Asker:
    """Asks plain bodies once each, however many variants they have."""

    def __init__(self, context: Context, transport: Transport, at: int) -> None:
        self.mapping = context.target.mapping
        self._target, self._transport, self._at = context.target, transport, at
        self._plain: dict[bytes, Answered] = {}

    def pair(self, variant: Variant) -> Spelling:
        if variant.plain not in self._plain:
            self._plain[variant.plain] = self._asked(f"sample row {self._at}, plain", variant.plain)
        spelled = self._asked(f"sample row {self._at}, {variant.kind}", variant.body, variant.headers)
        return Spelling(variant.kind, self._plain[variant.plain], spelled, variant.optional)

    def _asked(self, case: str, body: bytes, headers: Headers = ()) -> Answered:
        exchange = predict(self._target, case, body, transport=self._transport, keep_alive=True, headers=headers)
        return decoded_one(self.mapping, exchange, self._at)


def _texts(mapping: JsonMapping, row: Row, other: Row) -> Iterator[Variant]:
    """The same members, written or sent otherwise."""
    plain = mapping.encode_row(row)
    spaced = json.dumps(json.loads(plain), indent=3).replace("\n", "\r\n\t").encode()
    yield Variant("with white space", plain, b" \r\n\t" + spaced + b"\n ")
    if b'"' in plain:
        at = plain.index(b'"') + 1
        yield Variant("with an escaped key", plain, plain[:at] + b"\\u%04x" % plain[at] + plain[at + 1 :])
    if mapping.row_shape == "object":
        backwards = mapping.encode_row(dict(reversed(list(row.items()))))
        yield Variant("with its keys in reverse", plain, backwards)
    if mapping.row_key is not None:
        doubled = mapping.encode_row(other)[:-1] + b"," + plain[1:]
        yield Variant(f"with {mapping.row_key} twice, the last one its own", plain, doubled, optional=True)
    charset = tuple((name, f"{value}; charset=utf-8") for name, value in mapping.request_headers)
    yield Variant("with a charset in its media type", plain, plain, charset)
    chunks = [plain[start : start + CHUNK] for start in range(0, len(plain), CHUNK)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    yield Variant("in chunks", plain, framed, (("Transfer-Encoding", "chunked"),), optional=True)
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
    for whole in _sets(rows, {name: float(round(value)) for name, value in own.items() if abs(value) < EXACT_WHOLE}):
        plain = _spelled(mapping, row, whole, repr)
        yield Variant("with whole numbers as integers", plain, _spelled(mapping, row, whole, "{:.0f}".format))
        yield Variant("with whole numbers as 1e0", plain, _spelled(mapping, row, whole, "{:.0f}e0".format))
    for zeros in _sets(rows, dict.fromkeys(real, 0.0)):
        plain = _spelled(mapping, row, zeros, repr)
        yield Variant("with -0.0 for 0.0", plain, _spelled(mapping, row, dict.fromkeys(zeros, -0.0), repr))


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
