"""Everything that can be set when the service is started, in one immutable object."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

ENVIRONMENT_KEY = "REFERENCE_SERVICE_SETTINGS"
ENGINES = ("sklearn", "onnx")
PARSERS = ("httptools", "h11")


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
        head_bytes: largest request line and headers together.
        head_seconds: time to send the whole of them.
        body_seconds: time to send the whole body.
        deadline_seconds: time from a complete request to its answer.
        under_way_requests: how many requests that arrived whole one worker deals with before it refuses more.
        queue_requests, queue_rows: how much may wait for the model before requests are shed.
    """

    single_body_bytes: int = 64 * 1024
    batch_body_bytes: int = 2 * 1024 * 1024
    batch_rows: int = 1000
    magnitude: float = 1e12
    user_id_length: int = 256
    nesting: int = 32
    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    deadline_seconds: float = 2.0
    under_way_requests: int = 128
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
        state: what this instance writes (what is in force, its history, worker metrics); never shared between
            instances. None for a temporary directory, forgotten with the process.
        version: the version that a new instance serves at first (None: the registry's first); one that comes back
            serves what it served.
        engine: what computes predictions: "sklearn" or "onnx".
        http: what parses HTTP: "httptools" or "h11".
        tokens: a file of bearer tokens and their roles, see `access.py`; None closes every route that needs a role.
        admin_token_env: the environment variable that holds one more admin's token, as secret stores hand it over; its
            holder is "admin".
        keyed: whether predicting needs a token, too.
        experiments: a file of experiments that are in force in a new instance, see `experiment_file.py`.
        rate_limit: requests a second that one client may make, over all workers; 0 for no limit.
        rate_burst: how many of them at once.
        drift_window: rows that the drift monitor compares with the training data; 0 switches it off.
        drift_look_seconds: the least time between two looks of it.
        rollback_error_rate: share of failed predictions beyond which the version before is restored; 0 for never.
        rollback_quality: accuracy below which, or mean error above which, it is; None for never.
        rollback_window_seconds: how far back both look.
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
    state: Path | None = None
    engine: str = "sklearn"
    http: str = "httptools"
    tokens: Path | None = None
    admin_token_env: str | None = None
    keyed: bool = False
    experiments: Path | None = None
    rate_limit: float = 0.0
    rate_burst: int = 20
    drift_window: int = 1000
    drift_look_seconds: float = 1.0
    rollback_error_rate: float = 0.0
    rollback_quality: float | None = None
    rollback_window_seconds: float = 60.0
    cache_seconds: float = 0.0
    drain_seconds: float = 0.5
    drill: str | None = None
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def state_directory(self) -> Path:
        """Where this instance writes."""
        if self.state is not None:
            return self.state
        directory = Path(tempfile.mkdtemp(prefix="reference-service-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def to_json(self) -> str:
        """The settings as text, for worker processes."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote."""
        fields = json.loads(text)
        fields["limits"] = Limits(**fields["limits"])
        named = ("models", "state", "tokens", "experiments")
        paths = {name: Path(fields[name]) for name in named if fields[name] is not None}
        return cls(**{**fields, **paths})
