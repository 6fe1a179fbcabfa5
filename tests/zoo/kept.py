"""Which services there are, and what has to be declared of each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_mlready.records import Row


@dataclass(frozen=True)
class Kept:
    """A healthy service: a module of this package, served by `python -m tests.zoo.NAME --port PORT`.

    `declared` are tables of `mlready.toml`. `unproven` are the checks that cannot pass here, each with its reason, and
    `lacks` are promises of the contract that it does not make: their checks fail, and it is no alarm.
    """

    name: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    unproven: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """How it is started."""
        return f"{{python}} -m tests.zoo.{self.name} --port {{port}}"

    def samples(self) -> Sequence[Row]:
        """All rows that there are of its data."""
        rows: Sequence[Row] = importlib.import_module(f"tests.zoo.{self.name}").samples()
        return rows


ONE_AT_A_TIME = "the service takes one row at a time"
UNVERSIONED = {"identity.version_agrees": "a version in health, info or a metrics label"}
ANONYMOUS = {"contract.request_id": "has no request id"}
UNDOCUMENTED = {"contract.openapi": "no OpenAPI document is served"}
UNLIMITED = {"contract.size_limit": "32 MiB: was accepted"}
LENIENT = {"contract.reject_coercion": "an unknown field: was accepted"}
ANY_MEDIA_TYPE = {"contract.reject_malformed": "media type application/xml: was accepted"}

ZOO: tuple[Kept, ...] = (
    Kept(
        "linear_fastapi",
        {"relations": {"score": "malignant", "increasing": ["worst radius", "worst texture"]}},
        UNVERSIONED,
        ANONYMOUS | UNLIMITED,
    ),
    Kept(
        "tree_fastapi",
        {"relations": {"active": ["proline", "flavanoids"]}},
        UNVERSIONED | {"fuzz.declared_relations": "no relation is declared but active columns"},
        ANONYMOUS | UNLIMITED | LENIENT,
    ),
    Kept(
        "imputing_starlette",
        {"inputs": {"missing": "accept"},
         "service": {"json": {"predict": "/predict", "row": "instances", "nested": True}},
         "relations": {"increasing": ["bmi"], "minimum": 0, "maximum": 400}},
        UNVERSIONED,
        ANONYMOUS | UNDOCUMENTED | LENIENT | ANY_MEDIA_TYPE,
    ),
    Kept(
        "neural_flask",
        {"service": {"json": {"predict": "/predict", "row": "", "shape": "object",
                              "batch": "/predict/many", "batch_key": "rows"}}},
        UNVERSIONED,
        ANONYMOUS | UNDOCUMENTED | {"contract.reject_malformed": "5000 nested lists as a value: was answered 500"},
    ),
    Kept(
        "ridge_http",
        {"service": {"json": {"predict": "/score", "row": "x"}},
         "relations": {"increasing": ["bmi", "bp"], "decreasing": ["sex"]}},
        UNVERSIONED | {"fuzz.batch_equals_single": ONE_AT_A_TIME, "fuzz.batch_order_and_size": ONE_AT_A_TIME},
        ANONYMOUS | UNDOCUMENTED | LENIENT | ANY_MEDIA_TYPE,
    ),
    Kept(
        "digits_asgi",
        {"service": {"json": {"predict": "/v1/predict", "row": "inputs", "nested": True}}},
        UNVERSIONED,
        ANONYMOUS | UNDOCUMENTED | LENIENT | ANY_MEDIA_TYPE,
    ),
    Kept("mixed_fastapi", {}, UNVERSIONED, ANONYMOUS | UNLIMITED),
    Kept(
        "network_starlette",
        {"service": {"json": {"predict": "/invocations", "row": "dataframe_records", "nested": True,
                              "shape": "object"}}},
        UNVERSIONED,
        ANONYMOUS | UNDOCUMENTED | UNLIMITED | LENIENT | ANY_MEDIA_TYPE,
    ),
    Kept(
        "words_starlette",
        {"service": {"json": {"predict": "/classify", "row": "", "shape": "object"}}},
        UNVERSIONED
        | {"fuzz.batch_equals_single": ONE_AT_A_TIME, "fuzz.batch_order_and_size": ONE_AT_A_TIME,
           "contract.reject_nonfinite": "no feature of the sample rows is a number"},
        ANONYMOUS | UNDOCUMENTED | ANY_MEDIA_TYPE,
    ),
)  # fmt: skip
