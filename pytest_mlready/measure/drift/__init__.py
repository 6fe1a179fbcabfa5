"""Drift between a reference and current data, told from profiles of both: nothing here reads a file or a frame.

`planned` says what to count, `profiled` counts a part of the rows, parts are added with `+`, `judge` compares two
profiles, `encode` and `decode` store one. `pytest_mlready.profiling` does all that for frames and files.
"""

from pytest_mlready.measure.drift.alarm import Alarm
from pytest_mlready.measure.drift.document import decode, encode, from_plain, to_plain
from pytest_mlready.measure.drift.pairs import steps
from pytest_mlready.measure.drift.panel import Judged, Panel, judge
from pytest_mlready.measure.drift.plan import Columns, LevelPlan, NumberPlan, planned, planned_like
from pytest_mlready.measure.drift.profile import Profile, ProfileError, profiled
from pytest_mlready.measure.drift.sample_size import rows_needed

__all__ = [
    "Alarm",
    "Columns",
    "Judged",
    "LevelPlan",
    "NumberPlan",
    "Panel",
    "Profile",
    "ProfileError",
    "decode",
    "encode",
    "from_plain",
    "judge",
    "planned",
    "planned_like",
    "profiled",
    "rows_needed",
    "steps",
    "to_plain",
]
