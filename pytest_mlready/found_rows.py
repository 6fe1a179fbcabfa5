"""Sample rows where none are declared: the examples that the service publishes, kept beside the evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_mlready.inputs import MIN_ROWS
from pytest_mlready.records import strict_json
from pytest_mlready.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pytest_mlready.records import Row
    from pytest_mlready.run import Run

FILE = "rows.json"


def find(run: Run) -> None:
    """Take the examples in the OpenAPI document of the target, which was started, as the rows of a run without any.

    They are kept in the evidence directory, from which workers and replays read them.

    Raises:
        SettingsError: no answer to them can be read, and it is not declared where in one the prediction is.
    """
    path = run.evidence_directory / FILE
    path.unlink(missing_ok=True)
    if run.settings.inputs.rows is not None or run.target is None or run.target.openapi is None:
        return
    from pytest_mlready.evidence.acquaintance import acquainted
    from pytest_mlready.protocols.detect import DetectError
    from pytest_mlready.protocols.examples import example_rows
    from pytest_mlready.service.scrub import redact, scrub

    rows = example_rows(run.target.openapi, run.target.mapping)
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1))
    run.settings, run.rows = _with(run.settings, path), rows
    try:
        run.target = acquainted(run.target, rows, run.settings.service.json)
    except DetectError as error:
        raise SettingsError(redact(scrub(str(error)), run.secrets)) from None


def kept(settings: Settings, evidence: Path) -> tuple[Settings, tuple[Row, ...]]:
    """The settings with the rows that the run which left this evidence found; as they are if it found none."""
    path = evidence / FILE
    if settings.inputs.rows is not None or not path.is_file():
        return settings, ()
    return _with(settings, path), tuple(strict_json(path.read_bytes()))


def assumed(settings: Settings) -> Settings:
    """The settings as they will be if rows are found: what a check that is named then needs beside them."""
    return settings if settings.inputs.rows is not None else _with(settings, Path(FILE))


def source(run: Run) -> str:
    """Where the rows come from, for people."""
    declared = run.settings.inputs.rows
    if declared is None:
        return "none: no [inputs] rows are declared, and its OpenAPI document has no example of the predict body"
    if run.settings.path(declared) == run.evidence_directory / FILE:
        more = (
            "" if len(run.rows) >= MIN_ROWS else f'; [inputs] rows = "sample.csv" with {MIN_ROWS} or more decide more'
        )
        return f"the examples in its OpenAPI document{more}"
    return declared


def _with(settings: Settings, path: Path) -> Settings:
    return replace(settings, inputs=replace(settings.inputs, rows=str(path.absolute())))
