"""A signed list of the files of one model version, checked before any of them is used.

One flipped bit in a model file can change answers silently, and a hostile file can run code while it is read, so
nothing is opened as a model before its digest is known to be the one that training signed. The signature is an
HMAC-SHA256 with a key that training creates beside the models; where others can write there, keep it elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reference_service import durable

FILE_NAME = "manifest.json"
KEY_NAME = "signing.key"


class Untrusted(Exception):
    """The files of a version are not what was published."""


def signing_key(models: Path, create: bool = False) -> bytes:
    """The registry's key, optionally made if there is none.

    Raises:
        Untrusted: there is no key, or none that can be read.
    """
    path = models / KEY_NAME
    if not path.exists():
        if not create:
            raise Untrusted(f"the registry has no {KEY_NAME}: train first, with `python -m reference_service.train`")
        durable.write_file(path, secrets.token_hex(32).encode(), mode=0o600)
    try:
        return bytes.fromhex(path.read_text())
    except (OSError, ValueError) as error:
        raise Untrusted(f"the registry's {KEY_NAME} cannot be read") from error


def sign(key: bytes, name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """The manifest of a version's files, as the bytes of its file."""
    listed = {
        file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for file, content in files.items()
    }
    body = {"name": name, "version": version, "files": listed}
    return json.dumps({**body, "signature": _signature(key, body)}, indent=2, sort_keys=True).encode()


def verified_files(key: bytes, directory: Path, name: str, version: str) -> dict[str, bytes]:
    """The content of every file of a version, read once and checked, so that what is checked is what is used.

    Raises:
        Untrusted: the manifest is absent, not signed with this key, of another version, or a file differs from it.
    """
    manifest = _read_manifest(directory / FILE_NAME)
    body = {part: manifest.get(part) for part in ("name", "version", "files")}
    if not hmac.compare_digest(str(manifest.get("signature", "")), _signature(key, body)):
        raise Untrusted(f"the manifest of {name} {version} is not signed with this registry's key")
    if (body["name"], body["version"]) != (name, version):
        raise Untrusted(f"the manifest of {name} {version} is that of another version")
    contents = {}
    for file, recorded in manifest["files"].items():
        try:
            contents[file] = (directory / file).read_bytes()
        except OSError as error:
            raise Untrusted(f"{file} of {name} {version} cannot be read") from error
        if hashlib.sha256(contents[file]).hexdigest() != recorded["sha256"]:
            raise Untrusted(f"{file} of {name} {version} is not the file that was published: its sha256 differs")
    return contents


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Untrusted(f"{path.name} of {path.parent.name} cannot be read") from error
    if not isinstance(manifest, dict):
        raise Untrusted(f"{path.name} of {path.parent.name} is not a JSON object")
    return manifest


def _signature(key: bytes, body: Mapping[str, Any]) -> str:
    return hmac.new(key, json.dumps(body, sort_keys=True).encode(), hashlib.sha256).hexdigest()
