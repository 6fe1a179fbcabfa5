"""Defects of what moves an answer: nothing, too little, or in the wrong direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.columns import Row
from reference_service.model.inputs import Features, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor
from reference_service.model.readiness import Readiness
from reference_service.web.problems import Fault
from tests.defects.planting import defect

_DECLARED = """
[relations]
score = "malignant"
increasing = ["worst radius", "worst texture", "worst concave points"]
active = ["worst area"]
"""


@defect("fuzz.input_matters", golden=False)
def everybody_gets_the_fallback(components: Components) -> Components:
    """The features are not found in the store, and the model is asked about zeros. Deployment helper."""

    class Fallback(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            return super().predict(snapshot, [[0.0] * len(row) for row in rows])

    return replace(components, predictor=Fallback(), readiness=_Loaded(components.serving, components.batcher))


@defect("fuzz.input_matters", declares=_DECLARED, golden=False)
def a_feature_is_never_filled(components: Components) -> Components:
    """One column is renamed upstream, and its default takes its place for ever."""

    class Renamed(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            at = self.names.index("worst area")
            return values if values is None else [*values[:at], 880.0, *values[at + 1 :]]

    return replace(components, rows=Renamed(components.contract, components.settings.limits))


@defect("fuzz.declared_relations", declares=_DECLARED, golden=False)
def a_sign_is_flipped(components: Components) -> Components:
    """One feature reaches the model as its distance to a limit instead of its value."""

    class Flipped(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            at = self.names.index("worst texture")
            return values if values is None else [*values[:at], 50.0 - values[at], *values[at + 1 :]]

    return replace(components, rows=Flipped(components.contract, components.settings.limits))


class _Loaded(Readiness):
    """Ready as soon as a model is loaded, whatever it answers."""

    async def probe(self, snapshot: Snapshot) -> str | None:
        return None
