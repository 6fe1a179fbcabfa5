"""The serving version's model file: what the registry recorded, what lies there, what the service says it loaded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence import registered
from pytest_mlready.evidence.asking import MAX_TEXT, ask_one, asked_of, clean
from pytest_mlready.evidence.file_header import saved_with
from pytest_mlready.evidence.identity import HEADERS, VERSION_FIELDS
from pytest_mlready.records import Artefact

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.service.instance import Instance

_SERVED_DIGEST = ("sha256", "artifact_sha256", "model_sha256", "digest", "checksum", "artifact_digest")
_RUNTIME = ("runtime_framework_version", "runtime_version", "framework_version")
_PACKAGES = {"scikit-learn": ("sklearn", "scikit_learn"), "sklearn": ("sklearn", "scikit_learn")}
_CHUNK = 1024 * 1024


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and where the registry lies."""
    return {**asked_of(context), **context.part_of_settings("registry")}


def gather(context: Context) -> Artefact:
    """Find the answering version in the registry and hash its model file. Raises GatherError."""
    answered = ask_one(context, 0)
    info = _info(context)
    named = [one.version for one in answered.predictions]
    named += [answered.exchange.header(name) for name in HEADERS]
    named += [clean(info[name], MAX_TEXT) for name in VERSION_FIELDS if isinstance(info.get(name), str)]
    entry = registered.entry(context.settings, named, _file(info))
    header = saved_with(entry.file)
    framework = entry.metadata.get("framework")
    framework = str(framework) if isinstance(framework, str) else "scikit-learn" if header else None
    return Artefact(
        version=entry.version or next((one for one in named if one), "unknown"),
        file=entry.file.name,
        actual=_sha256(entry.file),
        recorded=entry.recorded,
        served=_served(info),
        saved_with=header,
        runtime=_loaded(context.target.instance, framework) or _said(info),
        framework=framework,
        metadata=entry.metadata,
    )


def _info(context: Context) -> Mapping[str, Any]:
    path = context.target.paths.get("info")
    if path is None:
        return {}
    with context.target.transport() as transport:
        body = transport.request("info", "GET", path).json_or_none
    return body if isinstance(body, Mapping) else {}


def _file(info: Mapping[str, Any]) -> str | None:
    named = (info.get(name) for name in registered.FILE_FIELDS)
    return next((clean(name, MAX_TEXT) for name in named if isinstance(name, str)), None)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _served(info: Mapping[str, Any]) -> str | None:
    inner = info.get("model")
    for document in (info, inner if isinstance(inner, Mapping) else {}):
        for name in _SERVED_DIGEST:
            if isinstance(document.get(name), str):
                return clean(document[name].lower().removeprefix("sha256:"), 200)
    return None


def _said(info: Mapping[str, Any]) -> str | None:
    return next((clean(str(info[name]), 100) for name in _RUNTIME if isinstance(info.get(name), str)), None)


def _loaded(instance: Instance | None, framework: str | None) -> str | None:
    """The version of the package whose compiled modules the processes have mapped: no word of theirs is needed."""
    if instance is None or framework is None:
        return None
    package, distribution = _PACKAGES.get(framework.lower(), (framework.lower(), framework.lower().replace("-", "_")))
    mapped = re.compile(rf" (/.*)/{re.escape(package)}/[^ ]*\.so\S*$", re.MULTILINE)
    for pid in instance.processes():
        try:
            match = mapped.search(Path(f"/proc/{pid}/maps").read_text("utf-8", "replace"))
        except OSError:
            continue
        for installed in Path(match[1]).glob(f"{distribution}-*.dist-info") if match else ():
            return installed.name.removeprefix(f"{distribution}-").removesuffix(".dist-info")
    return None
