"""What a model takes, and turning request bodies into rows that it can be trusted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from reference_service.model.columns import Cell, Column
from reference_service.model.explanation import cell_fault, faults_of
from reference_service.settings import Limits
from reference_service.web import strict_json
from reference_service.web.problems import Fault, Problem, invalid

CellT = TypeVar("CellT")
Features = list[Any] | dict[str, Any]
MOST_FAULTS = 100
LARGEST_USER_ID = 2**63 - 1


class PredictRequest(msgspec.Struct, Generic[CellT], forbid_unknown_fields=True):
    """The body of /predict."""

    features: list[CellT] | dict[str, CellT]
    user_id: str | int | msgspec.UnsetType | None = msgspec.UNSET
    model_version: str | msgspec.UnsetType | None = msgspec.UNSET


class BatchRequest(msgspec.Struct, Generic[CellT], forbid_unknown_fields=True):
    """The body of /predict/batch."""

    instances: list[list[CellT] | dict[str, CellT]]
    model_version: str | msgspec.UnsetType | None = msgspec.UNSET


@dataclass(frozen=True)
class Asked:
    """A valid request: rows in the model's feature order, and what else was said.

    A row has a float for a number, a str for a category, and None for a value that is missing.
    """

    rows: list[list[Any]]
    user_id: str | None = None
    model_version: str | None = None


@dataclass(frozen=True)
class ModelContract:
    """The inputs and outputs of one model, by its metadata."""

    name: str
    task: str
    features: tuple[Mapping[str, Any], ...]
    classes: tuple[str, ...]
    label: str
    example_row: tuple[Cell, ...]
    example_answer: Mapping[str, Any]

    @classmethod
    def of(cls, metadata: Mapping[str, Any], golden: Mapping[str, Any]) -> ModelContract:
        """Read from a version's metadata and golden answers."""
        return cls(
            metadata["name"],
            metadata["task"],
            tuple(metadata["features"]),
            tuple(metadata["classes"] or ()),
            metadata["label"],
            tuple(golden["rows"][0]),
            golden["answers"][0],
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The feature names in the order of an array."""
        return tuple(feature["name"] for feature in self.features)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """What may stand at each place of an array."""
        return tuple(map(Column.of, self.features))

    @property
    def plain(self) -> bool:
        """Whether a row is numbers and nothing else."""
        return all(column.plain for column in self.columns)


class RowValidator:
    """Refuses every body that is not wholly an input of the model; what passes cannot make the model fail."""

    strict = True

    def __init__(self, contract: ModelContract, limits: Limits) -> None:
        self.columns = contract.columns
        self.names = contract.names
        self.plain = contract.plain
        self.limits = limits
        self.single_decoder: msgspec.json.Decoder[PredictRequest[Any]]
        self.batch_decoder: msgspec.json.Decoder[BatchRequest[Any]]
        if self.plain:  # the decoder alone sees to it that there are numbers only
            self.single_decoder = msgspec.json.Decoder(PredictRequest[float], strict=self.strict)
            self.batch_decoder = msgspec.json.Decoder(BatchRequest[float], strict=self.strict)
        else:
            self.single_decoder = msgspec.json.Decoder(PredictRequest[Cell], strict=self.strict)
            self.batch_decoder = msgspec.json.Decoder(BatchRequest[Cell], strict=self.strict)

    def single(self, body: bytes) -> Asked:
        """Read the body of /predict.

        Raises:
            Problem: 400 or 422, naming every fault.
        """
        request = strict_json.decode(body, self.single_decoder, self._single_colons, self.limits.nesting)
        if request is None:
            raise self.explain(body, "features")
        faults: list[Fault] = []
        row = self.row(request.features, "$.features", faults)
        user_id = self.user_id(request.user_id, faults)
        version = self.version(request.model_version, faults)
        if faults or row is None:
            raise invalid(*faults)
        return Asked([row], user_id, version)

    def batch(self, body: bytes) -> Asked:
        """Read the body of /predict/batch.

        Raises:
            Problem: 400 or 422, naming every fault, or 413 for too many instances.
        """
        request = strict_json.decode(body, self.batch_decoder, self._batch_colons, self.limits.nesting)
        if request is None:
            raise self.explain(body, "instances")
        self.check_batch_size(request.instances)
        faults: list[Fault] = []
        rows = [self.row(item, f"$.instances[{i}]", faults) for i, item in enumerate(request.instances)]
        version = self.version(request.model_version, faults)
        if faults:
            raise invalid(*faults[:MOST_FAULTS])
        return Asked([row for row in rows if row is not None], None, version)

    def row(self, features: Features, path: str, faults: list[Fault]) -> list[Any] | None:
        """One row in the model's order, or None with the reasons added to `faults`."""
        found = len(faults)
        values = self.arranged(features, path, faults) if isinstance(features, dict) else features
        if values is features:
            self.check_arity(values, path, faults)
        if len(faults) == found:
            self.check_values(values, features, path, faults)
        return values if len(faults) == found else None

    def arranged(self, features: Mapping[str, Any], path: str, faults: list[Fault]) -> list[Any]:
        """Values given by name, in the model's order."""
        missing = [name for name in self.names if name not in features]
        faults.extend(Fault(f"{path}[{name!r}]", "the feature is missing") for name in missing)
        if missing or len(features) > len(self.names):
            unknown = [name for name in features if name not in self.names][:10]
            faults.extend(
                Fault(f"{path}['{strict_json.printable(name)}']", "the model has no such feature") for name in unknown
            )
            return []
        return [features[name] for name in self.names]

    def check_arity(self, values: Sequence[Any], path: str, faults: list[Fault]) -> None:
        """An array must have one value for each feature."""
        if len(values) != len(self.names):
            what = "numbers" if self.plain else "values"
            faults.append(Fault(path, f"must have {len(self.names)} {what}, has {len(values)}"))

    def check_values(self, values: Sequence[Any], given: Features, path: str, faults: list[Fault]) -> None:
        """Every value belongs in its column, and is not so large that arithmetic on it stops meaning anything."""
        bound = self.limits.magnitude
        if self.plain and max(values) <= bound and min(values) >= -bound:
            return
        for i, (column, value) in enumerate(zip(self.columns, values, strict=True)):
            wrong = cell_fault(column, value, bound)
            if wrong is not None:
                faults.append(Fault(f"{path}[{i}]" if given is values else f"{path}[{column.name!r}]", wrong))

    def user_id(self, value: object, faults: list[Fault]) -> str | None:
        """A user id as text; an integer is its decimal string."""
        if value is msgspec.UNSET:
            return None
        longest = self.limits.user_id_length
        if (
            value is None
            or value == ""
            or (isinstance(value, int) and not -LARGEST_USER_ID - 1 <= value <= LARGEST_USER_ID)
        ):
            faults.append(Fault("$.user_id", "must be a non-empty string or a 64-bit integer"))
        elif isinstance(value, str) and len(value) > longest:
            faults.append(Fault("$.user_id", f"must have at most {longest} characters"))
        return str(value)

    def version(self, value: object, faults: list[Fault]) -> str | None:
        """The version that was asked for, if any."""
        if value is msgspec.UNSET:
            return None
        if not isinstance(value, str) or not value:
            faults.append(Fault("$.model_version", "must be a non-empty string"))
        return str(value)

    def check_batch_size(self, instances: Sequence[object]) -> None:
        """A batch has at least one row and at most as many as the limit."""
        most = self.limits.batch_rows
        if not instances:
            raise invalid(Fault("$.instances", "must have at least one instance"))
        if len(instances) > most:
            detail = f"A batch may have at most {most} instances."
            raise Problem(413, "batch-too-large", detail, [Fault("$.instances", f"has {len(instances)} instances")])

    def explain(self, body: bytes, field: str) -> Problem:
        """Why a body was not decoded, fault by fault."""
        value = strict_json.examine(body, self.limits.nesting)
        if isinstance(value, dict) and field == "instances" and isinstance(value.get(field), list):
            self.check_batch_size(value[field])
        return invalid(*faults_of(value, field, self.columns, self.limits.magnitude)[:MOST_FAULTS])

    def _single_colons(self, request: PredictRequest[Any]) -> int:
        keys = 1 + (request.user_id is not msgspec.UNSET) + (request.model_version is not msgspec.UNSET)
        strings = sum(value.count(":") for value in (request.user_id, request.model_version) if isinstance(value, str))
        return keys + strings + self._colons(request.features)

    def _batch_colons(self, request: BatchRequest[Any]) -> int:
        version = request.model_version
        strings = version.count(":") if isinstance(version, str) else 0
        return 1 + (version is not msgspec.UNSET) + strings + sum(map(self._colons, request.instances))

    def _colons(self, features: Features) -> int:
        named = isinstance(features, dict)
        found = len(features) + sum(name.count(":") for name in features) if named else 0
        if self.plain:
            return found
        values = features.values() if isinstance(features, dict) else features
        return found + sum(value.count(":") for value in values if isinstance(value, str))
