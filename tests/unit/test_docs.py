"""The generated pages say what the code says."""

import importlib.util
from pathlib import Path

from pytest import mark

from pytest_mlready.catalogue import checks
from pytest_mlready.schedule import SCHEDULE
from pytest_mlready.settings import Profile, load

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
    """The project's own checklist claims nearly everything, and most evidence is there well before its time is up."""
    settings = load(BUILD.parents[1] / "mlready.toml")
    asked = {one.name for check in checks().values() if check.unmet(settings) is None for one in check.evidence}

    def seconds(profile: Profile) -> float:
        wanted = [one for one in SCHEDULE.evidence.values() if one.name in asked and one.in_profile(profile)]
        return sum(one.budget_s(profile) for one in wanted)

    assert seconds("smoke") <= 25
    assert seconds("quick") <= 65
    assert seconds("full") <= 8 * 60
