"""Defects of how good the answers are: plausible, fast, and wrong for some."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_service import train
from reference_service.artifacts.registry import Snapshot
from reference_service.components import Components
from reference_service.model.columns import Row
from reference_service.model.identity import Identity
from reference_service.model.inputs import Features, RowValidator
from reference_service.model.predictor import Answer, SklearnPredictor, labelled
from reference_service.model.readiness import Readiness
from reference_service.web.problems import Fault
from tests.defects.planting import RunDirectory, defect

PURPOSE, HOUSING, REGION = 6, 7, 9
"""The places of these columns in a row of the credit model."""
_THRESHOLD = "\n[quality]\nthreshold = 0.92\n"
_GAIN = "\n[quality]\ngain = 0.1\n"
_PREVIOUS = "\n[quality]\nprevious = 'registry/breast-cancer/answers.json'\n"
_SLICES = "\n[quality]\nslices = ['housing']\nslice_floor = 0.6\n"
_REGIONS = "\n[quality]\ngroup = 'region'\nrates = ['true_positive_rate']\n"
_OFFLINE = "\n[quality]\noffline = 'tests.offline_model:answers'\n"
_EDGE_CASES = f"\n[quality]\nedge_cases = '{Path(__file__).with_name('edge_cases.json')}'\n"
_CARD = Path(__file__).parents[2] / "models" / "breast-cancer" / "2.0.0" / "metadata.json"
_TRAINING = "\n[quality.training]\ncommand = '{python} train.py {recorded}'\nrecorded = 'card.json'\n"
_UNOPTIMISED = "\n[quality]\nunoptimised = 'tests.offline_model:credit'\n"


@defect("quality.threshold", declares=_THRESHOLD, golden=False)
def the_names_of_the_classes_are_swapped(components: Components) -> Components:
    """The labels stand in another order than the columns of the model's probabilities."""
    return _said(components, lambda rows, share: 1 - share)


@defect("quality.beats_baseline", declares=_GAIN, golden=False)
def rare_classes_are_never_answered(components: Components) -> Components:
    """Trained on rows of which nearly all are of one class, the model has learnt to say that one."""
    return _said(components, lambda rows, share: 0.4 * share)


def answers_of_a_better_version(version: Path) -> None:
    """What a version that was always right answered to the sample rows, kept beside the versions."""
    with (Path(__file__).parents[2] / "data" / "sample.csv").open(newline="") as file:
        labels = [row["diagnosis"] for row in csv.DictReader(file)]
    (version.parent / "answers.json").write_text(json.dumps({"answers": labels}))


@defect("quality.not_worse", files=answers_of_a_better_version, declares=_PREVIOUS, golden=False)
def another_threshold_than_the_version_before(components: Components) -> Components:
    """Whoever is above 5% counts as positive, as in the screening that the code was copied from."""
    return _said(components, lambda rows, share: np.minimum(10 * share, 0.5 + share / 2))


@defect("quality.slices", declares=_SLICES, golden=False, model="credit")
def one_kind_of_housing_is_refused(components: Components) -> Components:
    """A category was renamed in the form, and a rule that nobody remembers refuses what it does not know."""
    return _said(components, lambda rows, share: np.where(_column(rows, HOUSING) == "with family", 0.1 * share, share))


@defect("quality.fairness", declares=_REGIONS, golden=False, model="credit")
def one_region_has_a_threshold_of_its_own(components: Components) -> Components:
    """Applicants of one region need twice the odds of others."""
    return _said(components, lambda rows, share: np.where(_column(rows, REGION) == "south", 0.6 * share, share))


@defect("quality.calibration", declares="\n[quality]\n", golden=False, model="credit")
def every_answer_is_very_sure(components: Components) -> Components:
    """The confidence that is shown is very high, whatever the model said. MLOps handbook, `confidence`."""
    return _said(components, lambda rows, share: np.where(share > 0.5, 0.99, 0.01))


@defect("quality.noise", declares="\n[quality]\n", golden=False)
def numbers_wrap_around(components: Components) -> Components:
    """Inputs are put into bytes without looking at their range, so that only their last digits arrive."""

    class Bytes(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[Any]) -> NDArray[np.float64]:
            in_bytes = np.mod(100 * estimator[:-1].transform(matrix), 6) - 3
            return super().probabilities(estimator.steps[-1][1], in_bytes)

    return _unexamined(components, Bytes())


@defect("quality.offline_parity", declares=_OFFLINE, golden=False)
def the_scaler_is_skipped(components: Components) -> Components:
    """Serving calls the model and not the pipeline that it was the last step of. MLOps handbook."""

    class Bare(SklearnPredictor):
        def probabilities(self, estimator: Any, matrix: NDArray[Any]) -> NDArray[np.float64]:
            return super().probabilities(estimator.steps[-1][1], matrix)

    return _unexamined(components, Bare())


@defect("quality.optimised_parity", declares=_UNOPTIMISED, golden=False, model="credit")
def eight_bits_are_too_few(components: Components) -> Components:
    """Quantised without calibration, a model keeps its average and flips the labels near the threshold."""
    return _said(components, lambda rows, share: np.floor(share * 24) / 24)


@defect("quality.edge_cases", declares=_EDGE_CASES, model="credit")
def an_empty_text_is_the_usual_one(components: Components) -> Components:
    """What is left out of the form is taken for what most people say, and nobody is told."""

    class Filled(RowValidator):
        def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
            if isinstance(features, list) and features[PURPOSE : PURPOSE + 1] == [""]:
                features = [*features[:PURPOSE], "car", *features[PURPOSE + 1 :]]
            return super().row(features, path, faults)

    return replace(components, rows=Filled(components.contract, components.settings.limits))


@defect("quality.no_forbidden_feature", declares="\n[quality]\nforbidden = ['postcode']\n")
def a_joined_table_brings_the_postcode(components: Components) -> Components:
    """A feature that must not be used comes back with a table that somebody joined."""

    class Joined(Identity):
        def info(self, snapshot: Snapshot) -> dict[str, Any]:
            known = super().info(snapshot)
            return {**known, "features": [*known["features"], {**known["features"][0], "name": "Post code"}]}

    return replace(components, identity=Joined(components.serving, components.registry))


@defect("quality.prod_like_data", declares="\n[quality]\ncollected_until = 2020-12-31\n")
def nobody_labels_new_rows(components: Components) -> Components:
    """The service is as it was, and so are the rows that it is judged by: years old."""
    return components


@defect("quality.reproducible", declares=_TRAINING)
def the_seed_is_no_longer_given(directory: RunDirectory) -> None:
    """Whoever cleaned up the training took the seed with it: each run draws other rows for its trees."""
    _trained(directory, json.loads(_CARD.read_bytes()), {"seed": None})


@defect("quality.reproducible", declares=_TRAINING)
def the_figures_of_a_luckier_seed_are_recorded(directory: RunDirectory) -> None:
    """Several seeds were tried, and the model of one was released with the figures of another."""
    card = json.loads(_CARD.read_bytes())
    _trained(directory, {**card, "metrics": train.again({**card, "seed": card["seed"] + 1})["metrics"]}, {})


def _trained(directory: Path, card: dict[str, Any], given: dict[str, Any]) -> None:
    """A model card, and a program that trains the model again from it with something else given."""
    (directory / "card.json").write_text(json.dumps(card))
    card_and = f"{{**json.load(open(sys.argv[1])), **{given!r}}}"
    told = f"print(json.dumps(train.again({card_and})))"
    (directory / "train.py").write_text(f"import json, sys\nfrom reference_service import train\n{told}\n")


def _said(components: Components, change: Callable[[Sequence[Row], NDArray[np.float64]], Any]) -> Components:
    """The components with another probability of the second class, of which the label is the larger one."""

    class Changed(SklearnPredictor):
        def predict(self, snapshot: Snapshot, rows: Sequence[Row]) -> list[Answer]:
            classes = snapshot.metadata["classes"]
            honest = [(one.probabilities or {})[classes[1]] for one in super().predict(snapshot, rows)]
            return labelled(classes, [[1 - one, one] for one in change(rows, np.array(honest)).tolist()])

    return _unexamined(components, Changed())


def _unexamined(components: Components, predictor: SklearnPredictor) -> Components:
    return replace(components, predictor=predictor, readiness=_Loaded(components.serving, components.batcher))


def _column(rows: Sequence[Row], at: int) -> NDArray[Any]:
    return np.array([row[at] for row in rows], dtype=object)


class _Loaded(Readiness):
    """Ready as soon as a model is loaded, whatever it answers."""

    async def probe(self, snapshot: Snapshot) -> str | None:
        return None
