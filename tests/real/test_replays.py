"""A finding's replay shows the fault of the sick service and none of the healthy one, with Python alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlready.catalogue import checks
from pytest_mlready.finding import Status
from tests.defects.planting import defects
from tests.defects.replaying import edits_shown, judged_here, play, script_of, served

REPRESENTATIVES = (
    "text_and_booleans_become_numbers",
    "batches_drop_the_probabilities",
    "every_64th_answer_is_stale",
    "a_batch_is_answered_in_reverse",
    "a_refused_request_leaves_its_state",
    "the_logarithm_of_zero",
    "minus_zero_is_negative",
    "row_512_of_a_batch_is_the_first",
    "batches_share_a_buffer",
    "everybody_gets_the_fallback",
    "a_sign_is_flipped",
    "a_row_with_zero_is_slow",
    "a_client_that_leaves_keeps_the_lock",
)
"""One planted defect of each check whose findings have a script."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the reference service as it is."""
    with served(None, tmp_path_factory.mktemp("healthy")) as url:
        yield url


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_replay_fails_on_the_sick_and_passes_on_the_healthy(name: str, healthy: str, tmp_path: Path) -> None:
    defect = defects()[name]
    with served(defect, tmp_path / "judged") as url:
        finding = judged_here(defect, url, tmp_path)
    assert finding.status is Status.FAIL, finding.summary
    script = script_of(tmp_path, defect.check)
    assert script is not None, finding.replay
    assert finding.replay.endswith(f"python3 {script} {url}")
    well = play(script, healthy)
    assert well.exit_code == 0, well.output
    with served(defect, tmp_path / "sick") as url:
        sick = play(script, url)
    assert sick.exit_code == 1, sick.output
    assert (edits_shown(script, sick.faults) or 0) <= 2, sick.output


def test_each_check_has_a_representative() -> None:
    shown = {defects()[name].check for name in REPRESENTATIVES}
    apart = {"fuzz.memory_steady", "fuzz.schemathesis"}
    assert {one.id for one in checks().values() if one.family == "fuzz"} - shown == apart
