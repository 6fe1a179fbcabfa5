"""A fitted pipeline as an ONNX graph. Only training comes here; serving needs no converter.

ONNX knows most of scikit-learn but not all of it, and its tree ensembles compute in single precision. So a graph is
published only if its answers are those of the pipeline, and of two possible ones the more exact. Rows with categories
are left to scikit-learn: the runtime has no imputer of doubles, and a value that was scaled in single precision can
fall on the other side of a tree's threshold.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_service.model.engines import ENGINES

Rows = NDArray[Any]
_COMPARED_ALONE = 64


def dump(pipeline: Any, rows: Rows) -> bytes | None:
    """The graph of a fitted pipeline, or None if there is none that agrees with it on these rows.

    The same pipeline gives the same bytes.
    """
    if rows.dtype != np.float64:
        return None
    try:
        import onnxruntime  # noqa: F401
        import skl2onnx  # noqa: F401
    except ImportError:  # not needed by those who serve with scikit-learn
        return None
    graphs = [graph for single in (False, True) if (graph := _converted(pipeline, rows.shape[1], single)) is not None]
    measured = [(_disagreement(pipeline, graph, rows), graph) for graph in graphs]
    error, graph = min(measured, default=(np.inf, b""), key=lambda one: one[0])
    return graph if error <= ENGINES["onnx"].tolerance else None


def _converted(pipeline: Any, width: int, single: bool) -> bytes | None:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    element = FloatTensorType if single else DoubleTensorType
    options = {"zipmap": False} if hasattr(pipeline, "predict_proba") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = to_onnx(pipeline, initial_types=[("rows", element([None, width]))], options=options)
    except Exception:  # the converters raise whatever comes up when they meet what they do not know
        return None
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _disagreement(pipeline: Any, graph: bytes, rows: Rows) -> float:
    """The largest difference of an answer, relative where answers are large.

    It is infinite for a graph that cannot run, and for one whose answer to a row depends on the rows beside it.
    """
    from reference_service.model import onnx_engine

    try:
        model = onnx_engine.load(graph)
        found = np.array(model.run(rows.tolist()))
    except Exception:  # ONNX Runtime raises types of its own for graphs that it cannot make sense of
        return np.inf
    alone = np.concatenate([model.run([row]) for row in rows[:_COMPARED_ALONE].tolist()])
    if not np.array_equal(alone, found[:_COMPARED_ALONE]):
        return np.inf
    expected = pipeline.predict_proba(rows) if hasattr(pipeline, "predict_proba") else pipeline.predict(rows)
    expected = expected.reshape(found.shape)
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))
