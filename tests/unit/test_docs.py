"""The generated pages say what the code says."""

import importlib.util
from pathlib import Path

from pytest import mark

BUILD = Path(__file__).parents[2] / "docs" / "build.py"
spec = importlib.util.spec_from_file_location("docs_build", BUILD)
if spec is None or spec.loader is None:
    raise ImportError(BUILD)
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


@mark.parametrize("name", list(build.pages()))
def test_page_is_current(name: str) -> None:
    written = (BUILD.parent / name).read_text("utf-8")
    assert written == build.pages()[name], "run `python docs/build.py`"


def test_quick_fits_its_minute() -> None:
    """The budgets of a profile leave room for starting the service."""
    last = build.budgets().splitlines()[-1]
    smoke, quick, full = (float(cell) for cell in last.split("|")[4:7])
    assert smoke <= 25
    assert quick <= 60
    assert full <= 8 * 60
