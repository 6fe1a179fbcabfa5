"""Evidence `assignments`: ids of all kinds, at random and at the ends of ranges, each asked for on its own connection.

Where an experiment declares its function, a few hundred answers can be recomputed. Where it does not, many more are
asked for, as long as there is time, for statistics.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of
from pytest_mlready.evidence.labels import labelled
from pytest_mlready.evidence.variants import CLIENTS, ask_all, assigned, declared, route
from pytest_mlready.measure.assignment import ids
from pytest_mlready.measure.assignment.planned import Wanted, planned
from pytest_mlready.records import Assigned, Assignments, Exchange, Sample

if TYPE_CHECKING:
    from pytest_mlready.evidence.context import Context
    from pytest_mlready.settings import Experiments

MOST_SAMPLED = 80_000
MOST_WITHOUT_LOAD = 2000
"""So many of a target that was not released for load."""
BATCH = 200
"""Ids of one kind that are asked for in a row."""
UNKNOWN = "mlready-unknown"
ODD = {"an empty id": "", "half of a surrogate pair": "%ED%A0%80", "bytes that are no UTF-8": "%FF"}


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, for which experiments, and what may be done to the target."""
    return {**asked_of(context), **context.part_of_settings("experiments"), "allow": sorted(context.settings.allow)}


def gather(context: Context) -> Assignments:
    """Ask for the variants of many ids; then for predictions whose variant can be compared."""
    until = time.monotonic() + context.budget_s
    settings, asked_at = declared(context), time.time()
    definitions, unknown, odd = _documents(context, settings)
    asked = ask_all(context, planned(settings.declared, f"{context.seed}:ids"))
    told, in_metrics = labelled(context, asked)
    until = max(until, time.monotonic() + context.budget_s / 2)  # on a busy machine the first part takes it all
    samples = tuple(_sampled(context, until))
    return Assignments(asked, samples, definitions, unknown, odd, told, in_metrics, asked_at)


def _documents(
    context: Context, settings: Experiments
) -> tuple[dict[str, Exchange], Exchange | None, tuple[Exchange, ...]]:
    """What the service says of each experiment, of one that there is not, and to ids that are none."""
    definitions, unknown, odd = {}, None, []
    with context.target.transport(deadline_s=5.0) as transport:
        for one in settings.declared if settings.definition is not None else ():
            path = route(str(settings.definition), one.name)
            definitions[one.name] = transport.request("definition", "GET", path)
        if settings.assignment is not None and "{experiment}" in settings.assignment:
            path = route(settings.assignment, UNKNOWN, "mlready")
            unknown = transport.request("an experiment that there is not", "GET", path)
        if settings.assignment is not None and "fuzz" in context.settings.allow and settings.declared:
            for case, id in ODD.items():
                path = route(settings.assignment, settings.declared[0].name, id)
                odd.append(transport.request(case, "GET", path))
    return definitions, unknown, tuple(odd)


def _sampled(context: Context, until: float) -> Iterator[Sample]:
    """As many ids as there is time for, of experiments whose function is not declared; the same ids for all of them."""
    unknown = [one for one in declared(context).declared if one.function is None]
    if not unknown:
        return
    streams = {kind: ids.sampled(kind, context.rng(f"sampled {kind}")) for kind in ids.SAMPLED}
    made: dict[tuple[str, str], list[Assigned]] = {(one.name, kind): [] for one in unknown for kind in streams}
    count, most = 0, MOST_SAMPLED if "load" in context.settings.allow else MOST_WITHOUT_LOAD
    with ThreadPoolExecutor(CLIENTS) as threads:
        for kind in itertools.cycle(streams):
            if time.monotonic() > until or count >= most:
                break
            units = list(itertools.islice(streams[kind], BATCH))
            for one in unknown:
                answers = _batch(context, threads, [(one.name, kind, unit) for unit in units])
                made[one.name, kind] += answers
                count += len(answers)
    for (name, kind), answers in made.items():
        if answers:
            yield _compact(name, kind, answers)


def _batch(context: Context, threads: ThreadPoolExecutor, wanted: Sequence[Wanted]) -> list[Assigned]:
    """Asked for on connections that are kept for this batch: the next one may meet other workers."""
    with context.target.transport(deadline_s=5.0) as transport:
        return list(threads.map(lambda one: assigned(context, transport, *one, keep_alive=True), wanted, chunksize=1))


def _compact(experiment: str, kind: str, answers: Sequence[Assigned]) -> Sample:
    names = tuple(dict.fromkeys(one.variant for one in answers if one.variant is not None))
    at: dict[str | None, int] = {None: -1, **{name: place for place, name in enumerate(names)}}
    return Sample(
        experiment, kind, names, tuple(one.unit for one in answers), tuple(at[one.variant] for one in answers)
    )
