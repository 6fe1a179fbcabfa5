"""Recorded arrivals: the times at which real requests came, to be replayed as they came."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path

_DELIMITER = re.compile(r"[,;\t]")


def read_trace(path: Path, speed: float = 1.0) -> tuple[float, ...]:
    """Seconds from the first arrival to each, divided by `speed` (2 replays in half the time).

    The file is a JSON list of numbers, or lines with one each; of a CSV line (, ; or tab) the first column counts, and
    the first line may be a header. Empty lines and those that begin with # say nothing. Times are in seconds, from
    whenever, and do not decrease.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or holds fewer than two different times; the message names file and place.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no text: {error}") from None
    entries = _json(path, text) if text.lstrip().startswith("[") else _lines(path, text)
    times: list[float] = []
    for place, value in entries:
        if not math.isfinite(value):
            raise ValueError(f"{place}: {value} is no time")
        if times and value < times[-1]:
            raise ValueError(f"{place}: {value!r} comes before {times[-1]!r}, the time above it: sort the arrivals")
        times.append(value)
    if not times or times[-1] == times[0]:
        raise ValueError(f"{path}: a trace needs arrivals at two different times or more, not {len(times)} at one")
    return tuple((one - times[0]) / speed for one in times)


def _json(path: Path, text: str) -> Iterable[tuple[str, float]]:
    try:
        values = json.loads(text, parse_int=float)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: {error.msg}") from None
    for number, value in enumerate(values, 1):
        if not isinstance(value, float):
            raise ValueError(f"{path}: item {number}: {value!r} is no number of seconds")
        yield f"{path}: item {number}", value


def _lines(path: Path, text: str) -> Iterable[tuple[str, float]]:
    header_allowed = True
    for number, line in enumerate(text.splitlines(), 1):
        field = _DELIMITER.split(line, maxsplit=1)[0].strip().strip('"')
        if not field or field.startswith("#"):
            continue
        try:
            value = float(field)
        except ValueError:
            if not header_allowed or not field[0].isalpha():
                raise ValueError(f"{path}:{number}: {field!r} is no number of seconds") from None
        else:
            yield f"{path}:{number}", value
        header_allowed = False
