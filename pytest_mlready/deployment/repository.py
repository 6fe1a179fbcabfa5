"""A deployment by the model repository API of the Open Inference Protocol: index, load, unload (Triton, MLServer).

The protocol has no promotion: a model is loaded with the versions that its configuration names. Which one that is, is
said either by a command that edits the repository (`select`) before the load, or, as Triton takes it, by a
configuration that travels with the load and names one version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from pytest_mlready.deployment.histories import every
from pytest_mlready.deployment.http_calls import asked
from pytest_mlready.deployment.interface import Acknowledged, Refused, Unanswered
from pytest_mlready.records import Change
from pytest_mlready.service.transport import Transport


class Repository:
    """Versions of one model in a repository.

    Parameters:
        transport: where to.
        model: its name.
        known: versions that could be loaded; the index may list loaded ones only.
        select: makes a version the one that the next load finds; None: the load itself says which.
    """

    remembers = False

    def __init__(
        self, transport: Transport, model: str, known: Sequence[str] = (), select: Callable[[str], object] | None = None
    ) -> None:
        self._transport = transport
        self._model = model
        self._known = tuple(known)
        self._select = select

    def versions(self) -> Sequence[str]:
        """The declared ones and those of the index."""
        found = [str(version) for one in self._index() for version in every(one, "version")]
        return list(dict.fromkeys((*self._known, *filter(None, found))))

    def current(self) -> str:
        """The version that is ready; the newest where several are, as servers answer who asks for none."""
        ready = [str(one.get("version", "")) for one in self._index() if str(one.get("state")).upper() == "READY"]
        named = [one for one in ready if one] or self._of_metadata()
        if not named:
            raise Unanswered(f"no version of {self._model} is ready")
        return max(named, key=lambda version: (len(version), version))

    def promote(self, version: str) -> Acknowledged:
        """Load it; acknowledged when the load is, and the index shows it."""
        if version not in self.versions():
            raise Refused("unknown version", f"the repository has no {version} of {self._model}")
        before = self.current()
        body: dict[str, Any] = {}
        if self._select is None:
            config = {"name": self._model, "version_policy": {"specific": {"versions": [int(version)]}}}
            body = {"parameters": {"config": json.dumps(config)}}
        else:
            self._select(version)
        try:
            self._asked(f"/v2/repository/models/{quote(self._model, safe='')}/load", body)
        except Refused:
            if self._select is not None:
                self._select(before)
            raise
        return Acknowledged(version, before != version)

    def rollback(self, to: str | None = None) -> Acknowledged:
        """A promotion of `to`: the protocol remembers nothing."""
        if to is None:
            raise Unanswered("a model repository does not know which version was the one before")
        return self.promote(to)

    def history(self) -> Sequence[Change] | None:
        """None: the protocol keeps none."""
        return None

    def _index(self) -> list[dict[str, Any]]:
        listed = self._asked("/v2/repository/index", {})
        return [one for one in every(listed, "*") if isinstance(one, dict) and one.get("name") == self._model]

    def _of_metadata(self) -> list[str]:
        """The versions that the model's metadata names, where the index names none."""
        exchange = self._transport.request("metadata", "GET", f"/v2/models/{quote(self._model, safe='')}")
        return [str(one) for one in every(exchange.json_or_none, "versions.*")] if exchange.ok else []

    def _asked(self, path: str, body: object) -> Any:
        return asked(self._transport, "POST", path, body)
