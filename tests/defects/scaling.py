"""Defects that cost more time than the rows are worth."""

from __future__ import annotations

import time
from dataclasses import replace
from math import isclose

from reference_service.components import Components
from reference_service.model.inputs import Asked, RowValidator
from tests.defects.planting import defect


@defect("fuzz.time_scales_linearly")
def every_row_is_compared_with_every_other(components: Components) -> Components:
    """Duplicates in a batch are looked for by comparing all pairs of rows."""

    class Pairwise(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            for at, row in enumerate(asked.rows):
                for other in asked.rows[:at]:
                    if sum(map(isclose, row, other)) == len(row):
                        break
            return asked

    return replace(components, rows=Pairwise(components.contract, components.settings.limits))


@defect("fuzz.time_scales_linearly")
def a_row_with_zero_is_slow(components: Components) -> Components:
    """The logarithm of zero sends a search off that ends when it has tried everything."""

    class Searching(RowValidator):
        def single(self, body: bytes) -> Asked:
            asked = super().single(body)
            if asked.rows[0][0] == 0:
                time.sleep(1.5)
            return asked

    return replace(components, rows=Searching(components.contract, components.settings.limits))
