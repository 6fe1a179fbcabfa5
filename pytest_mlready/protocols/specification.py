"""What is wrong with a published OpenAPI document by its specification: nothing is fetched, and it always ends."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema import Draft202012Validator

from pytest_mlready.protocols.bounds import entangled, references

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
    from openapi_spec_validator.validation.keywords import OpenAPIV31SchemaValidator

if TYPE_CHECKING:
    from pytest_mlready.protocols.openapi import OpenAPI

MAX_PROBLEMS = 50
DIALECT = ("discriminator", "externalDocs", "xml", "$schema", "jsonSchemaDialect")
"""What a schema in an OpenAPI 3.1 document may hold beyond JSON Schema 2020-12, or what says that it is in another."""
_SCHEMAS = jsonschema_rs.validator_for(Draft202012Validator.META_SCHEMA, validate_formats=True)


class _PlainSchemas(OpenAPIV31SchemaValidator):
    """Leaves out the proof in Python, hundreds of times slower, that a schema is one, where there is one already."""

    def __call__(self, schema: Any, require_properties: bool = True, meta_checked: bool = False) -> Iterator[Any]:
        known = meta_checked or _SCHEMAS.is_valid(schema.read_value())
        yield from super().__call__(schema, require_properties, known)


class _PlainValidator(OpenAPIV31SpecValidator):
    """For documents without any word of `DIALECT`."""

    keyword_validators = {**OpenAPIV31SpecValidator.keyword_validators, "schema": _PlainSchemas}  # noqa: RUF012


with warnings.catch_warnings():  # what it loads when it is first used is loaded with this module, in good time
    warnings.simplefilter("ignore")
    next(_PlainValidator({"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {}}).iter_errors(), None)


def problems(openapi: OpenAPI) -> list[str]:
    """What is wrong with the document, at most `MAX_PROBLEMS` sentences."""
    outside = sorted({ref for ref in references(openapi.document) if not ref.startswith("#")})
    if outside:  # the validator would fetch them, and the target is not to be believed that far
        told = [f"a reference leads outside the document and was not followed: {ref[:200]}" for ref in outside]
        return told[:MAX_PROBLEMS]
    if entangled(openapi.document):
        return ["its schemas combine one another too often for it to be validated"]
    validator = OpenAPIV30SpecValidator if openapi.version.startswith("3.0") else _validator_31(openapi.document)
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


def _validator_31(document: Mapping[str, Any]) -> Any:
    text = json.dumps(document)
    return OpenAPIV31SpecValidator if any(f'"{word}"' in text for word in DIALECT) else _PlainValidator
