"""From the command line to a run: which settings, which checks, which target."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

from pytest import Config, Item, mark

from pytest_mlready import found_rows
from pytest_mlready import settings as settings_module
from pytest_mlready.checklist import Plan, plan
from pytest_mlready.collect import has_timeouts
from pytest_mlready.inputs import read_rows
from pytest_mlready.run import Run
from pytest_mlready.settings import PERMISSIONS, PROFILES, Base, Permission, Profile, Service, Settings, SettingsError

FILE = "mlready.toml"


@dataclass(frozen=True)
class Selection:
    """What the command line asks for.

    `file` is the settings file (None: a bare `--mlready-url`), `named` the check ids asked for by node id; `inject`
    says that checks are added without a collected file, as if from `virtual_file`.
    """

    file: Path | None
    virtual_file: Path
    named: frozenset[str]
    inject: bool


def select(config: Config) -> Selection:
    """Find the settings file, and the checks named by node id.

    Without path arguments the root's file is used, also when `testpaths` or the working directory lie elsewhere. A
    settings file among the arguments is used instead; else the one nearest above the paths that were named.

    Raises:
        SettingsError: no file and no URL, two files, or a directory that pytest takes for its root.
    """
    _refuse_separate_words(config)
    root_file = config.rootpath / FILE
    asked = config.args_source is Config.ArgsSource.ARGS
    paths = [_split(argument, config) for argument in config.args] if asked else []
    named = frozenset(check for path, check in paths if path.suffix == ".toml" and check)
    named_files = {path for path, _ in paths if path.suffix == ".toml"} or {
        _nearest_above(path, config.rootpath) for path, _ in paths
    }
    if len(named_files) > 1:
        raise SettingsError(f"one service at a time, not {', '.join(sorted(map(str, named_files)))}")
    file = next(iter(named_files), root_file)
    if file.is_file():
        below = config.args_source is Config.ArgsSource.TESTPATHS or config.invocation_params.dir != config.rootpath
        if below and not asked:
            config.args.append(str(file))
        return Selection(file, file, named, inject=False)
    if config.getoption("mlready_url") is None:
        raise SettingsError(f"no {file}: write one (only [service] is required), or give --mlready-url URL")
    config.args[:] = [argument for argument in config.args if _split(argument, config)[0] != file]
    return Selection(None, file, named, inject=not asked or bool(named))


def prepare(config: Config, selection: Selection) -> tuple[Run, Plan]:
    """Read the settings, apply the options, and plan. Raises SettingsError."""
    settings = _with_options(config, selection)
    profile = _profile(config.getoption("mlready_profile") or settings.profile)
    replay = config.getoption("mlready_replay")
    directory = report_directory(config)
    evidence = (Path(config.invocation_params.dir, replay) if replay else directory) / "evidence"
    if replay and not evidence.is_dir():
        raise SettingsError(f"--mlready-replay: {evidence} does not exist; give the report directory of an earlier run")
    rows = read_rows(settings)
    if replay or hasattr(config, "workerinput"):
        settings, found = found_rows.kept(settings, evidence)
        rows = rows or found
    run = Run(
        settings,
        profile,
        config.getoption("mlready_seed"),
        rows,
        directory,
        evidence,
        replay=bool(replay),
    )
    if not rows and not replay:  # the target is not asked yet; `planned_again` knows what it publishes
        plan(found_rows.assumed(settings), profile, named=selection.named)
        return run, plan(settings, profile)
    return run, plan(settings, profile, named=selection.named)


def planned_again(run: Run, selection: Selection) -> Plan:
    """The plan of a run without declared rows, now that its target was asked for examples. Raises SettingsError."""
    found_rows.find(run)
    return plan(run.settings, run.profile, named=selection.named)


def report_directory(config: Config) -> Path:
    """Where this run's reports go; a replay leaves those of the run that it judges again alone."""
    named, replay = config.getoption("mlready_report"), config.getoption("mlready_replay")
    default = f"{replay}/replay" if replay else config.rootpath / "mlready-report"
    return Path(config.invocation_params.dir, named or default)


def report_unusable(config: Config, problem: str) -> None:
    """Write a report that says why there was no run, so that no earlier READY is taken for this one's."""
    if not hasattr(config, "workerinput"):
        from pytest_mlready.outcome import write_unusable

        write_unusable(report_directory(config), problem)


def exempt_gathering_from_timeout(item: Item) -> None:
    """Evidence has budgets of its own, which pytest-timeout would count as the test's time."""
    asks = any(name.startswith("mlready") for name in getattr(item, "fixturenames", ()))
    if asks and has_timeouts(item.config):
        own = item.get_closest_marker("timeout")
        arguments, options = (own.args, own.kwargs) if own else ((), {})
        item.add_marker(mark.timeout(*arguments, **{**options, "func_only": True}), append=False)


def _refuse_separate_words(config: Config) -> None:
    """pytest looks for its root above every word that is a path, ours included, before it knows our options."""
    words = [str(word) for word in config.invocation_params.args]
    for option in ("--mlready-report", "--mlready-replay"):
        for value in (after for word, after in pairwise(words) if word == option):
            path = Path(config.invocation_params.dir, value).resolve()
            if config.rootpath == path or not path.is_relative_to(config.rootpath):
                raise SettingsError(f"write {option}={value}: pytest would take {value} for its root directory")


def _nearest_above(path: Path, root: Path) -> Path:
    for directory in (path, *path.parents):
        if directory == root or not directory.is_relative_to(root):
            break
        if (directory / FILE).is_file():
            return directory / FILE
    return root / FILE


def _split(argument: str, config: Config) -> tuple[Path, str]:
    path, _, check = argument.partition("::")
    return Path(os.path.normpath(Path(config.invocation_params.dir, path))), check


def _with_options(config: Config, selection: Selection) -> Settings:
    url = config.getoption("mlready_url")
    if selection.file is not None:
        settings = settings_module.load(selection.file)
    else:
        settings = settings_module.parse({"service": {"url": url}}, source="--mlready-url", directory=config.rootpath)
    if url is not None and settings.service.url != url:
        service = replace(settings.service, command=None, url=url, allow=None)
        settings_module.parse({"service": {"url": url}}, source="--mlready-url", directory=config.rootpath)
        settings = replace(settings, service=service)
    allow = config.getoption("mlready_allow")
    if allow is not None:
        settings = replace(settings, service=_allowing(settings.service, allow))
    return _with_base(config, settings)


def _with_base(config: Config, settings: Settings) -> Settings:
    """The base of the command line takes the place of that of the file, whose ratios stay."""
    command, url = config.getoption("mlready_base_command"), config.getoption("mlready_base_url")
    if command is None and url is None:
        return settings
    if command is not None and url is not None:
        raise SettingsError("give one of --mlready-base-command and --mlready-base-url")
    if url is not None:
        settings_module.parse({"service": {"url": url}}, source="--mlready-base-url", directory=config.rootpath)
    released = "load" in _words(config.getoption("mlready_allow") or "")
    allow: tuple[Literal["load"], ...] = ("load",) if released else ()
    return replace(settings, base=replace(settings.base or Base(), command=command, url=url, allow=allow))


def _allowing(service: Service, allow: str) -> Service:
    words = _words(allow)
    if unknown := [word for word in words if word not in PERMISSIONS]:
        raise SettingsError(f"--mlready-allow: expected a comma list of {', '.join(PERMISSIONS)}, not {unknown[0]!r}")
    return replace(service, allow=cast(tuple[Permission, ...], words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise SettingsError(f"--mlready-profile: expected one of {', '.join(PROFILES)}, not {name!r}")
    return name
