"""Artifacts with one wrong bit: `python benchmarks/bit_flips.py [--quick] [--seed N] [--json FILE]`.

One random bit of one file of a version is flipped, then the version is promoted: that has to be refused, while the old
version answers what it answered before. Now and then the version is promoted as it should be, which has to succeed: it
is the flip that is refused, not everything. From then on the version is in memory as well, which must not help.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from histories import FIRST, MODEL, SECOND
from live_server import ADMIN, golden, token_file

from reference_service.app import create_app
from reference_service.components import build_components
from reference_service.settings import Settings
from reference_service.train import train_missing

MUST_BE_NONE = ("accepted", "server errors", "answers of the old version that differ", "good versions refused")


def main() -> int:
    """Flip, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 flips instead of 1000")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        train_missing(Path(directory))
        found = asyncio.run(flipped_bits(Path(directory), 100 if options.quick else 1000, random.Random(options.seed)))
    for name, value in found.items():
        print(f"{name:<44} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return int(any(found[name] for name in MUST_BE_NONE))


async def flipped_bits(models: Path, flips: int, dice: random.Random) -> dict[str, Any]:
    """Promote a version of which one bit is wrong, over HTTP within this process."""
    settings = Settings(model=MODEL, models=models, state=models / "state", tokens=token_file(models))
    components = build_components(settings)
    components.log.descriptor = os.open(os.devnull, os.O_WRONLY)
    app = create_app(components)
    headers = {"Authorization": f"Bearer {ADMIN}"}
    row = golden(models, MODEL, FIRST)["rows"][0]
    found = {"flips": flips, **dict.fromkeys(MUST_BE_NONE, 0)}
    refusals: Counter[str] = Counter()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app", headers=headers) as client,
    ):

        async def answered() -> Any:
            answer = await client.post("/predict", json={"features": row})
            return answer.status_code, {**answer.json(), "request_id": ""}

        before = await answered()
        paths = sorted((models / MODEL / SECOND).iterdir())
        for flip in range(flips):
            path = paths[flip % len(paths)]
            content = path.read_bytes()
            spoiled = bytearray(content)
            bit = dice.randrange(8 * len(content))
            spoiled[bit // 8] ^= 1 << bit % 8
            path.write_bytes(spoiled)
            answer = await client.post("/deployments", json={"version": SECOND})
            refusals[f"{answer.status_code} {answer.json().get('type', '')}"] += 1
            found["accepted"] += answer.status_code < 400
            found["server errors"] += answer.status_code >= 500
            path.write_bytes(content)
            found["answers of the old version that differ"] += await answered() != before
            if flip % 50 == 49:
                good = await client.post("/deployments", json={"version": SECOND})
                back = await client.post("/deployments/rollback")
                found["good versions refused"] += (good.status_code, back.status_code) != (200, 200)
    return {**found, "refusals": dict(refusals)}


if __name__ == "__main__":
    raise SystemExit(main())
