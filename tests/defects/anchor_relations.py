"""Defects of earlier measurements of fuzzers, planted again: answers that are plausible one by one, and wrong."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.batcher import Batcher
from reference_service.model.columns import Row
from reference_service.model.inputs import Asked, Features, RowValidator
from reference_service.model.predictor import Answer
from reference_service.web.presenter import Presenter
from reference_service.web.problems import Fault
from tests.defects.planting import defect

_REFERENCE = '[relations]\nreference = "tests.offline_model:answers"'


@defect("fuzz.batch_equals_single", also={"fuzz.batch_order_and_size"})
def a_batch_is_scaled_by_its_own_mean(components: Components) -> Components:
    """Rows of a batch are centred by the batch's mean instead of the training data's."""

    class Centred(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            means = [sum(column) / len(asked.rows) for column in zip(*asked.rows, strict=True)]
            return replace(asked, rows=[[v + m / 50 for v, m in zip(row, means, strict=True)] for row in asked.rows])

    return replace(components, rows=Centred(components.contract, components.settings.limits))


@defect("fuzz.batch_order_and_size")
def a_batch_is_cut_after_100_rows(components: Components) -> Components:
    """A page of 100 rows is answered, and nobody asks for the next."""

    class Paged(RowValidator):
        def batch(self, body: bytes) -> Asked:
            asked = super().batch(body)
            return replace(asked, rows=asked.rows[:100])

    return replace(components, rows=Paged(components.contract, components.settings.limits))


@defect("fuzz.deterministic", golden=False)
def a_row_leans_on_the_one_before(components: Components) -> Components:
    """A moving average over rows that have nothing to do with each other."""
    before: list[float] = []

    def lean(row: list[float]) -> list[float]:
        nonlocal before
        mixed, before = [0.9 * new + 0.1 * old for new, old in zip(row, before or row, strict=True)], row
        return mixed

    return reading(components, lean)


@defect("fuzz.deterministic", also={"lifecycle.ready_truthful"})
def the_first_row_is_scored_as_zeros(components: Components) -> Components:
    """The first row after the start meets features that are not there yet."""
    asked = iter([True])
    return reading(components, lambda row: [0.0] * len(row) if next(asked, False) else row)


@defect("fuzz.deterministic", golden=False)
def answers_drift_with_every_request(components: Components) -> Components:
    """A sum over all requests finds its way into the features."""
    count = 0

    def drift(row: list[float]) -> list[float]:
        nonlocal count
        count += 1
        return [row[0] + count / 1000, *row[1:]]

    return reading(components, drift)


@defect("fuzz.batch_equals_single", arguments=("--cache-seconds", "60"))
def the_cache_looks_at_three_features(components: Components) -> Components:
    """The key of the cache is made of the first columns: rows that begin alike get one answer."""

    class Short(AnswerCache):
        def key(self, version: str, row: Row) -> bytes:
            return super().key(version, row[:3])

    return replace(components, cache=Short(components.settings.cache_seconds))


@defect("fuzz.encoding_invariant")
def white_space_splits_the_numbers(components: Components) -> Components:
    """Numbers are cut out of the body by an expression that expects each right after its comma."""

    class Homemade(RowValidator):
        def single(self, body: bytes) -> Asked:
            return super().single(re.sub(rb"(\s)\d(\d+\.)", rb"\1\2", body))

    return replace(components, rows=Homemade(components.contract, components.settings.limits))


@defect("fuzz.encoding_invariant")
def features_are_read_in_the_order_of_their_keys(components: Components) -> Components:
    """Features given by name are taken in the order in which they come."""

    class Careless(RowValidator):
        def arranged(self, features: Any, path: str, faults: list[Fault]) -> list[Any]:
            arranged = super().arranged(features, path, faults)
            return list(features.values()) if arranged else []

    return replace(components, rows=Careless(components.contract, components.settings.limits))


@defect("contract.golden")
def values_are_cut_to_whole_numbers(components: Components) -> Components:
    """Features pass through a column of integers."""
    return reading(components, lambda row: [float(int(value)) for value in row])


@defect("contract.golden")
def features_are_rounded(components: Components) -> Components:
    """Features are rounded to three places on their way to the model."""
    return reading(components, lambda row: [round(value, 3) for value in row])


@defect("fuzz.declared_relations", declares=_REFERENCE)
def negative_values_are_clipped(components: Components) -> Components:
    """What is below zero is taken for zero, which the model was not trained with."""
    return reading(components, lambda row: [max(0.0, value) for value in row])


@defect("fuzz.time_scales_linearly")
def a_row_at_its_maximum_is_slow(components: Components) -> Components:
    """A table is searched to its end for the largest value that samples have."""

    def search(row: list[float]) -> list[float]:
        if row[0] == 27.42:
            time.sleep(1.5)
        return row

    return reading(components, search)


@defect("fuzz.memory_steady")
def every_request_leaves_200_kb_behind(components: Components) -> Components:
    """Every answer is kept with all that it was made of."""

    class Hoarding(Presenter):
        kept: tuple[bytes, ...] = ()

        def single(self, answer: Answer, version: str, request_id: str, variant: str | None = None) -> dict[str, Any]:
            self.kept = (*self.kept, b"x" * 200_000)
            return super().single(answer, version, request_id, variant)

    return replace(components, presenter=Hoarding())


@defect("fuzz.deterministic", also={"fuzz.canary_stable", "fuzz.batch_equals_single"}, golden=False)
def one_answer_in_a_hundred_is_another_models(components: Components) -> Components:
    """A test of another version was never ended: it answers one request in a hundred."""
    dice, other = random.Random(7), components.registry.load(components.registry.versions()[-1])

    class Split(Batcher):
        async def submit(self, snapshot: Snapshot, rows: Sequence[Sequence[Any]], urgent: bool = False) -> list[Answer]:
            chosen = other if not urgent and dice.random() < 0.01 else snapshot
            return await super().submit(chosen, rows, urgent)

    return replace(components, batcher=Split(components.predictor, components.telemetry, components.settings.limits))


def reading(components: Components, change: Callable[[list[float]], list[float]]) -> Components:
    """The service with every row changed on its way to the model, whichever route it came by."""

    class Changing(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            return values if values is None else change(values)

    return replace(components, rows=Changing(components.contract, components.settings.limits))
