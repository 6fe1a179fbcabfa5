"""Are labels explained by the probabilities beside them? By any sensible rule: a threshold is a decision, no fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlready.records import Answered, Label, Prediction

CONFIDENT = 0.5
"""The likeliest class leads by so much where a label shows which place of a list is its own."""
WITNESSES = 2
AGREEMENT = 0.75
"""So many confident answers, and this share of them, have to give a label the same place."""
TIE = 0.02
"""Two classes nearer than this may be a tie, by rounding or by calibration."""
ELSEWHERE = 0.25
"""Of what one class gains and another loses, so much may be gained or lost by further ones, whatever each costs."""
MOST_COMPARED = 300


@dataclass(frozen=True)
class _Labelled:
    """An answer with the place of its label among the probabilities."""

    answered: Answered
    place: int
    shares: tuple[float, ...]

    @property
    def top(self) -> int:
        """The place of the likeliest class."""
        return self.shares.index(max(self.shares))

    @property
    def lead(self) -> float:
        """How much likelier the likeliest class is than the label."""
        return max(self.shares) - self.shares[self.place]


def contradictions(predictions: Sequence[tuple[Answered, Prediction]]) -> list[tuple[Answered, str]]:
    """Answers whose labels no rule explains, each with what is wrong; none where no rule can be told from another."""
    labelled = _labelled(predictions)
    if not labelled:
        return []
    odd = _across_a_threshold(labelled) if len(labelled[0].shares) == 2 else _swapped(labelled)
    return [
        (
            one.answered,
            f"the label is of probability {one.shares[one.place]:.6g}, and elsewhere the likelier class is it",
        )
        for one in odd
    ]


def _across_a_threshold(labelled: Sequence[_Labelled]) -> list[_Labelled]:
    """Of two classes, the answers with the less likely label, where no threshold parts the labels.

    A threshold other than one half is a decision; one that goes both ways is a fault.
    """
    first, other = ([one for one in labelled if one.place == place] for place in (0, 1))
    if not first or not other or min(one.shares[0] for one in first) >= max(one.shares[0] for one in other):
        return []
    return [one for one in labelled if one.shares[one.place] < 0.5]


def _swapped(labelled: Sequence[_Labelled]) -> list[_Labelled]:
    """Of more classes, the answers with a less likely label, where two of them got each other's.

    One answer has label a though b is the likeliest, another has b though a is; and the second gives more to a than the
    first, less to b, and to the other classes about the same. Costs of mistakes, a threshold for each class, a class
    for doubtful rows, a median, a likelier group: no such rule takes a label away from a class that gained. Where most
    labels are not the likeliest class there is some other rule, and nothing is said.
    """
    odd = [one for one in labelled if one.lead > TIE]
    if 2 * len(odd) >= len(labelled):
        return []
    several = odd[:MOST_COMPARED]
    return odd if any(_has_the_others(one, other) for one in several for other in several) else []


def _has_the_others(one: _Labelled, other: _Labelled) -> bool:
    a, b = one.place, one.top
    if (other.place, other.top) != (b, a):
        return False
    moved = [after - before for before, after in zip(one.shares, other.shares, strict=True)]
    gained, lost = moved[a], -moved[b]
    others = sum(abs(share) for place, share in enumerate(moved) if place not in (a, b))
    return gained > TIE and lost > TIE and others <= ELSEWHERE * min(gained, lost)


def _labelled(predictions: Sequence[tuple[Answered, Prediction]]) -> list[_Labelled]:
    """Every answer whose label has a known place; none where the answers do not all have the same classes."""
    first = predictions[0][1]
    known = [(one, prediction, prediction.probabilities or ()) for one, prediction in predictions]
    if first.classes is None:
        if any(len(shares) != len(known[0][2]) or prediction.classes for _, prediction, shares in known):
            return []
        places = _places([(prediction.prediction, shares) for _, prediction, shares in known])
        return [
            _Labelled(one, places[prediction.prediction], shares)
            for one, prediction, shares in known
            if prediction.prediction in places
        ]
    made = []
    for one, prediction, shares in known:
        by_name = dict(zip(prediction.classes or (), shares, strict=True))
        if set(by_name) != set(first.classes) or prediction.prediction not in first.classes:
            return []
        ordered = tuple(by_name[name] for name in first.classes)
        made.append(_Labelled(one, first.classes.index(str(prediction.prediction)), ordered))
    return made


def _places(answers: Sequence[tuple[Label, tuple[float, ...]]]) -> dict[Label, int]:
    """The place of each label in an unnamed list, where the confident answers leave no doubt of it."""
    if len(answers[0][1]) < 2:
        return {}
    seen: dict[Label, Counter[int]] = {}
    for label, shares in answers:
        second, highest = sorted(shares)[-2:]
        if highest - second >= CONFIDENT:
            seen.setdefault(label, Counter())[shares.index(highest)] += 1
    places: dict[Label, int] = {}
    for label, counted in seen.items():
        ((place, count),) = counted.most_common(1)
        if count < WITNESSES or count < AGREEMENT * counted.total() or place in places.values():
            return {}
        places[label] = place
    if len(places) < 2:
        return {}
    counted_from_zero = all(type(label) is int and label == place for label, place in places.items())
    return {place: place for place in range(len(answers[0][1]))} if counted_from_zero else places
