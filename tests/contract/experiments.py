"""What the tests of experiments share."""

from __future__ import annotations

import datetime
import hashlib
import json
import unicodedata
from typing import Any

import httpx

from reference_service.experiments import experiment_body
from reference_service.experiments.experiment import Experiment, defined

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
NAMES = ("control", "blue", "green", "red")


def shares(control: float, treatment: float, **members: Any) -> dict[str, Any]:
    """The body of an experiment of the first version against the second."""
    variants = [{"name": "control", "weight": control}, {"name": "boosted", "version": "2.0.0", "weight": treatment}]
    return {"variants": variants, **members}


def recomputed(experiment: dict[str, Any], user_id: str | int) -> tuple[int, str]:
    """The bucket and the variant of a user by what GET /experiments/{name} says, and by nothing else."""
    declared = experiment["assignment"]
    content = bytes.fromhex(declared["separator"]).join(
        unicodedata.normalize(declared["normalization"], text).encode(declared["encoding"])
        for text in (experiment["salt"], str(user_id))
    )
    digest = hashlib.new(declared["hash"], content).digest()[: declared["digest_bytes"]]
    bucket = int.from_bytes(digest, declared["byte_order"]) % declared["buckets"]
    (variant,) = [
        variant["name"]
        for variant in experiment["variants"]
        if any(start <= bucket < end for start, end in variant["ranges"])
    ]
    return bucket, variant


async def assigned(client: httpx.AsyncClient, user_id: str, name: str = "checkout") -> dict[str, Any]:
    """The answer of the assignment route."""
    answer = await client.get(f"/experiments/{name}/assignment", params={"user_id": user_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def variants(*given: Any) -> dict[str, Any]:
    """A body of just these variants."""
    return {"variants": list(given)}


def body(*shares: Any, **members: Any) -> dict[str, Any]:
    """A definition of variants named after the colours."""
    variants = [{"name": name, "weight": share} for name, share in zip(NAMES, shares, strict=False)]
    return {"variants": variants, **members}


def made(wanted: dict[str, Any], standing: Experiment | None = None, name: str = "checkout") -> Experiment:
    """The experiment that a body makes of another."""
    return defined(name, experiment_body.read(json.dumps(wanted).encode(), 32)[0], standing, NOW)
