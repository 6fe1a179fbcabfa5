"""What can compute predictions, and from which of a version's files each engine does it.

Training publishes both artifacts side by side under one signature; a server loads one of them, and what it reports as
the model's digest is the digest of that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference_service.model.predictor import Predictor, SklearnPredictor

SKOPS = "model.skops"
ONNX = "model.onnx"


@dataclass(frozen=True)
class Engine:
    """One way to compute predictions.

    Attributes:
        name: what `--engine` calls it.
        artifact: the file of a version that it loads.
        distribution: the package that it needs installed.
        tolerance: how closely it repeats the golden answers, which scikit-learn computed in training.
        load: makes an estimator of the artifact's bytes; imports the package only then.
        predictor: asks that estimator.
    """

    name: str
    artifact: str
    distribution: str
    tolerance: float
    load: Callable[[bytes], Any]
    predictor: Callable[[], Predictor]


def _load_skops(content: bytes) -> Any:
    from reference_service.artifacts import artifact

    return artifact.load(content)


def _load_onnx(content: bytes) -> Any:
    from reference_service.model import onnx_engine

    return onnx_engine.load(content)


def _onnx_predictor() -> Predictor:
    from reference_service.model.onnx_engine import OnnxPredictor

    return OnnxPredictor()


SKLEARN = Engine("sklearn", SKOPS, "scikit-learn", 1e-9, _load_skops, SklearnPredictor)
ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (SKLEARN, Engine("onnx", ONNX, "onnxruntime", 1e-5, _load_onnx, _onnx_predictor))
}
