"""The Open Inference Protocol, version 2: requests of tensors and answers of tensors.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data extension. Whatever is not exactly a
request of it for this model is refused with its path, as at /predict. But parameters that are not known are ignored, as
the protocol has it, and optional members may be null, because generated clients write them so. Who asks, the protocol
has no member for: experiments know the user by the parameter `user_id`, and the answer names the variant in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reference_service.model.inputs import MOST_FAULTS, Asked, ModelContract, RowValidator
from reference_service.model.predictor import Answer
from reference_service.open_inference import tensors
from reference_service.open_inference.tensor_inputs import TensorInputs
from reference_service.open_inference.tensors import TEXTS, Parameters, Tensor
from reference_service.settings import Limits
from reference_service.web import strict_json
from reference_service.web.problems import Fault, Problem, invalid

BINARY_DATA = "binary_tensor_data"
_PLACE = re.compile(r"`(\$[^`]*)`\Z")


class WantedOutput(msgspec.Struct, forbid_unknown_fields=True):
    """One output that is asked for."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON of an inference request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[WantedOutput] | None = None


@dataclass(frozen=True)
class Inference:
    """A valid request: the rows, what it calls itself, and the outputs that it wants, by whether as bytes."""

    asked: Asked
    id: str | None
    outputs: Mapping[str, bool]


class OpenInference:
    """Speaks the protocol for one model."""

    def __init__(self, contract: ModelContract, rows: RowValidator, limits: Limits) -> None:
        self.contract = contract
        self.rows = rows
        self.limits = limits
        self.inputs = TensorInputs(contract, rows, limits)
        self.decoder = msgspec.json.Decoder(InferRequest)
        self.outputs: dict[str, tuple[str, list[int]]] = {"prediction": ("FP64", [])}
        if contract.classes:
            self.outputs = {"prediction": (TEXTS, []), "probabilities": ("FP64", [len(contract.classes)])}

    def metadata(self, versions: Sequence[str], platform: str) -> dict[str, Any]:
        """What the model takes and gives; -1 is any number of rows."""
        outputs = [
            {"name": name, "datatype": datatype, "shape": [-1, *width]}
            for name, (datatype, width) in self.outputs.items()
        ]
        described = {"name": self.contract.name, "versions": versions, "platform": platform}
        return {**described, "inputs": self.inputs.metadata(), "outputs": outputs}

    def read(self, body: bytes, json_length: int | None, version: str | None) -> Inference:
        """Read the body of a request.

        Args:
            json_length: how much of it is JSON, if bytes of tensors follow.
            version: the one that is asked for.

        Raises:
            Problem: 400 or 422, naming every fault, or 413 for too many rows.
        """
        text = body if json_length is None else body[:json_length]
        request = strict_json.decode(text, self.decoder, _colons, self.limits.nesting)
        if request is None:
            raise self.explain(text)
        outputs = self.wanted(request)
        user_id = self.user_id(request.parameters or {})
        rows = self.inputs.read(request.inputs, None if json_length is None else body[json_length:])
        return Inference(Asked(rows, user_id, version), request.id, outputs)

    def wanted(self, request: InferRequest) -> dict[str, bool]:
        """The outputs that are asked for; all, if none are named.

        Raises:
            Problem: 422, the model has no such output.
        """
        default = (request.parameters or {}).get("binary_data_output")
        asked = request.outputs or [WantedOutput(name) for name in self.outputs]
        unknown = [i for i, each in enumerate(asked) if each.name not in self.outputs][:10]
        if unknown:
            allowed = " or ".join(self.outputs)
            raise invalid(*(Fault(f"$.outputs[{i}].name", f"must be {allowed}") for i in unknown))
        return {each.name: (each.parameters or {}).get("binary_data", default) is True for each in asked}

    def user_id(self, parameters: Parameters) -> str | None:
        """The user that a request names, if any, as /predict understands it.

        Raises:
            Problem: 422, it is no user id.
        """
        value = parameters.get("user_id", msgspec.UNSET)
        if isinstance(value, bool | float):  # which a parameter may be; the decoder of /predict lets neither through
            value = None
        faults: list[Fault] = []
        found = self.rows.user_id(value, faults)
        if faults:
            raise invalid(*(Fault("$.parameters.user_id", fault.message) for fault in faults))
        return found

    def write(
        self,
        inference: Inference,
        answers: Sequence[Answer],
        version: str,
        request_id: str,
        variant: str | None = None,
    ) -> tuple[bytes, int]:
        """The body of an answer, and how much of it is JSON; one that an experiment routed names its variant."""
        outputs: list[dict[str, Any]] = []
        contents: list[bytes] = []
        for name, as_bytes in inference.outputs.items():
            datatype, width = self.outputs[name]
            values = self.values(name, answers)
            output = {"name": name, "shape": [len(answers), *width], "datatype": datatype}
            if as_bytes:
                contents.append(tensors.binary(datatype, values))
                outputs.append({**output, "parameters": {"binary_data_size": len(contents[-1])}})
            else:
                outputs.append({**output, "data": values})
        members: dict[str, Any] = {"model_name": self.contract.name, "model_version": version}
        members["id"] = inference.id or request_id
        if variant is not None:
            members["parameters"] = {"variant": variant}
        text = msgspec.json.encode({**members, "outputs": outputs})
        return b"".join([text, *contents]), len(text)

    def values(self, name: str, answers: Sequence[Answer]) -> list[Any]:
        """The elements of an output in row-major order; probabilities in the order of the model's classes."""
        if name == "prediction":
            return [answer.prediction for answer in answers]
        return [(answer.probabilities or {})[label] for answer in answers for label in self.contract.classes]

    def explain(self, text: bytes) -> Problem:
        """Why the JSON was not decoded."""
        value = strict_json.examine(text, self.limits.nesting)
        if faults := [Fault(path, "must be a finite number") for path in _not_finite(value, "$")]:
            return invalid(*faults[:MOST_FAULTS])
        place = None
        try:
            self.decoder.decode(text)
        except msgspec.MsgspecError as error:
            place = _PLACE.search(str(error))
        path = place[1] if place else "$"
        return invalid(Fault(path, "is of the wrong type, or has a member that is missing or unknown"))


def _not_finite(value: object, path: str) -> Iterator[str]:
    if isinstance(value, strict_json.OutOfRange):
        yield path
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _not_finite(item, f"{path}[{i}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _not_finite(item, f"{path}.{strict_json.printable(key)}")


def _colons(request: InferRequest) -> int:
    """How many colons there are in a body of this value that repeats no key and writes no null."""
    found = 1 + _text(request.id) + _parameters(request.parameters) + (request.outputs is not None)
    for tensor in request.inputs:
        found += 2 + _text(tensor.name) + tensor.datatype.count(":") + _parameters(tensor.parameters)
        found += 1 + bytes(tensor.data).count(b":") if tensor.data else 0
    return found + sum(_text(each.name) + _parameters(each.parameters) for each in request.outputs or ())


def _text(value: str | None) -> int:
    return 0 if value is None else 1 + value.count(":")


def _parameters(given: Parameters | None) -> int:
    if given is None:
        return 0
    strings = sum(value.count(":") for value in given.values() if isinstance(value, str))
    return 1 + sum(map(_text, given)) + strings
