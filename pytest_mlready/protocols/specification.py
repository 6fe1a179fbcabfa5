"""What is wrong with a published OpenAPI document by its specification: nothing is fetched, and it always ends."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pytest_mlready.protocols.bounds import entangled, references

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

if TYPE_CHECKING:
    from pytest_mlready.protocols.openapi import OpenAPI

MAX_PROBLEMS = 50


def problems(openapi: OpenAPI) -> list[str]:
    """What is wrong with the document, at most `MAX_PROBLEMS` sentences."""
    outside = sorted({ref for ref in references(openapi.document) if not ref.startswith("#")})
    if outside:  # the validator would fetch them, and the target is not to be believed that far
        told = [f"a reference leads outside the document and was not followed: {ref[:200]}" for ref in outside]
        return told[:MAX_PROBLEMS]
    if entangled(openapi.document):
        return ["its schemas combine one another too often for it to be validated"]
    validator = OpenAPIV30SpecValidator if openapi.version.startswith("3.0") else OpenAPIV31SpecValidator
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for error in validator(dict(openapi.document)).iter_errors():
                where = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
                found.append(f"{where or 'document'}: {str(getattr(error, 'message', error))[:300]}")
                if len(found) >= MAX_PROBLEMS:
                    break
        except Exception as error:  # whatever a hostile document does to the validator is a problem of the document
            found.append(f"it cannot be validated: {type(error).__name__}: {str(error)[:300]}")
    return found
