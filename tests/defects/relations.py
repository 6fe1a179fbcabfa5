"""Defects of answers that depend on the spelling, on the size of the batch, or on who else asks."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from starlette.requests import Request

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.batcher import Batcher
from reference_service.model.inputs import Asked, RowValidator
from reference_service.model.predictor import Answer
from reference_service.web.request_body import BodyReader
from tests.defects.planting import defect


@defect("fuzz.encoding_invariant")
def integers_are_narrowed(components: Components) -> Components:
    """A row that a client writes in whole numbers becomes an array of small integers, which wraps around."""

    class Narrow(RowValidator):
        def single(self, body: bytes) -> Asked:
            asked = super().single(body)
            if re.search(rb"[.eE]", body.partition(b"[")[2]):
                return asked
            return replace(asked, rows=[np.array(row).astype(np.int8).astype(float).tolist() for row in asked.rows])

    return replace(components, rows=Narrow(components.contract, components.settings.limits))


@defect("fuzz.encoding_invariant")
def minus_zero_is_negative(components: Components) -> Components:
    """The sign is taken bit by bit, so that -0.0, which some languages write for 0, is a negative value."""

    class Signed(RowValidator):
        def single(self, body: bytes) -> Asked:
            asked = super().single(body)
            rows = [[-50.0 if v == 0 and math.copysign(1, v) < 0 else v for v in row] for row in asked.rows]
            return replace(asked, rows=rows)

    return replace(components, rows=Signed(components.contract, components.settings.limits))


# That a repeated key is taken at all is what `reject_malformed` asks about.
@defect("fuzz.encoding_invariant", also={"contract.reject_malformed"})
def the_first_of_two_keys_wins(components: Components) -> Components:
    """The gateway reads the last of two equal keys, the model the first: what was checked is not what is scored."""

    class First(RowValidator):
        def single(self, body: bytes) -> Asked:
            def first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
                return dict(reversed(pairs))

            try:
                return super().single(body)
            except Exception:
                if body.count(b'"features"') != 2:
                    raise
                return super().single(json.dumps(json.loads(body, object_pairs_hook=first)).encode())

    return replace(components, rows=First(components.contract, components.settings.limits))


@defect("fuzz.encoding_invariant")
def gzip_is_a_server_error(components: Components) -> Components:
    """A compressed body reaches the parser as it is, whose exception nobody expects."""

    class Believing(BodyReader):
        def check_headers(self, request: Request, limit: int, types: Sequence[str]) -> None:
            if "content-encoding" in request.headers:
                raise UnicodeDecodeError("utf-8", b"\x1f\x8b", 1, 2, "invalid start byte")
            super().check_headers(request, limit, types)

    return replace(components, bodies=Believing(components.settings.limits.body_seconds))


@defect("fuzz.encoding_invariant")
def exponents_are_not_read(components: Components) -> Components:
    """Numbers are cut out of the body by an expression that knows no exponent."""

    class Homemade(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"(\d)e[+-]\d+", rb"\1", body))

    return replace(components, rows=Homemade(components.contract, components.settings.limits))


@defect("fuzz.batch_order_and_size")
def row_512_of_a_batch_is_the_first(components: Components) -> Components:
    """A buffer of 512 rows is filled again from the beginning, one row too late."""

    class Buffered(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            return replace(asked, rows=[*asked.rows[:512], *asked.rows[:1], *asked.rows[513:]][: len(asked.rows)])

    return replace(components, rows=Buffered(components.contract, components.settings.limits))


@defect("fuzz.batch_order_and_size")
def chunks_of_a_batch_overlap(components: Components) -> Components:
    """From 64 rows on a batch is cut in chunks, and the second begins where the first has not ended."""

    class Overlapping(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            return replace(asked, rows=[*asked.rows[:64], *asked.rows[63:]][: len(asked.rows)])

    return replace(components, rows=Overlapping(components.contract, components.settings.limits))


@defect("fuzz.concurrent_isolation", also={"latency.error_rate"})
def singles_share_a_buffer(components: Components) -> Components:
    """The row waits in an attribute of a shared object while another request writes its own there."""
    return replace(components, batcher=_shared(components, 1))


@defect("fuzz.concurrent_isolation")
def batches_share_a_buffer(components: Components) -> Components:
    """The same on the batch route alone, where nobody looks."""
    return replace(components, batcher=_shared(components, 2))


def _shared(components: Components, smallest: int) -> Batcher:
    class Shared(Batcher):
        rows: Sequence[Sequence[Any]] = ()

        async def submit(self, snapshot: Snapshot, rows: Sequence[Sequence[Any]], urgent: bool = False) -> list[Answer]:
            if min(len(rows), 2) != smallest or urgent:
                return await super().submit(snapshot, rows, urgent)
            self.rows = rows
            await asyncio.sleep(0.002)
            return await super().submit(snapshot, self.rows, urgent)

    return Shared(components.predictor, components.telemetry, components.settings.limits)
