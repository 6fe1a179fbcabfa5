"""Writes the generated pages of this directory: `python docs/build.py`. A test keeps them current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_mlready.catalogue import NEEDS, Check, checks
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.settings import PROFILES, Profile

HERE = Path(__file__).parent


def catalogue() -> str:
    """Every check: what must hold, why, what it needs, what to do."""
    return "\n".join(_catalogue()) + "\n"


def budgets() -> str:
    """Every kind of evidence with its seconds by profile."""
    return "\n".join(_budgets()) + "\n"


def pages() -> dict[str, str]:
    """The generated pages by file name."""
    return {"catalogue.md": catalogue(), "budgets.md": budgets()}


def _catalogue() -> Iterator[str]:
    made = sorted(checks().values(), key=lambda one: one.id)
    yield "# The checks"
    yield ""
    yield f"{len(made)} checks. Only a `must` blocks a release. `pytest --mlready-list` prints the same."
    for family in dict.fromkeys(one.family for one in made):
        yield ""
        yield f"## {family}"
        for one in made:
            if one.family == family:
                yield ""
                yield f"### {one.id}"
                yield ""
                yield f"{one.severity}, from profile {_first_profile(one)}. {one.holds}"
                yield ""
                yield f"Why: {one.why}"
                yield ""
                yield f"Remedy: {one.remedy}"
                if needs := _needs(one):
                    yield ""
                    yield f"Needs: {'; '.join(f'`{need}`' for need in needs)}"


def _needs(check: Check) -> list[str]:
    declared = (*check.needs, *(need for one in check.evidence for need in one.needs))
    wanted = [NEEDS[need][1] for need in declared]
    wanted += [f'[service] allow = ["{one.permission}"]' for one in check.evidence if one.permission]
    wanted += ['[service] command = "…{port}…"'] if any(one.fresh for one in check.evidence) else []
    return list(dict.fromkeys(wanted))


def _first_profile(check: Check) -> Profile:
    return next(one for one in PROFILES if check.in_profile(one))


def _budgets() -> Iterator[str]:
    yield "# Time budgets"
    yield ""
    yield "Seconds that each kind of evidence may take, by profile; `–`: deferred. Evidence is gathered once per run,"
    yield "and only if a selected check asks for it; of `rollback_drill` only the parts that selected checks read."
    yield "`shared` evidence may overlap; `load` and `destructive` evidence overlaps nothing; `fresh` starts an"
    yield "instance of its own. `paired_load`, which needs a base, is not in the sum."
    yield ""
    yield "| evidence | turn | fresh | " + " | ".join(PROFILES) + " |"
    yield "|---|---|---|" + "---|" * len(PROFILES)
    total = dict.fromkeys(PROFILES, 0.0)
    for one in SCHEDULE.evidence.values():
        if one.turn == "closing":
            continue
        cells = []
        for profile in PROFILES:
            counts = one.in_profile(profile) and "base" not in one.needs
            total[profile] += one.budget_s(profile) if counts else 0.0
            cells.append(f"{one.budget_s(profile):g}" if one.in_profile(profile) else "–")
        yield f"| {one.name} | {one.turn} | {'yes' if one.fresh else ''} | " + " | ".join(cells) + " |"
    yield "| **all** | | | " + " | ".join(f"{total[profile]:g}" for profile in PROFILES) + " |"


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
