"""The deployment that `[deployment]` declares."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlready.deployment.declared_http import CONTRACT, DeclaredHttp
from pytest_mlready.deployment.interface import Deployment, Refused, Unanswered
from pytest_mlready.deployment.mlflow import MlflowAlias
from pytest_mlready.deployment.places import filled, filled_body
from pytest_mlready.deployment.repository import Repository
from pytest_mlready.deployment.shell import Shell
from pytest_mlready.service.transport import Transport
from pytest_mlready.settings import Deployment as Table

GRACE_S = 10.0
"""Beyond the declared bound of an acknowledgement, so long is an answer waited for."""


@dataclass(frozen=True)
class Recipe:
    """What a deployment is made of, JSON-plain, so that another process can make it again.

    `headers` are the service's; one named Authorization is left out, for it is not the admin's.
    """

    table: Table
    url: str
    token: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    directory: str = "."
    ca_file: str | None = None
    verify: bool = True

    def transport(self) -> Transport:
        """To where orders go."""
        headers = [pair for pair in self.headers if pair[0].lower() != "authorization"]
        ca_file = None if self.ca_file is None else Path(self.ca_file)
        deadline_s = self.table.acknowledge_s + GRACE_S
        url = self.table.url or self.url
        return Transport(url, deadline_s=deadline_s, headers=headers, ca_file=ca_file, verify=self.verify)


def make(recipe: Recipe) -> Deployment:
    """The deployment."""
    table, transport = recipe.table, recipe.transport()
    if table.api == "shell":
        right = {table.token_env: recipe.token or ""} if table.token_env else {}
        return Shell(table.commands, recipe.url, table.acknowledge_s + GRACE_S, right)
    if table.api == "repository":
        select = None if table.select is None else _selecting(table.select, recipe.directory, table.acknowledge_s)
        return Repository(transport, str(table.model), table.versions, select)
    if table.api == "mlflow":
        return MlflowAlias(transport, str(table.model), table.alias, recipe.token)
    calls = CONTRACT if table.api == "mlready" else table.calls
    return DeclaredHttp(transport, calls, recipe.token, movable=table.url is None)


def by_hand(recipe: Recipe, version: str) -> str:
    """A command with which a person lets a version serve; the token is an environment variable's name."""
    table = recipe.table
    if table.api == "shell":
        return filled(table.commands["promote"], version=version, url=recipe.url)
    if table.api in {"mlready", "http"}:
        calls = CONTRACT if table.api == "mlready" else table.calls
        call, url = calls["promote"], (table.url or recipe.url).rstrip("/")
        return _curl(call.method, url + filled(call.path, version=version), call.body, version, table.token_env)
    return f"let {version} of {table.model} serve again"


def _curl(method: str, url: str, body: object, version: str, token_env: str | None) -> str:
    words = ["curl", "-sS", "-X", method, shlex.quote(url)]
    if token_env is not None:
        words += ["-H", f'"Authorization: Bearer ${token_env}"']
    if body is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(json.dumps(filled_body(body, version)))]
    return " ".join(words)


def _selecting(command: str, directory: str, timeout_s: float) -> Callable[[str], object]:
    def select(version: str) -> None:
        words: Sequence[str] = [filled(word, version=version) for word in shlex.split(command)]
        try:
            done = subprocess.run(words, cwd=directory, capture_output=True, timeout=timeout_s + GRACE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unanswered(f"deployment.select: {error}") from None
        if done.returncode != 0:
            raise Refused(f"exit code {done.returncode}", done.stderr.decode("utf-8", "replace")[-200:])

    return select
