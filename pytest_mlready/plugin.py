"""The entry point: options and the marker. Everything else is imported under `--mlready` only."""

from __future__ import annotations

from pytest import Config, Item, Parser, hookimpl, mark

MARKER = 'mlready(id=None, *, severity="must", why=""): the test joins the readiness report of `pytest --mlready`'
INACTIVE = "part of the readiness checklist: run `pytest --mlready`"


def pytest_addoption(parser: Parser) -> None:
    group = parser.getgroup("mlready", "readiness of a model service")
    add = group.addoption
    add("--mlready", action="store_true", help="judge the service of mlready.toml and the tests marked `mlready`")
    add("--mlready-url", metavar="URL", help="judge the running service at URL; no mlready.toml is needed")
    add("--mlready-base-command", metavar="CMD", help="compare latency with the version that CMD starts, with {port}")
    add("--mlready-base-url", metavar="URL", help="compare latency with the running version at URL; needs allow load")
    add("--mlready-allow", metavar="WHAT", help="what may be done to it, a comma list of: fuzz, load, deploy, kill")
    add("--mlready-profile", metavar="NAME", help="how much time there is: smoke (10 s), quick (60 s), full (8 min)")
    add("--mlready-report", metavar="DIR", help="where reports and evidence go (default: mlready-report)")
    add("--mlready-replay", metavar="DIR", help="judge the evidence saved in report directory DIR again, no traffic")
    add("--mlready-seed", metavar="N", type=int, default=7, help="seed of all generated inputs (default: 7)")
    add("--mlready-list", action="store_true", help="list every check: what it proves, what it needs")


@hookimpl(tryfirst=True)
def pytest_cmdline_main(config: Config) -> int | None:
    if not config.getoption("mlready_list"):
        return None
    from pytest_mlready.report import catalogue_list

    return catalogue_list.show()


def pytest_configure(config: Config) -> None:
    config.addinivalue_line("markers", MARKER)
    wanted = ("mlready", "mlready_url", "mlready_replay")
    if any(config.getoption(name) for name in wanted):
        from pytest_mlready import active

        active.activate(config)


def pytest_collection_modifyitems(config: Config, items: list[Item]) -> None:
    if config.pluginmanager.hasplugin("mlready-active"):
        return
    for item in items:
        names = getattr(item, "fixturenames", ())
        if item.get_closest_marker("mlready") or any(name.startswith("mlready") for name in names):
            item.add_marker(mark.skip(reason=INACTIVE))
