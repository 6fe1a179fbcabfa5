"""From the tensors of a request to rows of the model.

A model of numbers only takes one tensor "features" of [rows, features]; one with other columns, or with values that may
be missing, takes a tensor of [rows] for each column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference_service.model.columns import NUMBER, Column
from reference_service.model.inputs import MOST_FAULTS, ModelContract, RowValidator
from reference_service.open_inference.tensors import NUMBERS, TEXTS, Tensor, elements
from reference_service.settings import Limits
from reference_service.web.problems import Fault, Problem, invalid

FEATURES = "features"


@dataclass(frozen=True)
class Input:
    """One tensor that the model takes.

    Attributes:
        width: how many features it has in each row; None for a column, which is one by itself.
        nullable: whether its elements may be missing.
    """

    name: str
    datatype: str
    width: int | None
    nullable: bool

    def shape(self, rows: int) -> list[int]:
        """Its shape for some rows."""
        return [rows] if self.width is None else [rows, self.width]

    def fits(self, shape: Sequence[int], rows: int) -> bool:
        """Whether it may come in a shape; a column may stand upright, too."""
        return shape == self.shape(rows) or (self.width is None and shape == [rows, 1])


class TensorInputs:
    """Reads the inputs of one model; every row is judged as at /predict."""

    def __init__(self, contract: ModelContract, rows: RowValidator, limits: Limits) -> None:
        self.rows = rows
        self.limits = limits
        self.inputs = {each.name: each for each in inputs_of(contract)}

    def metadata(self) -> list[dict[str, Any]]:
        """What the model takes; -1 is any number of rows."""
        return [
            {"name": each.name, "datatype": each.datatype, "shape": each.shape(-1)} for each in self.inputs.values()
        ]

    def read(self, given: Sequence[Tensor], tail: bytes | None) -> list[list[Any]]:
        """The rows in the order and with the features that the model has.

        Args:
            tail: the bytes that follow the JSON, if it says that some do.

        Raises:
            Problem: 422, naming every fault, or 413 for too many rows.
        """
        faults = self.faults(given)
        contents = _contents(given, tail, faults)
        if not faults:
            self.check_size(given[0].shape[0])
            columns = {
                tensor.name: elements(tensor, content, self.inputs[tensor.name].nullable, f"$.inputs[{i}]", faults)
                for i, (tensor, content) in enumerate(zip(given, contents, strict=True))
            }
        if not faults:
            found = [self.judged(row, given, i, faults) for i, row in enumerate(self.arranged(columns))]
        if faults:
            raise invalid(*faults[:MOST_FAULTS])
        return [row for row in found if row is not None]

    def faults(self, given: Sequence[Tensor]) -> list[Fault]:
        """What is wrong with the inputs by their names, types and shapes."""
        names = {tensor.name for tensor in given}
        faults = [Fault("$.inputs", f"the tensor {name!r} is missing") for name in self.inputs if name not in names]
        rows = given[0].shape[0] if given and given[0].shape else 0
        seen: set[str] = set()
        for i, tensor in enumerate(given):
            known = self.inputs.get(tensor.name)
            if known is None:
                faults.append(Fault(f"$.inputs[{i}].name", "the model has no such input"))
                continue
            if tensor.name in seen:
                faults.append(Fault(f"$.inputs[{i}].name", "the tensor is given more than once"))
            seen.add(tensor.name)
            allowed = [TEXTS] if known.datatype == TEXTS else list(NUMBERS)
            if tensor.datatype not in allowed:
                faults.append(Fault(f"$.inputs[{i}].datatype", f"must be {' or '.join(allowed)}"))
            if rows < 1 or not known.fits(tensor.shape, rows):
                wanted = "[n] or [n, 1]" if known.width is None else f"[n, {known.width}]"
                faults.append(Fault(f"$.inputs[{i}].shape", f"must be {wanted}; n is positive, the same for all"))
        return faults

    def check_size(self, rows: int) -> None:
        """A request has at most as many rows as a batch.

        Raises:
            Problem: 413, it has more.
        """
        most = self.limits.batch_rows
        if rows > most:
            fault = Fault("$.inputs[0].shape", f"has {rows} rows")
            raise Problem(413, "batch-too-large", f"A request may have at most {most} rows.", [fault])

    def arranged(self, columns: dict[str, Sequence[Any]]) -> list[list[Any]]:
        """Tensors as rows."""
        known = self.inputs.get(FEATURES)
        if known is not None and known.width is not None:
            flat, width = list(columns[FEATURES]), known.width
            return [flat[start : start + width] for start in range(0, len(flat), width)]
        return [list(row) for row in zip(*(columns[name] for name in self.inputs), strict=True)]

    def judged(self, row: list[Any], given: Sequence[Tensor], at: int, faults: list[Fault]) -> list[Any] | None:
        """A row if it is valid; its faults are told by where the element is among the tensors."""
        found: list[Fault] = []
        valid = self.rows.row(row, "", found)
        for fault in found:
            place = f"$.inputs[0].data[{at}]{fault.path}"
            if FEATURES not in self.inputs:
                name = list(self.inputs)[int(fault.path.strip("[]"))]
                place = f"$.inputs[{[tensor.name for tensor in given].index(name)}].data[{at}]"
            faults.append(Fault(place, fault.message))
        return valid


def inputs_of(contract: ModelContract) -> list[Input]:
    """The tensors that a model takes."""
    columns = [Column.of(feature) for feature in contract.features]
    if all(column.plain for column in columns):
        return [Input(FEATURES, "FP64", len(columns), nullable=False)]
    return [Input(each.name, "FP64" if each.type == NUMBER else TEXTS, None, each.nullable) for each in columns]


def _contents(given: Sequence[Tensor], tail: bytes | None, faults: list[Fault]) -> list[bytes | None]:
    """The bytes after the JSON that belong to each tensor: in order, and all of them to some tensor."""
    contents: list[bytes | None] = []
    at = 0
    for i, tensor in enumerate(given):
        size = tensor.binary_size
        path = f"$.inputs[{i}].parameters.binary_data_size"
        if size is None:
            contents.append(None)
        elif tail is None:
            faults.append(Fault(path, "needs the header Inference-Header-Content-Length"))
        elif isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(tail) - at:
            faults.append(Fault(path, f"must be an integer of at most the {len(tail) - at} bytes that are left"))
        elif tensor.data:
            faults.append(Fault(f"$.inputs[{i}].data", "must be absent: the tensor is sent as bytes"))
        else:
            contents.append(tail[at : at + size])
            at += size
    if tail is not None and at != len(tail) and not faults:
        faults.append(Fault("$", f"{len(tail) - at} bytes after the JSON belong to no tensor"))
    return contents
