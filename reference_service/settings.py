"""Everything that can be set when the service is started, in one immutable object."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

ENVIRONMENT_KEY = "REFERENCE_SERVICE_SETTINGS"


@dataclass(frozen=True)
class Limits:
    """The bounds that keep one request from hurting the others.

    Attributes:
        single_body_bytes, batch_body_bytes: largest request body of /predict and of /predict/batch.
        batch_rows: most instances in one batch.
        magnitude: largest absolute feature value. Far beyond any measurement, yet small enough that scaling it
            overflows neither a double nor the single precision that trees compare in.
        user_id_length: most characters of a user id.
        nesting: deepest JSON that is looked at closely to say what is wrong with it.
        body_seconds: time to send the whole body.
        deadline_seconds: time from a complete request to its answer.
        queue_requests, queue_rows: how much may wait for the model before requests are shed.
    """

    single_body_bytes: int = 64 * 1024
    batch_body_bytes: int = 2 * 1024 * 1024
    batch_rows: int = 1000
    magnitude: float = 1e12
    user_id_length: int = 256
    nesting: int = 32
    body_seconds: float = 10.0
    deadline_seconds: float = 2.0
    queue_requests: int = 256
    queue_rows: int = 8000

    @property
    def longest_request_seconds(self) -> float:
        """No request is in flight for longer than this."""
        return self.body_seconds + self.deadline_seconds


@dataclass(frozen=True)
class Settings:
    """What to serve, where, and within which limits.

    Attributes:
        models: the registry of trained models; only training writes there.
        state: what this instance writes (worker metrics); never shared between instances.
        version: the version to serve; None for the registry's first.
        cache_seconds: how long an answer may be served from memory; 0 switches the cache off.
        drain_seconds: how long to answer "not ready" after SIGTERM before connections close.
        drill: the name of a game-day drill, see `drill.py`.
    """

    model: str = "breast-cancer"
    version: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    models: Path = Path("models")
    state: Path = Path("models/.state")
    cache_seconds: float = 0.0
    drain_seconds: float = 0.5
    drill: str | None = None
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> str:
        """The settings as text, for worker processes."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote."""
        fields = json.loads(text)
        fields["limits"] = Limits(**fields["limits"])
        return cls(**{**fields, "models": Path(fields["models"]), "state": Path(fields["state"])})
