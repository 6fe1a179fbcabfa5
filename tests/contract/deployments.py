"""What the tests of promotions and rollbacks share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from reference_service import train
from reference_service.artifacts import manifest
from reference_service.components import Components, build_components
from reference_service.settings import Settings
from tests.contract.conftest import Server, client_of

ADMIN = {"Authorization": "Bearer admin-token-0123456789abcdef"}
VIEWER = {"Authorization": "Bearer viewer-token-0123456789abcdef"}
MODEL = "breast-cancer"
FIRST, SECOND = "1.0.0", "2.0.0"


def parts(models: Path, directory: Path) -> Components:
    """The parts of a server with tokens, whose state is in the directory."""
    tokens = token_file(directory)
    return build_components(Settings(model=MODEL, models=models, state=directory / "state", tokens=tokens))


def token_file(directory: Path) -> Path:
    """A file of tokens: alice may change what serves, bob may not."""
    entries = [entry("alice", "admin", ADMIN), entry("bob", "predict", VIEWER)]
    path = directory / "tokens.json"
    path.write_text(json.dumps({"tokens": entries}))
    return path


def entry(name: str, role: str, headers: dict[str, str]) -> dict[str, Any]:
    token = headers["Authorization"].removeprefix("Bearer ")
    return {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "roles": [role]}


@asynccontextmanager
async def admin_of(components: Components) -> AsyncIterator[httpx.AsyncClient]:
    """An admin's client of an application in this process."""
    async with client_of(components) as client:
        client.headers.update(ADMIN)
        yield client


def client_with_token(server: Server) -> httpx.Client:
    """An admin's client of a real server."""
    client = server.client()
    client.headers.update(ADMIN)
    return client


async def state_of(client: httpx.AsyncClient) -> dict[str, Any]:
    """What is in force, by every route that tells."""
    found: dict[str, Any] = (await client.get("/deployments")).json()
    listed = (await client.get("/models")).json()
    assert found["serving"] == listed["serving"] == (await client.get("/model/info")).json()["version"]
    assert (await client.get("/health")).json()["model_version"] == found["serving"]
    assert listed["previous"] == (found["earlier"][-1] if found["earlier"] else None)
    serving = [one["version"] for one in listed["versions"] if one["stage"] == "serving"]
    assert serving == [found["serving"]]
    return found


def another_version(models: Path, published: str, **metadata: Any) -> None:
    """Publish the first version's files again, as another one."""
    directory = models / MODEL / FIRST
    files = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != manifest.FILE_NAME}
    described = json.loads(files["metadata.json"]) | {"version": published} | metadata
    files["metadata.json"] = json.dumps(described).encode()
    train.publish(models, manifest.signing_key(models), MODEL, published, files)
