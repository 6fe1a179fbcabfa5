"""Freezes: spans of time in which a service answers nobody, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_WAITING = 3
"""Requests that must wait, sent while nobody was answered: one or two may be slow by themselves."""


@dataclass(frozen=True)
class Stalls:
    """The freezes of a run.

    `lengths_s` are those longer than `threshold_s`, in order of time; `share` the part of the time that they took, with
    one-sided bounds `interval`. `longest_s` is the longest span in which several waited for half of the threshold.
    """

    lengths_s: tuple[float, ...]
    threshold_s: float
    share: float
    interval: tuple[float, float]
    longest_s: float


def stalls(
    sent_s: ArrayLike,
    done_s: ArrayLike,
    answered: ArrayLike,
    *,
    threshold_s: float,
    duration_s: float,
    alpha: float = 0.05,
) -> Stalls:
    """Find the spans longer than `threshold_s` in which nobody was answered although requests waited.

    `sent_s` and `done_s` (seconds, shape (n,)) say when each request was really sent (`inf`: never) and when it ended,
    `answered` whether by an answer. Requests that a client sends only at the end of a span show that the client itself
    stood still: so at least three must have been sent while half of the threshold was still to come. A service whose
    usual time of answering is longer than half of the threshold is given twice that time.
    """
    was_sent = np.isfinite(np.asarray(sent_s, dtype=np.float64))
    sent, done = np.asarray(sent_s, dtype=np.float64)[was_sent], np.asarray(done_s, dtype=np.float64)[was_sent]
    by_answer = np.asarray(answered, dtype=np.bool_)[was_sent]
    if by_answer.any():
        threshold_s = max(threshold_s, 2 * float(np.median((done - sent)[by_answer])))
    waited = done - sent >= threshold_s / 2
    spans = _silent(sent[waited], done[waited], np.sort(done[by_answer]), threshold_s / 2, duration_s)
    lengths = spans[spans > threshold_s]
    low, high = _share_bounds(lengths, duration_s, alpha)
    longest = float(spans.max(initial=0.0))
    return Stalls(tuple(lengths.tolist()), threshold_s, float(lengths.sum()) / duration_s, (low, high), longest)


def _silent(sent: Array, done: Array, answers: Array, half_s: float, duration_s: float) -> Array:
    """Lengths of the spans between answers in which requests waited, each from the first that did; else 0."""
    begins = np.concatenate([[0.0], answers])
    ends = np.append(answers, max(duration_s, answers[-1] if answers.size else 0.0))
    sent, done = np.sort(sent), np.sort(done)
    before = np.searchsorted(sent, begins, side="right")
    waiting = np.searchsorted(sent, ends - half_s, side="right") - before
    outstanding = before > np.searchsorted(done, begins, side="right")
    first = np.append(sent, np.inf)[before]
    return np.where(waiting >= _WAITING, ends - np.where(outstanding, begins, first), 0.0)


def _share_bounds(lengths: Array, duration_s: float, alpha: float) -> tuple[float, float]:
    """Bounds on the share of the time: freezes come by a Poisson process and have unequal lengths.

    The scaled Poisson of Bohm and Zech (NIM A 748, 2014): (Σl)²/Σl² events of length Σl²/Σl.
    """
    if not lengths.size:
        return 0.0, 1.0
    total, squares = float(lengths.sum()), float(np.square(lengths).sum())
    events, length = total**2 / squares, squares / total
    low = float(scipy.special.gammaincinv(events, alpha)) * length / duration_s
    high = float(scipy.special.gammainccinv(events + 1, alpha)) * length / duration_s
    return low, min(1.0, high)
