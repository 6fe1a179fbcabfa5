"""Which checks a run makes: claimed, permitted, in time; and why the others are not made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pytest_mlready.catalogue import ALWAYS_CLAIMED, Check, checks, families
from pytest_mlready.finding import Finding, Status
from pytest_mlready.settings import Profile, Settings, SettingsError, nearest


@dataclass(frozen=True)
class Plan:
    """The checks to make as test items, those judged when the run closes, and a finding for each that is not made.

    `attested` are checks that cannot be made here and that a person vouches for: items too.
    """

    items: tuple[Check, ...]
    closing: tuple[Check, ...]
    listed: tuple[Finding, ...]
    attested: frozenset[str] = frozenset()


def plan(settings: Settings, profile: Profile, *, named: Collection[str] = ()) -> Plan:
    """Sort the catalogue into what is made and what is not, and why.

    Args:
        settings: the parsed `mlready.toml`.
        profile: how much time there is.
        named: ids that the user asked for by node id: made even if the profile would defer them.

    Raises:
        SettingsError: a named check is unknown or unclaimed; `gate.require` or a waiver names what does not exist.
    """
    _refuse_unknown_names(settings, named)
    items, closing, listed, attested = [], [], [], set()
    for check in checks().values():
        if check.closing:
            closing.append(check)
            continue
        missing, absent = check.unmet(settings), check.not_installed()
        if missing is None and absent is None and (check.in_profile(profile) or check.id in named):
            items.append(check)
        elif check.id in settings.attest:
            items.append(check)
            attested.add(check.id)
        elif missing is not None:
            if check.id in named:
                raise SettingsError(f"{check.id} is unclaimed; add to mlready.toml: {missing}")
            listed.append(check.sign(Finding(Status.UNCLAIMED, f"add to mlready.toml: {missing}")))
        else:
            if absent is not None and check.id in named:
                raise SettingsError(f"{check.id} {absent}")
            why = f"not in profile {profile}" if absent is None or not check.in_profile(profile) else absent
            listed.append(check.sign(Finding(Status.DEFERRED, why)))
    return Plan(tuple(items), tuple(closing), tuple(listed), frozenset(attested))


def unclaimed_families(settings: Settings) -> tuple[str, ...]:
    """The families whose table does not stand in the file."""
    return tuple(one for one in families() if one not in ALWAYS_CLAIMED and getattr(settings, one, None) is None)


def _refuse_unknown_names(settings: Settings, named: Collection[str]) -> None:
    known = checks()
    for name in named:
        if name not in known:
            raise SettingsError(f"no check {name!r}{nearest(name, list(known))}")
        if known[name].closing:
            raise SettingsError(f"{name} is judged whenever a run closes; it cannot be named alone")
    for name in settings.gate.require:
        if name not in known and name not in set(families()):
            raise SettingsError(f"gate.require: no family or check {name!r}{nearest(name, [*families(), *known])}")
    for table, entries in (("waive", settings.waive), ("attest", settings.attest)):
        for name in entries:
            if name.partition(".")[0] in set(families()) and name not in known:
                raise SettingsError(f'{table}."{name}": no such check{nearest(name, list(known))}')
