"""Loan applicants, all of them invented: will a loan be repaid?

scikit-learn ships no data set with categories, missing values and a protected group, and none should be downloaded to
train an example. So these rows come from a documented model of how they might come about, and are like real ones only
in kind: they say nothing about any person, bank or group of people.

What they are good for:

- Sex is no input of the model and has no bearing on anything; it stands beside the rows. Applicants with the same
  outcome, and about the same probability of it, are paired, and one of each pair is a woman. So the error rates of an
  honest model are nearly equal by construction, nearer than chance would have them, and a gap was made by somebody.
- Income and years of employment are sometimes unknown, the income of the self-employed more often.
- Even the truth is uncertain: the outcome is drawn with the probability that `_chance` computes, so no model can do
  much better than the published ones, whose area under the ROC curve is about 0.8.
- The rows are the same on every machine: they are made of the raw bits of PCG64, which NumPy promises not to change, by
  interpolation in tables, and rounded as people state such figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reference_service.model.columns import CATEGORY, Column
from reference_service.training.datasets import Dataset, Protected, digest_of

Numbers = NDArray[np.float64]
Texts = NDArray[np.str_]
SEED = 11
APPLICANTS = 6_000
TRAINED_ON = 3_000
SOURCE = f"{__name__}: synthetic applicants, no real persons (PCG64, seed {SEED})"
REPAID, DEFAULTED = "repaid", "defaulted"
WOMAN, MAN = "female", "male"

COLUMNS = (
    Column("age"),
    Column("income", nullable=True),
    Column("years_employed", nullable=True),
    Column("loan_amount"),
    Column("duration_months"),
    Column("open_loans"),
    Column("purpose", CATEGORY),
    Column("housing", CATEGORY),
    Column("employment", CATEGORY),
    Column("region", CATEGORY),
)

# What a distribution is like: values at quantiles with straight lines between them, or shares of categories.
_AGES = {0.0: 18, 0.1: 23, 0.3: 30, 0.5: 38, 0.7: 47, 0.9: 60, 1.0: 79}
_INCOMES = {0.0: 900, 0.1: 1500, 0.3: 2100, 0.5: 2700, 0.7: 3500, 0.9: 5400, 0.98: 9000, 1.0: 18000}
_AMOUNTS = {0.0: 500, 0.1: 1500, 0.3: 4000, 0.5: 8000, 0.7: 14000, 0.9: 27000, 1.0: 60000}
_BURDENS = {0.0: 0.02, 0.2: 0.06, 0.5: 0.12, 0.8: 0.24, 0.95: 0.45, 1.0: 0.9}
_OPEN_LOANS = {0.0: 0, 0.46: 0.5, 0.75: 1.5, 0.89: 2.5, 0.96: 3.5, 1.0: 5.5}
_PURPOSES = {"car": 0.34, "furniture": 0.2, "renovation": 0.17, "education": 0.12, "business": 0.1, "holiday": 0.07}
_HOUSING = {"rent": 0.48, "own": 0.38, "with family": 0.14}
_EMPLOYMENT = {"permanent": 0.62, "temporary": 0.18, "self-employed": 0.14, "none": 0.06}
_REGIONS = {"north": 0.21, "east": 0.18, "south": 0.27, "west": 0.26, "islands": 0.08}
_PAY = {"permanent": 1.0, "temporary": 0.8, "self-employed": 1.15, "none": 0.45}


def credit() -> Dataset:
    """Will a loan be repaid? 6,000 invented applicants, 6 numbers and 4 categories; half of the rows are held out."""
    bits = np.random.PCG64(SEED).random_raw(APPLICANTS * 14).reshape(14, APPLICANTS)
    draws: list[Numbers] = list((bits >> np.uint64(11)) * 2.0**-53)  # each is used for one thing only
    purpose, housing = _choice(_PURPOSES, draws[0]), _choice(_HOUSING, draws[1])
    employment, region = _choice(_EMPLOYMENT, draws[2]), _choice(_REGIONS, draws[3])
    age = np.round(_at(_AGES, draws[4]))
    pay = _effect(employment, _PAY) * (0.75 + 0.25 * np.minimum(age, 45) / 45)
    income = np.round(_at(_INCOMES, draws[5]) * pay / 10) * 10
    years = np.where(employment == "none", 0.0, np.round(np.minimum(age - 17, 40) * draws[6] ** 2, 1))
    amount = np.round(_at(_AMOUNTS, draws[7]) / 100) * 100
    months = np.clip(np.ceil(amount / (income * _at(_BURDENS, draws[8])) / 6) * 6, 6, 84)
    others = np.round(_at(_OPEN_LOANS, draws[9]))
    chance = _chance(age, amount / months / income, years, others, purpose, housing, employment)
    outcome = np.where(draws[10] < chance, REPAID, DEFAULTED)
    columns = (age, income, years, amount, months, others, purpose, housing, employment, region)
    rows = np.column_stack([column.astype(object) for column in columns])
    rows[draws[11] < np.where(employment == "self-employed", 0.2, 0.05), 1] = None
    rows[draws[12] < 0.06, 2] = None
    seen, held_out = slice(TRAINED_ON), slice(TRAINED_ON, None)
    sex = [_paired(chance[part], outcome[part], draws[13][part]) for part in (seen, held_out)]
    return Dataset(
        SOURCE,
        "outcome",
        COLUMNS,
        rows[seen],
        outcome[seen],
        rows[held_out],
        outcome[held_out],
        digest_of(rows, outcome),
        Protected("sex", *sex),
    )


def _chance(
    age: Numbers, burden: Numbers, years: Numbers, others: Numbers, purpose: Texts, housing: Texts, employment: Texts
) -> Numbers:
    """How probable it is that a loan is repaid: a heavy burden, other loans and an unsteady life speak against."""
    score = 2.6 - 8.0 * np.minimum(burden, 0.8) - 0.7 * others + 0.09 * np.minimum(years, 15.0)
    score -= np.where((age < 25) & (burden > 0.15), 0.9, 0.0)
    score += _effect(purpose, {"business": -0.7, "holiday": -0.5, "education": 0.3})
    score += _effect(housing, {"own": 0.6, "with family": -0.3})
    score += _effect(employment, {"none": -1.5, "temporary": -0.8, "self-employed": -0.5})
    found: Numbers = 1 / (1 + np.exp(-score))
    return found


def _paired(chance: Numbers, outcome: Texts, draw: Numbers) -> Texts:
    """The sex of each applicant: of two neighbours by outcome and chance one is a woman and one a man."""
    order = np.lexsort((chance, outcome))
    first, second = order[0::2], order[1::2]
    sex = np.empty(len(order), dtype="U6")
    sex[first] = np.where(draw[first] < 0.5, WOMAN, MAN)
    sex[second] = np.where(draw[first] < 0.5, MAN, WOMAN)
    return sex


def _at(quantiles: Mapping[float, float], draw: Numbers) -> Numbers:
    return np.interp(draw, list(quantiles), list(quantiles.values()))


def _choice(shares: Mapping[str, float], draw: Numbers) -> Texts:
    ends = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(ends, draw, side="right")]


def _effect(texts: Texts, effects: Mapping[str, float]) -> Numbers:
    return np.array([effects.get(text, 0.0) for text in texts.tolist()])
