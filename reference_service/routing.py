"""Which version answers a request."""

from __future__ import annotations

from dataclasses import dataclass

from reference_service.changes import State
from reference_service.inputs import Asked


@dataclass(frozen=True, slots=True)
class Choice:
    """The version that answers, and the variant of an experiment that chose it."""

    version: str
    variant: str | None = None


class Routing:
    """Chooses by the request and by what is in force."""

    def choose(self, state: State, asked: Asked) -> Choice:
        """The version that was asked for by name, else the one that serves."""
        return Choice(asked.model_version or state.serving)
