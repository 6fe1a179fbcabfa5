"""Where users may override our fixtures: in the root conftest, which every check sees."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from pytest import Class, Config, Item, Module, UsageError


def refuse_misplaced(config: Config, items: list[Item]) -> None:
    """Raise UsageError if an `mlready_*` fixture is overridden where the checks cannot see it."""
    seen: list[object] = [plugin for plugin in config.pluginmanager.get_plugins() if _is_conftest(plugin)]
    nodes = (item.getparent(kind) for item in items for kind in (Module, Class))
    seen += {node.obj: None for node in nodes if node is not None}
    for holder in seen:
        module = holder if isinstance(holder, ModuleType) else sys.modules[holder.__module__]
        path = Path(str(module.__file__))
        if path == config.rootpath / "conftest.py":
            continue
        for name, value in vars(holder).items():
            if type(value).__name__ != "FixtureFunctionDefinition":
                continue
            fixture_name = value.name or name
            if fixture_name == "mlready" or fixture_name.startswith("mlready_"):
                raise UsageError(
                    f"mlready: {path} overrides the fixture {fixture_name!r}, where the checks do not see it: "
                    f"move it to {config.rootpath / 'conftest.py'}"
                )


def _is_conftest(plugin: object) -> bool:
    return isinstance(plugin, ModuleType) and Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"
