"""Versions to change between, and whether a history explains what is in force."""

from __future__ import annotations

import json
from pathlib import Path

from reference_service.artifacts import manifest
from reference_service.deployments.changes import Change, State
from reference_service.train import publish

MODEL = "breast-cancer"
FIRST, SECOND = "1.0.0", "2.0.0"
MOST_EARLIER = 20


def publish_again(models: Path, version: str) -> None:
    """Publish the first version once more, as another one."""
    paths = (models / MODEL / FIRST).iterdir()
    files = {path.name: path.read_bytes() for path in paths if path.name != manifest.FILE_NAME}
    files["metadata.json"] = json.dumps({**json.loads(files["metadata.json"]), "version": version}).encode()
    publish(models, manifest.signing_key(models), MODEL, version, files)


def explains(history: list[Change], state: State) -> bool:
    """Whether the changes, played again from the first one, lead to a state without a gap."""
    serving = ""
    earlier: list[str] = []
    for generation, change in enumerate(reversed(history)):
        if change.generation != generation or (generation and change.before != serving):
            return False
        if change.action == "promote":
            earlier = [*earlier, serving][-MOST_EARLIER:]
        elif change.action == "rollback" and (not earlier or earlier.pop() != change.after):
            return False
        serving = str(change.after)
    return (serving, tuple(earlier), len(history) - 1) == (state.serving, state.earlier, state.generation)
