"""Makes a batch that is answered otherwise than its rows alone small enough for a person: one row, with few edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_mlready.evidence.asking import decoded_batch, decoded_one, predict
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.shrinking import Patience, fewest
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, Row
from pytest_mlready.service.transport import Transport

SHRINKING_S = 5.0
MOST_LOOKED_AT = 10_000
"""So many sample rows are looked at for the one that is nearest."""
Pair = tuple[Answered, Answered]


def differing(singles: Sequence[Answered], batch: Answered, span: float) -> list[int]:
    """Places in a batch where its answer is not the one that the row got alone.

    `singles` are in the batch's order; `span` is what such answers span, see `difference`.
    """
    pairs = enumerate(zip(singles, batch.predictions, strict=False))
    return [at for at, (one, other) in pairs if one.only and difference(one.only, other, span=span) is not None]


def smallest_batch(
    context: Context, transport: Transport, rows: Iterable[Row], number: int, span: float
) -> Pair | None:
    """One of these rows, with as few of its edits as still make its answer alone another than in a batch of its own.

    Its answers both ways, by the `number` given to it; None where the row with the fewest edits needs company.
    """
    edits = [(sample, _edits(sample, row)) for row in rows for sample in context.rows[:MOST_LOOKED_AT]]
    sample, edited = min(edits, key=lambda pair: len(pair[1]))
    mapping, found = context.target.mapping, list[Pair]()

    def differs(names: Sequence[str]) -> bool:
        row = {**sample, **{name: edited[name] for name in names}}
        alone = predict(
            context.target, f"mixed row {number}", mapping.encode_row(row), transport=transport, keep_alive=True
        )
        case, body = "batch of one mixed row", mapping.encode_batch([row])
        batch = predict(context.target, case, body, path=mapping.batch_route, transport=transport, keep_alive=True)
        pair = decoded_one(mapping, alone, number), decoded_batch(mapping, batch, [number])
        if other := bool(differing([pair[0]], pair[1], span)):
            found.append(pair)
        return other

    tried = Patience(SHRINKING_S).tries(differs)
    if tried(list(edited)):
        fewest(list(edited), tried)
    return found[-1] if found else None


def _edits(sample: Row, row: Row) -> Row:
    return {name: value for name, value in row.items() if value != sample[name]}
