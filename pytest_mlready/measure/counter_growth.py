"""Did a counter of the exposition grow by the requests that were sent? Pure bookkeeping over scraped samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Samples = Sequence[tuple[str, Mapping[str, str], float]]
Series = tuple[str, tuple[tuple[str, str], ...]]

_NOT_COUNTERS = re.compile(r"(_bucket|_sum|_created|_info)$|^(python|process|go|jvm|dotnet)_")
_LIKELY = re.compile(r"request|predict|infer|http|call|invocation", re.IGNORECASE)
_STATUS = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE)


@dataclass(frozen=True)
class Growth:
    """How a family of series grew over a known number of requests.

    `by_status` is its growth by the statuses that were sent, None where no label tells them apart. `true` says that
    it equals what was sent, in all and by status.
    """

    name: str
    total: float
    by_status: Mapping[str, float] | None
    true: bool


def series(samples: Samples) -> dict[Series, float]:
    """The samples by name and labels."""
    return {(name, tuple(sorted(labels.items()))): value for name, labels, value in samples}


def growths(
    before: Samples, after: Samples, sent: Mapping[str, int], *, predict: str, metrics: str, scrapes: int
) -> list[Growth]:
    """The growth of every family that may count requests, likeliest first.

    Series of the metrics route itself are left out, and where some series name the predict route, all others are.
    A counter that tells no routes apart may have counted up to `scrapes` scrapes as well.
    """
    earlier, later = series(before), series(after)
    found = []
    for name in dict.fromkeys(name for name, _ in later):
        if _NOT_COUNTERS.search(name):
            continue
        grown = {key: value - earlier.get(key, 0.0) for key, value in later.items() if key[0] == name}
        grown = {key: delta for key, delta in grown.items() if not _names(key, metrics)}
        of_predict = {key: delta for key, delta in grown.items() if _names(key, predict)}
        found.append(_growth(name, of_predict or grown, sent, 0 if of_predict else scrapes))
    return sorted(found, key=lambda one: (not one.true, one.by_status is None, not _LIKELY.search(one.name)))


def likely(growth: Growth) -> bool:
    """Whether a family's name says that it counts requests or predictions."""
    return bool(_LIKELY.search(growth.name))


def _growth(name: str, grown: Mapping[Series, float], sent: Mapping[str, int], scrapes: int) -> Growth:
    total, wanted = sum(grown.values()), sum(sent.values())
    by_status: dict[str, float] | None = None
    label = _status_label(grown)
    if label is not None:
        by_status = dict.fromkeys(sent, 0.0)
        for (_, labels), delta in grown.items():
            value = dict(labels).get(label, "")
            for status in sent:
                if value == status or value.lower() == f"{status[0]}xx":
                    by_status[status] += delta
    true = wanted <= total <= wanted + scrapes
    if true and by_status is not None and not _classes_shared(grown, label, sent):
        true = all(sent[one] <= by_status[one] <= sent[one] + (scrapes if one == "200" else 0) for one in sent)
    return Growth(name, total, by_status, true)


def _status_label(grown: Mapping[Series, float]) -> str | None:
    """The label whose values are all statuses."""
    values: dict[str, set[str]] = {}
    for _, labels in grown:
        for name, value in labels:
            values.setdefault(name, set()).add(value)
    return next((name for name, seen in values.items() if all(map(_STATUS.fullmatch, seen))), None)


def _classes_shared(grown: Mapping[Series, float], label: str | None, sent: Mapping[str, int]) -> bool:
    """Whether two statuses that were sent fall into one class ("4xx") of the label, and so cannot be told apart."""
    by_class = any(dict(labels).get(label or "", "").lower().endswith("xx") for _, labels in grown)
    return by_class and len({status[0] for status in sent}) < len(sent)


def _names(key: Series, path: str) -> bool:
    words = {path.lower(), path.lower().strip("/")}
    return any(value.lower() in words or value.lower().strip("/") in words for _, value in key[1])
