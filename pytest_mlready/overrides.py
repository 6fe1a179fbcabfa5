"""Where users may override our fixtures: in the root conftest, which every check sees."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from pytest import Config, Item, Module, UsageError


def refuse_misplaced(config: Config, items: list[Item]) -> None:
    """Raise UsageError if an `mlready_*` fixture is overridden where the checks cannot see it."""
    modules = [plugin for plugin in config.pluginmanager.get_plugins() if _is_conftest(plugin)]
    modules += {module.obj for item in items if (module := item.getparent(Module)) is not None}
    for module in modules:
        path = Path(str(module.__file__))
        if path == config.rootpath / "conftest.py":
            continue
        for name, value in vars(module).items():
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
