"""Records of a few requests: who answers, what it answers, how it takes bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mlready.records.exchange import Exchange

Label = str | int | float | bool | None
Row = Mapping[str, str | int | float | None]


@dataclass(frozen=True)
class Prediction:
    """What one row was answered, decoded by the protocol.

    `probabilities` are in class order, or in the order of `classes` where the answer names them.
    """

    prediction: Label
    probabilities: tuple[float, ...] | None = None
    version: str | None = None
    request_id: str | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Answered:
    """A predict request with its decoded answer: one prediction per row in `rows` (indices of the sample rows).

    `problem` says why an answer with status 2xx could not be decoded; `predictions` is then empty.
    """

    exchange: Exchange
    rows: tuple[int, ...]
    predictions: tuple[Prediction, ...] = ()
    problem: str | None = None

    @property
    def only(self) -> Prediction | None:
        """The prediction of a single-row request, None where there is not exactly one."""
        return self.predictions[0] if len(self.predictions) == 1 else None


@dataclass(frozen=True)
class Identity:
    """Who says it answers: the version that each source reports, None where the source has none to report.

    `sources` maps a source ("predict", "predict header", "info", "health", "metrics", "models") to the version it gave,
    for sources that have a place for one. `predict` is the first sample row's answer (None: no rows are declared).
    `nonsense` asks for `nonsense_version`, which does not exist (None: a request has no place for a version);
    `selectable` says that the service documents a field to ask for a version. `info` is the metadata document, `health`
    the answer of the route for people and old probes.
    """

    predict: Answered | None
    sources: Mapping[str, str | None]
    info: Exchange | None = None
    health: Exchange | None = None
    nonsense: Exchange | None = None
    nonsense_version: str = ""
    selectable: bool = False


@dataclass(frozen=True)
class Artefact:
    """The serving version's model file as it lies in the declared registry, read but never loaded.

    Digests are sha256 in hex: `recorded` by the registry's manifest, `actual` of the bytes, `served` as the service
    says.
    Framework versions: `saved_with` from the file's own header, `runtime` of the package that the service's process has
    loaded, or as the service says where the process is not ours. `metadata` is the version's record in the registry.
    """

    version: str
    file: str
    actual: str
    recorded: str | None
    served: str | None
    saved_with: str | None
    runtime: str | None
    framework: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadRequest:
    """One request that a strict service refuses. `group` is the kind of badness, one per check that judges it."""

    group: str
    exchange: Exchange


@dataclass(frozen=True)
class BadRequests:
    """The table of bad requests, and a good request before and after it.

    Groups: "missing" (a required part is absent, null or empty), "missing_value" (one null in a full row),
    "absent_feature" (one name left out of a row by name), "arity", "coercion", "unknown_field", "duplicate_key",
    "nonfinite", "nan", "malformed", "media_type", "no_media_type", "method", "empty_batch", "unknown_path".
    `stopped` says at which case probing ended early: the service did not come back, or limits our rate.
    """

    probes: tuple[BadRequest, ...]
    canary_before: Answered
    canary_after: Answered
    stopped: str | None = None

    def of(self, *groups: str) -> tuple[Exchange, ...]:
        """The exchanges of some groups, in the order sent."""
        return tuple(one.exchange for one in self.probes if one.group in groups)


@dataclass(frozen=True)
class Limits:
    """Bodies and batches over the cap, beside a good request of ordinary size.

    The bodies of the `oversize` requests are not kept, only their `sizes` in bytes, nor are long answers kept whole.
    `rss_before` and `rss_peak` are bytes of resident memory of the service's processes; None on a URL target.
    A batch is `batch_parts`: its first row with what comes before, each further row with what parts them, and the end.
    """

    ordinary: Answered
    oversize: tuple[Exchange, ...]
    rss_before: int | None
    rss_peak: int | None
    sizes: tuple[int, ...] = ()
    batch_parts: tuple[bytes, bytes, bytes] | None = None

    @property
    def bodies(self) -> tuple[Exchange, ...]:
        """Those of one row that only white space made too large: what came of them, no cap on rows explains."""
        return tuple(one for one in self.oversize if one.case.startswith("a body"))


@dataclass(frozen=True)
class Golden:
    """Declared golden rows with the answers they must get (`expected`) and got (`answered`, one a row)."""

    expected: tuple[Prediction, ...]
    answered: tuple[Answered, ...]
    tolerance: float
    version: str | None = None


@dataclass(frozen=True)
class Answers:
    """Answers to the sample rows.

    `singles` one request a row, first to last; `repeats` the same rows again, spread over the gather and over fresh
    connections; `batches` the rows together, in several orders and with duplicates (empty: no batch route).
    `mixed` are valid rows made from the samples by seeded mixes, where answers vary most: their `rows` are positions
    in `mixed`; they are asked again in `mixed_again` and stand together in `mixed_batch`, in that order. Where a batch
    was answered otherwise than its rows, that is one of a single row, which `mixed` then ends with.
    `schema_problems` say how answers with a 2xx status break the schema that the service documents, one sentence each;
    `schemas` are those schemas, by path.
    `request_ids_sent` were given by us in the X-Request-ID header, in the order of `echoes`; `logged_ids` are those
    of them found in the service's log (None: no log to read). `reused` are other rows, asked with the first of those
    ids again.
    """

    singles: tuple[Answered, ...]
    repeats: tuple[Answered, ...]
    batches: tuple[Answered, ...] = ()
    mixed: tuple[Answered, ...] = ()
    mixed_again: tuple[Answered, ...] = ()
    mixed_batch: Answered | None = None
    echoes: tuple[Exchange, ...] = ()
    request_ids_sent: tuple[str, ...] = ()
    logged_ids: tuple[str, ...] | None = None
    schema_problems: tuple[str, ...] = ()
    schemas: Mapping[str, Any] = field(default_factory=dict)
    reused: tuple[Answered, ...] = ()

    @property
    def all_batches(self) -> tuple[Answered, ...]:
        """Those of sample rows, and the mixed one."""
        return (*self.batches, *([self.mixed_batch] if self.mixed_batch is not None else []))


@dataclass(frozen=True)
class BadItem:
    """A full-length row with one bad item, and the canary rows asked right after it.

    `feature` is where the item stood; in a batch the bad row stands among good ones.
    """

    kind: str
    feature: str
    exchange: Exchange
    canaries: tuple[Answered, ...]


@dataclass(frozen=True)
class BadItems:
    """Bad items in full-length rows, singly and in batches, in the order sent.

    `first` are the canary rows' answers before anything bad was sent, `last` after everything. `others` have a fault
    that is none of an item: they are for their canaries. `memory` is, as often as it was looked at, how many were
    refused so far and the resident memory of the service's processes in bytes (empty: they are not ours).
    """

    first: tuple[Answered, ...]
    items: tuple[BadItem, ...]
    batches: tuple[BadItem, ...] = ()
    last: tuple[Answered, ...] = ()
    others: tuple[BadItem, ...] = ()
    memory: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class InterfaceDocument:
    """The OpenAPI document, what is wrong with it, and what its examples and real answers say of it.

    `documented` are "METHOD /path" of routes; `nonconforming` are answers of this run that break the document's
    schema, one sentence each.
    """

    exchange: Exchange | None
    problems: tuple[str, ...] = ()
    documented: tuple[str, ...] = ()
    checked_answers: int = 0
    nonconforming: tuple[str, ...] = ()
    examples: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class LiveRoutes:
    """Routes that answer, as "METHOD /path", by their template where the document has one.

    `catch_all` says that unknown paths do not answer 404, so that only known routes were tried.
    """

    found: tuple[str, ...] = ()
    catch_all: bool = False


@dataclass(frozen=True)
class CacheDrill:
    """The same row asked several times: header values say hit or miss; then once more after the declared life time."""

    asked: tuple[Answered, ...]
    header: str
    others: tuple[Answered, ...]
    after_ttl: Answered | None
    ttl_s: float | None
