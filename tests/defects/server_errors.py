"""Defects that only values show which no sample holds."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from decimal import Context, Inexact
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


# Seventeen digits are one of the spellings, too.
@defect("fuzz.no_server_error", also={"fuzz.encoding_invariant"})
def a_number_of_many_digits_fits_no_column(components: Components) -> Components:
    """Features go into a decimal column of nine digits, which no sample exceeds and every computed feature does."""

    class Decimals(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            if values is not None:
                [Context(prec=9, traps=[Inexact]).create_decimal(repr(value)) for value in values]
            return values

    return replace(components, rows=Decimals(components.contract, components.settings.limits))


@defect("fuzz.no_server_error", golden=False)
def a_bin_that_few_samples_fall_into_is_missing(components: Components) -> Components:
    """Textures between 18.5 and 19.5 are in no bin of the table: a valid row in twenty is a server error."""

    class Binned(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            if values is not None and 18.5 < values[1] < 19.5:
                raise KeyError(values[1])
            return values

    return replace(components, rows=Binned(components.contract, components.settings.limits))


@defect("fuzz.no_server_error")
def a_root_that_large_radii_lead_to(components: Components) -> Components:
    """Beyond a radius of 1e5 a root is taken of the concave points: it has no value where these are negative."""

    class Rooted(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            if values is not None and values[0] > 1e5:
                math.sqrt(values[7] + 100)
            return values

    return replace(components, rows=Rooted(components.contract, components.settings.limits))


@defect("fuzz.no_server_error", model="credit")
def a_branch_for_one_category_divides(components: Components) -> Components:
    """The instalments of a car are divided by its loan, which may be zero; the first sample row is no car's."""

    class Divided(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values: list[Any] | None = super().row(features, path, faults)
            if values is not None and values[6] == "car":
                values[4] / values[3]
            return values

    return replace(components, rows=Divided(components.contract, components.settings.limits))


@defect("fuzz.no_server_error")
def two_large_features_hardly_converge(components: Components) -> Components:
    """An iteration takes longer with each of two features: one of them alone is done at once, both together hang."""

    class Iterated(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values = super().row(features, path, faults)
            if values is not None and values[3] > 1e6 and values[9] > 1e6:
                time.sleep(5.5)
            return values

    return replace(components, rows=Iterated(components.contract, components.settings.limits))


@defect("fuzz.no_server_error", model="credit")
def a_loan_without_an_end_is_paid_month_by_month(components: Components) -> Components:
    """The months of a loan are counted one by one, and for a negative duration nothing ever ends the count."""

    class Paid(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[float] | None:
            values: list[Any] | None = super().row(features, path, faults)
            if values is not None and values[4] < 0 and values[7] == "own":
                time.sleep(5.5)
            return values

    return replace(components, rows=Paid(components.contract, components.settings.limits))
