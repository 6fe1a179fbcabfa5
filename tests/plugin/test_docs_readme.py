"""What the guide and the README show is what the plugin takes: settings, options, fixtures, commands."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

from pytest import mark, raises

from pytest_mlready import fixtures
from pytest_mlready.catalogue import checks
from pytest_mlready.settings import Settings, SettingsError, parse
from tests.plugin.project import ROOT, Project

PAGES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "docs/guide.md", "docs/catalogue.md")}
WRITTEN = {name: text for name, text in PAGES.items() if name != "docs/catalogue.md"}
MADE_UP = {"security.rate_limit"}
"""Checks named in examples that are not in the catalogue, yet."""


def blocks(language: str) -> list[tuple[str, str]]:
    """(page and number, content) of every fenced block of a language."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(f"{name} {i}", text) for name, page in WRITTEN.items() for i, text in enumerate(fence.findall(page))]


def settings(text: str) -> Settings:
    """A block as settings."""
    return parse(tomllib.loads(text), source="a page", directory=Path())


TOML = {name: text for name, text in blocks("toml") if "[service]" in text}
TABLES = {name: text for name, text in blocks("toml") if "[service]" not in text}


def test_both_pages_show_settings() -> None:
    assert {name.split()[0] for name in TOML} == {"README.md", "docs/guide.md"}


@mark.parametrize("name", TOML)
def test_settings_shown_are_settings(name: str) -> None:
    assert settings(TOML[name]).service.command


@mark.parametrize("name", TABLES)
def test_a_table_shown_alone_is_of_the_settings(name: str) -> None:
    assert settings(f'[service]\ncommand = "serve {{port}}"\n{TABLES[name]}')
    with raises(SettingsError, match="unknown key"):
        settings(f'[service]\ncommand = "serve {{port}}"\n{TABLES[name]}\nslip = 1')


@mark.parametrize("name", TOML)
def test_a_slip_in_settings_shown_would_be_seen(name: str) -> None:
    with raises(SettingsError, match=r"unknown key 'inputs\.rowz'; did you mean 'rows'"):
        settings(TOML[name].replace("\nrows =", "\nrowz ="))


def test_the_guide_shows_every_table() -> None:
    shown = {key for name, text in TOML.items() if "guide" in name for key in tomllib.loads(text)}
    assert set(vars(Settings(service=settings(next(iter(TOML.values()))).service))) - shown <= {
        "directory",
        "contract",
        "lifecycle",
    }


@mark.parametrize("name", TOML)
def test_what_the_examples_require_exists(name: str) -> None:
    shown = settings(TOML[name])
    families = {one.id.partition(".")[0] for one in checks().values()}
    for word in (*shown.gate.require, *shown.waive, *shown.attest):
        assert word in {*families, *checks(), *MADE_UP}


def test_what_is_made_up_is_not_there() -> None:
    assert not MADE_UP & set(checks())


def test_every_option_named_exists_and_every_option_is_named(project: Project) -> None:
    known = {"--mlready-toml", *re.findall(r"--mlready[\w-]*", project.run_plain("--help").output)}  # that is Locust's
    named = {name: set(re.findall(r"--mlready[\w-]*", text)) for name, text in PAGES.items()}
    assert named["README.md"] | named["docs/guide.md"] | named["docs/catalogue.md"] <= known
    assert known <= named["docs/guide.md"]


def test_every_fixture_named_exists() -> None:
    text = "\n".join(WRITTEN.values())
    named = set(re.findall(r"\bmlready_\w+", text))
    assert "mlready_predict" in named
    assert named <= set(vars(fixtures))


def test_every_check_named_exists() -> None:
    families = {one.partition(".")[0] for one in checks()}
    named = set(re.findall(rf"(?<!\[)\b(?:{'|'.join(families)})\.[a-z0-9_]+\b", "\n".join(WRITTEN.values())))
    assert "latency.p99" in named
    assert named <= set(checks())


LINKS = [(name, link) for name, text in PAGES.items() for link in re.findall(r"\]\(([^)#:]+)\)", text)]


@mark.parametrize(("name", "link"), LINKS)
def test_every_path_linked_exists(name: str, link: str) -> None:
    assert (ROOT / name).parent.joinpath(link).exists()


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make (\w+)", "\n".join(WRITTEN.values()), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_extra_installed_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = {one for group in re.findall(r"pytest-mlready\[([\w,]+)\]", PAGES["README.md"]) for one in group.split(",")}
    assert named
    assert named <= set(extras)


def test_the_test_shown_runs(project: Project) -> None:
    [source] = [text for _, text in blocks("python") if "team.tax_rule" in text]
    assert shlex.split(source.partition("(")[0])[0] == "@pytest.mark.mlready"
    project.file("rows.csv", (project.path / "rows.csv").read_text().replace("x0,", "income,"))
    project.tests(source)
    ran = project.run()
    assert (ran.exit_code, ran.statuses["team.tax_rule"]) == (0, "pass"), ran.output
    measured = ran.check("team.tax_rule")["measurement"]
    assert (measured["unit"], measured["limit"]) == ("EUR", 0)
