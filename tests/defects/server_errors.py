"""Defects that only values show which no sample holds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_service.components import Components
from reference_service.model.inputs import Features, RowValidator
from reference_service.model.predictor import SklearnPredictor
from reference_service.web.problems import Fault
from tests.defects.planting import defect


# A row of zeros is one of the spellings and of the slow rows, too.
@defect("fuzz.no_server_error", also={"fuzz.encoding_invariant"})
def the_logarithm_of_zero(components: Components) -> Components:
    """A feature goes through a logarithm, which has no value for what is not positive. Python ML deployment guide."""

    class Logarithmic(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            if values is not None:
                math.log(values[0])
            return values

    return replace(components, rows=Logarithmic(components.contract, components.settings.limits))


@defect("fuzz.no_server_error")
def half_precision_overflows(components: Components) -> Components:
    """Features are stored in half precision: two large ones are infinities whose difference is not a number."""

    class Half(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
            overflown = np.where(np.abs(matrix) > 65504, np.copysign(np.inf, matrix), matrix)
            with np.errstate(invalid="ignore"):
                return super().probabilities(estimator, overflown)

    return replace(components, predictor=Half())
