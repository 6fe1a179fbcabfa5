"""Which version serves and how that is changed: one small interface and its implementations."""

from pytest_mlready.deployment.interface import Acknowledged, Deployment, Refused, Unanswered, holding, moved, remembers
from pytest_mlready.deployment.making import Recipe, by_hand, make

__all__ = [
    "Acknowledged",
    "Deployment",
    "Recipe",
    "Refused",
    "Unanswered",
    "by_hand",
    "holding",
    "make",
    "moved",
    "remembers",
]
