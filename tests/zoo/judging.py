"""Gather all that fuzzing asks for, in process, and judge it."""

from __future__ import annotations

import importlib
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_mlready.catalogue import Check, checks
from pytest_mlready.evidence.acquaintance import acquainted
from pytest_mlready.evidence.context import Context
from pytest_mlready.finding import Finding
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.service.target import Target, launch
from pytest_mlready.settings import Settings, parse
from tests.zoo.kept import Kept

ROOT = Path(__file__).resolve().parents[2]
ROWS = range(20, 61)
"""So many sample rows, which is how many people give."""


@contextmanager
def started(kept: Kept) -> Iterator[Context]:
    """The service, running, with all its rows; the directory of the run is removed in the end."""
    with tempfile.TemporaryDirectory() as directory:
        settings = settings_of(kept, Path(directory))
        rows = tuple(kept.samples())
        target = launch(
            command=kept.command,
            cwd=ROOT,
            run_dir=Path(directory),
            feature_names=tuple(rows[0]),
            declared_json=settings.service.json,
            declared_paths=settings.service.paths,
        )
        try:
            yield Context(acquainted(target, rows, settings.service.json), settings, rows, seed=0, budget_s=1.0)
        finally:
            target.stop()


def settings_of(kept: Kept, directory: Path) -> Settings:
    """As a person would write them: the command, the rows, and what the service's own page says."""
    service = {"command": kept.command, **kept.declared.get("service", {})}
    inputs = {"rows": "rows.json", **kept.declared.get("inputs", {})}
    plain = {**kept.declared, "service": service, "inputs": inputs}
    return parse(plain, source="mlready.toml", directory=directory)


def drawn(context: Context, seed: int) -> Context:
    """Another seed, and another sample of the rows."""
    rng = random.Random(f"rows {seed}")
    rows = rng.sample(context.rows, min(len(context.rows), rng.choice(ROWS)))
    return replace(context, rows=tuple(rows), seed=seed)


def judged(context: Context, known: Mapping[str, Any] | None = None) -> dict[str, Finding]:
    """Every check that fuzzing makes, over evidence gathered now, but for what is `known` already."""
    asked = [one for one in searching() if one.unmet(context.settings) is None]
    evidence: dict[str, Any] = {"settings": context.settings, **gathered(context, asked, known or {})}
    return {one.id: one.judge({name: evidence[name] for name in one.arguments}) for one in asked}


def gathered(context: Context, asked: Sequence[Check], known: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence by name, in the order of a run."""
    needed = {one.name for check in asked for one in check.evidence}
    return {
        name: known[name] if name in known else gather(context, name) for name in SCHEDULE.evidence if name in needed
    }


def gather(context: Context, name: str) -> Any:
    """One kind of evidence, with the time that it has in the quick profile.

    No log is searched for request ids: that takes half a second, and the fuzz family does not ask.
    """
    if name == "answers":
        context = replace(context, target=replace(context.target, instance=None))
    budget_s = SCHEDULE.evidence[name].budget_s("quick")
    return importlib.import_module(f"pytest_mlready.evidence.{name}").gather(replace(context, budget_s=budget_s))


def searching() -> list[Check]:
    """The checks that fuzzing makes: bad and odd input, relations between answers, and the answers themselves.

    What needs a drill or a cache is left out, and so are live routes, and what Schemathesis finds.
    """
    apart = {"contract.blame", "contract.documented", "contract.cache_truth", "fuzz.schemathesis"}
    chosen = [one for one in checks().values() if one.family in {"fuzz", "contract"} and one.id not in apart]
    return [*chosen, checks()["identity.version_agrees"]]


def answers_still(target: Target, context: Context) -> bool:
    """Whether the first row is answered after all that."""
    mapping = target.mapping
    with target.transport() as transport:
        body = mapping.encode_row(context.rows[0])
        return transport.request("a canary", "POST", mapping.predict_path, body, mapping.request_headers).ok
