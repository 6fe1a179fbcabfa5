"""Reading an OpenAPI 3 document that a target published: pure, bounded, and never surprised by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mlready.protocols.bounds import BadDocument, check_bounds

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_OPTION_DEPTH = 4
_REF_HOPS = 20


@dataclass(frozen=True)
class OpenAPI:
    """An OpenAPI 3.0 or 3.1 document. Paths may be given as templates or as requested."""

    document: Mapping[str, Any]
    version: str

    @classmethod
    def parse(cls, document: object) -> OpenAPI:
        """Take a parsed document.

        Raises:
            BadDocument: it has no `openapi: 3.…`, no object of paths, or is beyond `MAX_DEPTH` or `MAX_NODES`.
        """
        if not isinstance(document, Mapping):
            raise BadDocument(f"an OpenAPI document is an object, not {type(document).__name__}")
        version = document.get("openapi")
        if not isinstance(version, str) or not version.startswith("3."):
            raise BadDocument(f"`openapi` must be a 3.x version, not {str(version)[:40]!r}")
        if not isinstance(document.get("paths", {}), Mapping):
            raise BadDocument("`paths` must be an object")
        check_bounds(document)
        return cls(document, version)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Every operation as (METHOD, path template), in the document's order."""
        return [(method, template) for method, template, _ in self._operations()]

    def operation(self, method: str, path: str) -> Mapping[str, Any]:
        """The operation object, empty if there is none."""
        fallback: Mapping[str, Any] = {}
        for known, template, operation in self._operations():
            if known == method.upper():
                if template == path:
                    return operation
                if not fallback and _matches(template, path):
                    fallback = operation
        return fallback

    def documents(self, method: str, path: str) -> bool:
        """Whether there is such an operation."""
        return bool(self.operation(method, path)) or (method.upper(), path) in self.routes

    def request_schema(self, method: str, path: str) -> dict[str, Any] | None:
        """The schema of the JSON request body, self-contained; None if there is none."""
        return self._schema(self._request(method, path))

    def response_schema(self, method: str, path: str, status: int) -> dict[str, Any] | None:
        """The schema of the JSON body with that status (or its class, or default), self-contained; None if none."""
        return self._schema(self._response(method, path, status))

    def statuses(self, method: str, path: str) -> list[str]:
        """The documented response keys: "200", "4XX", "default"."""
        return [str(key) for key in _mapping(self.operation(method, path).get("responses"))]

    def documents_status(self, method: str, path: str, status: int) -> bool:
        """Whether the operation documents that status, itself, as its class or as default."""
        return not {str(status), f"{status // 100}XX", "default"}.isdisjoint(
            key.upper() if key != "default" else key for key in self.statuses(method, path)
        )

    def media_types(self, method: str, path: str, status: int | None = None) -> list[str]:
        """The documented media types of the answer with that status, or without one those of the request body."""
        found = self._request(method, path) if status is None else self._response(method, path, status)
        return [str(name) for name in _mapping(found.get("content"))]

    def examples(self, method: str, path: str) -> list[Any]:
        """The examples of the JSON request body, from the media type first, then from its schema."""
        media = self._json_media(self._request(method, path))
        found = [media["example"]] if "example" in media else []
        for example in _mapping(media.get("examples")).values():
            example = self.resolved(example)
            if "value" in example:
                found.append(example["value"])
        schema = self.resolved(media.get("schema"))
        if "example" in schema:
            found.append(schema["example"])
        listed = schema.get("examples")
        return [*found, *(listed if isinstance(listed, list) else [])]

    def resolved(self, node: object) -> Mapping[str, Any]:
        """An object with its local reference followed; empty if it leads nowhere, outside or in a circle."""
        for _ in range(_REF_HOPS):
            if not isinstance(node, Mapping):
                break
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return {}

    def options(self, schema: object, depth: int = 0) -> list[Mapping[str, Any]]:
        """A schema's alternatives, references followed: itself, and what anyOf, oneOf and allOf hold."""
        node = self.resolved(schema)
        options = [node] if node else []
        if depth < _OPTION_DEPTH:
            for word in ("anyOf", "oneOf", "allOf"):
                inner = node.get(word)
                for one in inner[:20] if isinstance(inner, list) else []:
                    options += self.options(one, depth + 1)
        return options[:200]

    def words(self, schema: object, word: str) -> Iterator[Any]:
        """What a schema says by one word, itself or in one of its options."""
        return (option[word] for option in self.options(schema) if word in option)

    def properties(self, schema: object) -> Mapping[str, Any]:
        """The properties of the first option that has some."""
        return next((dict(one) for one in self.words(schema, "properties") if isinstance(one, Mapping)), {})

    def _operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for template, item in _mapping(self.document.get("paths")).items():
            item = self.resolved(item)
            for method in _METHODS:
                if isinstance(item.get(method), Mapping):
                    yield method.upper(), str(template), item[method]

    def _request(self, method: str, path: str) -> Mapping[str, Any]:
        return self.resolved(self.operation(method, path).get("requestBody"))

    def _response(self, method: str, path: str, status: int) -> Mapping[str, Any]:
        responses = {
            str(key).lower(): value for key, value in _mapping(self.operation(method, path).get("responses")).items()
        }
        for key in (str(status), f"{status // 100}xx", "default"):
            if key in responses:
                return self.resolved(responses[key])
        return {}

    def _json_media(self, holder: Mapping[str, Any]) -> Mapping[str, Any]:
        content = _mapping(holder.get("content"))
        for name, media in content.items():
            kind = str(name).split(";")[0].strip().lower()
            if kind == "application/json" or kind.endswith("+json"):
                return _mapping(media)
        return _mapping(content.get("*/*"))

    def _schema(self, holder: Mapping[str, Any]) -> dict[str, Any] | None:
        schema = self._json_media(holder).get("schema")
        if not isinstance(schema, Mapping):
            return None
        # References are pointers into the document, so its components travel with the schema, where they lead.
        whole = {**schema, "components": _mapping(self.document.get("components"))}
        return _modern(whole) if self.version.startswith("3.0") else whole

    def _at(self, reference: str) -> object:
        node: object = self.document
        if not reference.startswith("#/"):
            return None
        for part in reference[2:].split("/"):
            if not isinstance(node, Mapping):
                return None
            node = node.get(part.replace("~1", "/").replace("~0", "~"))
        return node


def is_array(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is that of an array."""
    kind = schema.get("type")
    return kind == "array" or (isinstance(kind, list) and "array" in kind) or "prefixItems" in schema


def first_of(mapping: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The key of a mapping that comes first among `names`, in whatever case; None if it has none of them."""
    lowered = {str(key).lower(): str(key) for key in mapping}
    return next((lowered[name] for name in names if name in lowered), None)


def _mapping(node: object) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _matches(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("?")[0].split("/")
    return len(wanted) == len(given) and all(
        (known.startswith("{") and known.endswith("}") and bool(part)) or known == part
        for known, part in zip(wanted, given, strict=True)
    )


def _modern(node: Any) -> Any:
    """A schema of OpenAPI 3.0 in the words of JSON Schema 2020-12: nullable and boolean exclusive bounds."""
    if isinstance(node, list):
        return [_modern(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    plain = {str(key): _modern(value) for key, value in node.items()}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(plain.get(exclusive), bool) and plain.pop(exclusive) and bound in plain:
            plain[exclusive] = plain.pop(bound)
    if plain.get("nullable") is True:
        del plain["nullable"]
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
