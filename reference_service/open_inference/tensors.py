"""Tensors of the Open Inference Protocol: numbers and texts with a shape, as JSON or as the bytes behind it."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from reference_service.web import strict_json
from reference_service.web.problems import Fault

Parameters = dict[str, str | int | float | bool | None]
Element = float | str | None
Leaf = tuple[str, Any]
TEXTS = "BYTES"
# Binary data is little-endian.
NUMBERS: Mapping[str, str] = {
    "FP64": "<f8",
    "FP32": "<f4",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}
"""The datatypes of numbers, by how numpy calls them."""
_FLAT = msgspec.json.Decoder(list[float])
_LARGEST = 1 << 1023
_MOST_FAULTS = 100


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One input. `data` is flat or nested as its shape; it is absent if the bytes come after the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw = msgspec.Raw()

    @property
    def binary_size(self) -> object:
        """How many bytes after the JSON are this tensor's; None if its data is JSON."""
        return (self.parameters or {}).get("binary_data_size")


def elements(
    tensor: Tensor, content: bytes | None, nullable: bool, path: str, faults: list[Fault]
) -> Sequence[Element]:
    """The elements of a tensor in row-major order; nothing, with the reasons added to `faults`, if it has any.

    Args:
        tensor: its datatype is a known one, and its shape has positive sizes.
        content: the bytes that came for it after the JSON; None if its data is JSON.
        nullable: whether an element may be missing: null in JSON; in bytes NaN, or a text of no length.
        path: where in the request the tensor is.
    """
    found = len(faults)
    if content is None:
        values = _of_json(tensor, nullable, path, faults)
    elif tensor.datatype == TEXTS:
        values = _of_text_bytes(content, nullable, path, faults)
    else:
        values = _of_number_bytes(tensor, content, nullable, path, faults)
    if len(faults) == found and len(values) != math.prod(tensor.shape):
        faults.append(Fault(f"{path}.data", f"must have {math.prod(tensor.shape)} elements, has {len(values)}"))
    return values if len(faults) == found else []


def binary(datatype: str, values: Sequence[Element]) -> bytes:
    """Elements as bytes."""
    if datatype == TEXTS:
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.array(values, dtype=NUMBERS[datatype]).tobytes()


def _of_json(tensor: Tensor, nullable: bool, path: str, faults: list[Fault]) -> Sequence[Element]:
    """The elements of `data`. A number is taken as it is written, whichever float its datatype is."""
    if not tensor.data:
        faults.append(Fault(f"{path}.data", "the field is missing"))
        return []
    if tensor.datatype in {"FP64", "FP32"}:
        with contextlib.suppress(msgspec.MsgspecError):  # nested, or wrong: looked at closely below
            return _FLAT.decode(tensor.data)
    found = len(faults)
    leaves = list(_leaves(strict_json.examine(bytes(tensor.data), nesting=32), f"{path}.data", tensor.shape, faults))
    for where, value in leaves:
        wanted = _wanted(value, tensor.datatype, nullable)
        if wanted and len(faults) < _MOST_FAULTS:
            faults.append(Fault(where, f"must be {wanted}, is {strict_json.kind(value)}"))
    return [] if len(faults) > found else [float(value) if isinstance(value, int) else value for _, value in leaves]


def _leaves(value: Any, path: str, shape: Sequence[int], faults: list[Fault], inner: bool = False) -> Iterator[Leaf]:
    """Every element with its path; an array of arrays must have exactly the sizes of the shape."""
    if not isinstance(value, list):
        faults.append(Fault(path, f"must be an array, is {strict_json.kind(value)}"))
    elif not any(isinstance(item, list) for item in value) and not (inner and len(value) != math.prod(shape)):
        yield from ((f"{path}[{i}]", item) for i, item in enumerate(value))
    elif len(value) != shape[0] or len(shape) == 1:
        faults.append(Fault(path, f"must have {math.prod(shape)} elements, flat or nested as the shape says"))
    else:
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}[{i}]", shape[1:], faults, inner=True)


def _wanted(value: object, datatype: str, nullable: bool) -> str | None:
    """What an element should have been; None if it is."""
    if value is None and nullable:
        return None
    if datatype == TEXTS:
        return None if isinstance(value, str) else "a string"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "a finite number"
    if datatype in {"FP64", "FP32"}:
        return None if abs(value) < _LARGEST else "a finite number"
    bounds = np.iinfo(NUMBERS[datatype])
    fits = isinstance(value, int) and bounds.min <= value <= bounds.max
    return None if fits else f"an integer from {bounds.min} to {bounds.max}"


def _of_number_bytes(
    tensor: Tensor, content: bytes, nullable: bool, path: str, faults: list[Fault]
) -> Sequence[Element]:
    if len(content) % np.dtype(NUMBERS[tensor.datatype]).itemsize:
        faults.append(Fault(f"{path}.parameters.binary_data_size", f"must be whole elements of {tensor.datatype}"))
        return []
    values = np.frombuffer(content, dtype=NUMBERS[tensor.datatype]).astype(np.float64)
    missing = np.isnan(values) if nullable else np.zeros(len(values), dtype=bool)
    wrong = np.flatnonzero(~np.isfinite(values) & ~missing)[:10].tolist()
    faults.extend(Fault(f"{path}.data[{i}]", "must be a finite number") for i in wrong)
    return [None if absent else value for value, absent in zip(values.tolist(), missing.tolist(), strict=True)]


def _of_text_bytes(content: bytes, nullable: bool, path: str, faults: list[Fault]) -> Sequence[Element]:
    texts: list[str | None] = []
    at = 0
    try:
        while at < len(content):
            (length,) = struct.unpack_from("<I", content, at)
            text = content[at + 4 : at + 4 + length]
            if len(text) < length:
                raise ValueError("cut off")
            texts.append(text.decode() or (None if nullable else ""))
            at += 4 + length
    except (struct.error, ValueError):
        faults.append(Fault(f"{path}.data[{len(texts)}]", "must be a length of 4 bytes and as many bytes of UTF-8"))
    return texts
