"""`pytest --mlready-list`: the catalogue on the terminal."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator

from pytest_mlready.catalogue import NEEDS, Check, checks
from pytest_mlready.settings import PROFILES, Settings


def show() -> int:
    """Print the catalogue instead of running anything; the exit status is 0."""
    for line in lines():
        print(line)
    return 0


def lines() -> Iterator[str]:
    """Every check with what it proves and needs, then every default."""
    made = sorted(checks().values(), key=lambda one: one.id)
    for family in dict.fromkeys(one.family for one in made):
        yield f"{family}"
        for one in made:
            if one.family == family:
                yield f"  {one.id:<36} {one.severity:<6} from {_profile(one):<6} {one.holds}"
                if needs := _needs(one):
                    yield f"  {'':<36} needs {needs}"
    yield ""
    yield "defaults of mlready.toml"
    for name, hint in typing.get_type_hints(Settings).items():
        table = next((one for one in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(one)), None)
        if isinstance(table, type) and name not in {"waive", "attest"}:
            for key in dataclasses.fields(table):
                if key.default is not dataclasses.MISSING and key.default is not None:
                    yield f"  {name}.{key.name} = {key.default!r}"
    yield f"{len(made)} checks"


def _profile(check: Check) -> str:
    return next(one for one in PROFILES if check.in_profile(one))


def _needs(check: Check) -> str:
    declared = (*check.needs, *(need for one in check.evidence for need in one.needs))
    wanted = [NEEDS[need][1] for need in dict.fromkeys(declared)]
    wanted += [f'allow "{one.permission}"' for one in check.evidence if one.permission]
    wanted += ["[service] command"] if any(one.fresh for one in check.evidence) else []
    wanted += [one.program.install for one in check.evidence if one.program is not None]
    return "; ".join(dict.fromkeys(wanted))
