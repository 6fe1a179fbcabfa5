"""A deployment by the alias of a model in an MLflow registry, through the registry's REST API.

An alias says which version is meant; when servers follow it is theirs to say, which is what a drill finds out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pytest_mlready.deployment.histories import every
from pytest_mlready.deployment.http_calls import asked
from pytest_mlready.deployment.interface import Acknowledged, Unanswered
from pytest_mlready.records import Change
from pytest_mlready.service.transport import Transport

API = "/api/2.0/mlflow"


class MlflowAlias:
    """The versions of a registered model and the one that an alias names.

    Parameters:
        transport: to the tracking server.
        model: the registered model's name.
        alias: the one that servers follow ("champion").
        token: sent as a bearer token.
    """

    remembers = False

    def __init__(self, transport: Transport, model: str, alias: str, token: str | None = None) -> None:
        self._transport = transport
        self._model = model
        self._alias = alias
        self._token = token

    def versions(self) -> Sequence[str]:
        """Every version of the model, newest first."""
        name = self._model.replace("'", "''")
        found = self._asked("GET", "model-versions/search", {"filter": f"name='{name}'", "max_results": "200"})
        return [str(one) for one in every(found, "model_versions.*.version")]

    def current(self) -> str:
        """The version that the alias names."""
        found = self._asked("GET", "registered-models/alias", {"name": self._model, "alias": self._alias})
        version = next(every(found, "model_version.version"), None)
        if version is None:
            raise Unanswered(f"the alias {self._alias} of {self._model} names no version")
        return str(version)

    def promote(self, version: str) -> Acknowledged:
        """Let the alias name it."""
        self._asked("POST", "registered-models/alias", {"name": self._model, "alias": self._alias, "version": version})
        return Acknowledged(version)

    def rollback(self, to: str | None = None) -> Acknowledged:
        """A promotion of `to`: an alias has no memory."""
        if to is None:
            raise Unanswered("an alias does not know which version was the one before")
        return self.promote(to)

    def history(self) -> Sequence[Change] | None:
        """None: an alias keeps none."""
        return None

    def holding(self, token: str | None) -> MlflowAlias:
        """The same with another token."""
        return MlflowAlias(self._transport, self._model, self._alias, token)

    def _asked(self, method: str, route: str, fields: Mapping[str, str]) -> Any:
        path = f"{API}/{route}"
        if method == "GET":
            return asked(self._transport, method, f"{path}?{urlencode(fields)}", token=self._token)
        return asked(self._transport, method, path, dict(fields), self._token)
