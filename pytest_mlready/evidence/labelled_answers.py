"""Evidence `labelled_answers`: rows whose true answer is known, asked of the service, and others' answers to them."""

from __future__ import annotations

import datetime
import hashlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_mlready.evidence.asking import asked_of
from pytest_mlready.evidence.asking_many import ask_many
from pytest_mlready.evidence.declared_answers import answers_of_file
from pytest_mlready.evidence.reference import expected_of
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.labelled_rows import LabelledRows, read_labelled
from pytest_mlready.records import LabelledAnswers, Row
from pytest_mlready.records.quality import Answers
from pytest_mlready.settings import MAJORITY, Quality, Settings, SettingsError

if TYPE_CHECKING:
    import random

    from pytest_mlready.evidence.context import Context

SHARE_FOR_NOISE = 0.4
"""Of the time: shaken rows are as many as the others, and say less."""
GATHERED_WITH = ("entity", "slices", "noise", "baseline", "previous", "offline", "unoptimised")
"""Of the table's keys those that decide what is asked and read; the others are limits."""


def made_with(context: Context) -> Mapping[str, Any]:
    """Whom is asked, and with what."""
    quality = _quality(context.settings)
    declared = {key: getattr(quality, key) for key in GATHERED_WITH}
    files = {
        key: _digest(context.settings, value) for key, value in declared.items() if key in {"baseline", "previous"}
    }
    labelled = context.settings.labelled
    return {
        **asked_of(context),
        "labelled": labelled,
        "digest": None if labelled is None else _digest(context.settings, labelled[0]),
        "group": context.settings.group,
        **declared,
        "files": files,
    }


def gather(context: Context) -> LabelledAnswers:
    """Ask for the labelled rows, as many as there is time for, and for the same ones shaken. Raises GatherError."""
    quality = _quality(context.settings)
    try:
        labelled = read_labelled(context.settings, tuple(context.rows[0]) if context.rows else ())
    except SettingsError as error:
        raise GatherError(str(error)) from None
    return answered(context, labelled, quality)


def answered(context: Context, labelled: LabelledRows, quality: Quality) -> LabelledAnswers:
    """What the service and all others that are declared answer to these rows."""
    rng = context.rng("labelled rows")
    order = list(range(len(labelled.rows)))
    rng.shuffle(order)  # so that the rows that there was time for are a sample of all
    began = time.monotonic()
    most = context.max_batch_rows
    until = began + context.budget_s * (1 - SHARE_FOR_NOISE if quality.noise else 1)
    asked = ask_many(context.target, labelled.rows, order, until, most_at_once=most)
    noisy: Answers = ()
    if quality.noise and (shaken := shaken_rows(labelled.rows, quality.noise, rng)):
        known = [at for at in order if asked.answers[at] is not None]
        noisy = ask_many(context.target, shaken, known, began + context.budget_s, most_at_once=most).frozen
    return LabelledAnswers(
        labelled.truth,
        asked.frozen,
        asked.asked,
        asked.unanswered,
        tuple(asked.refused),
        tuple(sorted(asked.versions)),
        labelled.beside,
        noisy,
        _others(context, labelled, "baseline", None if quality.baseline == MAJORITY else quality.baseline),
        _others(context, labelled, "previous", quality.previous),
        _others(context, labelled, "offline", quality.offline if isinstance(quality.offline, str) else None),
        _others(context, labelled, "unoptimised", quality.unoptimised),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def shaken_rows(rows: Sequence[Row], noise: float, rng: random.Random) -> list[Row]:
    """The rows with normal noise of `noise` standard deviations on each column that has fractions; [] if none has.

    Whole numbers stay as they are, they may be counts or codes; and values stay within what the column spans.
    """
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        if any(number % 1 for number in numbers) and not any(isinstance(value, str) for value in values):
            columns[name] = (statistics.pstdev(numbers) * noise, min(numbers), max(numbers))
    if not any(spread for spread, _, _ in columns.values()):
        return []
    made: list[Row] = []
    for row in rows:
        shaken = dict(row)
        for name, (spread, least, most) in columns.items():
            if isinstance(value := row[name], int | float):
                shaken[name] = min(max(value + rng.gauss(0, spread), least), most)
        made.append(shaken)
    return made


def _others(context: Context, labelled: LabelledRows, key: str, declared: str | None) -> Answers:
    """What a declared file or callable answers to the rows."""
    if declared is None:
        return ()
    path = context.settings.path(declared)
    if path.suffix in {".json", ".csv"}:
        return answers_of_file(path, key, labelled.truth)
    if key in {"baseline", "previous"}:
        raise GatherError(f"quality.{key}: expected a .json or .csv file of answers, not {declared!r}")
    return expected_of(declared, context.settings.directory, labelled.rows, f"quality.{key}")


def _quality(settings: Settings) -> Quality:
    return settings.quality or Quality()


def _digest(settings: Settings, name: object) -> str | None:
    try:
        return hashlib.sha256(settings.path(str(name)).read_bytes()).hexdigest()
    except OSError:
        return None
