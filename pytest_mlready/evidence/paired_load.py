"""Evidence `paired_load`: the service ("head") and the version before it ("base"), asked in blocks that alternate.

Whatever is started by a command is a fresh instance, so that neither has served anything before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from pytest_mlready.evidence.acquaintance import reached
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.loading import TIMEOUT_S, driven, objective, pool_for, predicts, scheduled
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.measure import abba
from pytest_mlready.openloop.plan import Plan
from pytest_mlready.protocols.detect import DetectError
from pytest_mlready.records import LoadRun
from pytest_mlready.service.target import StartError, Target
from pytest_mlready.service.turns import digest

WARMUP_S = 2.0
"""Half of it for each."""
START_S = 4.0
"""What the two instances and the load process take to start."""
BLOCK_S = 0.25
REQUESTS = 10
"""So many in a block, or it is made longer."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Both services, and the schedule."""
    base = context.settings.base
    return {**scheduled(context), "base": base and (base.command or base.url), "cwd": base and base.cwd}


def gather(context: Context) -> LoadRun:
    """Drive the declared rate, each request to the one whose block it is; classes "base" and "head"."""
    latency = objective(context)
    duration_s = max(1.0, context.budget_s - START_S - WARMUP_S)
    pairs = abba.pairs_in(duration_s, max(BLOCK_S, REQUESTS / latency.rate))

    def show(counts: Mapping[str, Any]) -> None:
        context.progress(f"base and head by turns: {counts['t']:.0f} of {duration_s:.0f} s")

    with (
        _base(context) as (base, base_fd),
        _head(context) as head,
        tempfile.TemporaryDirectory(prefix="mlready-load-") as output,
    ):
        plan = Plan(
            url=head.origin,
            scenario="paired",
            stages=2 * pairs * ((latency.rate, duration_s / (2 * pairs)),),
            stage_classes=tuple(abba.sequence(("base",), ("head",), pairs)),
            classes=(
                replace(predicts(base, context.rows), name="base", url=base.origin),
                replace(predicts(head, context.rows), name="head"),
            ),
            output=output,
            arrivals=latency.arrivals,
            seed=context.seed,
            timeout_s=TIMEOUT_S,
            pool=pool_for(latency.rate),
            warmup_s=WARMUP_S,
        )
        return driven(plan, show, context.turn_fd, base_fd)


@contextmanager
def _base(context: Context) -> Iterator[tuple[Target, int | None]]:
    """The version before, and our turn at it where others may ask it, too."""
    settings, base = context.settings, context.settings.base
    if base is None:
        raise GatherError("no [base] table says what to compare with")
    try:
        directory = context.directory / "base"
        made = reached(settings, base, context.rows, directory, cwd=base.cwd, allow=base.allow)
    except (StartError, DetectError, ValueError) as error:
        raise GatherError(f"the base cannot be measured: {error}") from None
    try:
        if made.instance is not None or digest(made.url) == digest(context.target.url):
            yield made, None
        else:
            with made.turns.exclusive() as turn_fd:
                yield made, turn_fd
    finally:
        made.stop()


def _head(context: Context) -> Any:
    return context.target.fresh() if context.target.recipe is not None else nullcontext(context.target)
