"""What the tests of experiments share."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any


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
