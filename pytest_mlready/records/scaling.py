"""Records of how long requests take: batches and texts of two sizes, and rows with values at their limits."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mlready.records.exchange import Exchange


@dataclass(frozen=True)
class BatchTimes:
    """The same rows in one batch and in three, round after round: seconds that each round's requests took.

    `size` is the number of rows in each of the three. `three` holds the sums over three batches asked one after
    another, `whole` the times of the batch of `3 * size` rows asked beside them, in alternating order. `exchange` is
    one such batch, with its body only where the times are out of proportion. `three_cpu_s` and `whole_cpu_s` are the
    CPU seconds of the service's processes over all rounds, None on a URL target.
    """

    size: int
    three: tuple[float, ...]
    whole: tuple[float, ...]
    exchange: Exchange
    three_cpu_s: float | None = None
    whole_cpu_s: float | None = None


@dataclass(frozen=True)
class TextTimes:
    """The same of texts in one column, at two scales: `size` counts characters, and the whole text has three parts.

    `parts` are the requests of the longer scale's parts, unsent, where the times are out of proportion.
    """

    column: str
    shorter: BatchTimes
    longer: BatchTimes
    parts: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class SlowRow:
    """A row that seemed slow: the seconds it took each time, and those of an ordinary row asked between."""

    exchange: Exchange
    seconds: tuple[float, ...]
    between: tuple[float, ...]


@dataclass(frozen=True)
class Scaling:
    """Seconds of requests.

    `rows` are those of the single rows, ordinary ones and ones with a value at its limit, which were answered with a
    2xx status; `asked` counts all of them. `suspects` are asked again. `batch` is None where no batch could be timed;
    `problem` says why, and is None where there is no route for batches. `texts` are columns of free text that took
    long enough to be timed.
    """

    rows: tuple[float, ...]
    asked: int
    suspects: tuple[SlowRow, ...] = ()
    batch: BatchTimes | None = None
    problem: str | None = None
    texts: tuple[TextTimes, ...] = ()


@dataclass(frozen=True)
class BatchThroughput:
    """Rows answered a second over one connection, in blocks measured in pairs: one row, and `size` rows to a request.

    Without pairs the size is 0 and `problem` says why; it is None where there is no route for batches.
    """

    size: int
    singles: tuple[float, ...]
    batches: tuple[float, ...]
    problem: str | None = None
