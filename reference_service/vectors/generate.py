"""Write the test vectors of `mlready-sha256-v1`: python -m reference_service.vectors.generate

The same file every time. It is ASCII throughout, so that no editor, no version control and no terminal can change how
a character was composed: "\\u00e9" and "e\\u0301" must arrive as what they are. Only characters that have been in
Unicode for long are in it, whose normal forms no later version changes.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference_service.experiments.assignment import DECLARATION, bucket, canonical, prefix
from reference_service.vectors.ids import FAMILIES, REFUSED, SALTS, Unit

FILE = Path(__file__).with_name("mlready-sha256-v1.json")
SEED = 20260301
EDGES = (0, 1, 999, 1000, 1001, 4999, 5000, 5001, 8999, 9000, 9998, 9999)
EDGE_SALTS = ("checkout", "pr\u00e9sentation", "\u5b9f\u9a13")
WORKED = 6


def content() -> str:
    """The whole file."""
    found = [vector(salt, unit, family) for family, salt, unit in (*sampled(), *edges())]
    lists = {
        "worked": [worked(each["salt"], each["unit"]) for each in found[:: len(found) // WORKED][:WORKED]],
        "vectors": found,
        "refused": [{"unit": unit, "why": why} for unit, why in REFUSED],
    }
    members = [
        f'"declaration":{json.dumps(DECLARATION)}',
        *(f'"{name}":{listed(rows)}' for name, rows in lists.items()),
    ]
    return "{\n" + ",\n".join(members) + "\n}\n"


def listed(rows: list[dict[str, Any]]) -> str:
    """One row a line, so that a difference is one line long."""
    return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"


def vector(salt: str, unit: Unit, family: str) -> dict[str, Any]:
    """One test vector."""
    return {"salt": salt, "unit": unit, "bucket": bucket(salt, unit), "family": family}


def worked(salt: str, unit: Unit) -> dict[str, Any]:
    """One with what is hashed, for whoever looks for the step at which an implementation goes astray."""
    return {
        "salt": salt,
        "unit": unit,
        "input": (prefix(salt) + canonical(str(unit))).hex(),
        "bucket": bucket(salt, unit),
    }


def sampled() -> Iterator[tuple[str, str, Unit]]:
    """Every id of every family with one or two of the salts: the same for all spellings of an id, to be compared."""
    chance, told = random.Random(SEED), set[Unit]()
    for family, units in FAMILIES.items():
        for unit in units(chance):
            if unit in told:
                continue
            told.add(unit)
            salts = random.Random(canonical(str(unit))).sample(SALTS, 2)
            for salt in salts[:1] if family in {"plain", "scripts"} else salts:
                yield family, salt, unit


def edges() -> Iterator[tuple[str, str, Unit]]:
    """Ids searched for, whose buckets are where ranges begin and end: half-open or not, off by one or not."""
    for salt, name in itertools.product(EDGE_SALTS, ("user-{}", "usu\u00e1rio-{}")):
        missing = set(EDGES)
        for number in itertools.count():
            if (found := bucket(salt, name.format(number))) in missing:
                missing.remove(found)
                yield "edge", salt, name.format(number)
            if not missing:
                break


if __name__ == "__main__":
    FILE.write_text(content(), "ascii")
