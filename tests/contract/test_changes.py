"""What is in force: one order of changes over all processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reference_service.deployments.changes import Changes, StaleGeneration, State


def test_changes_serialise_and_refuse_what_was_meant_for_another_state(tmp_path: Path) -> None:
    def appended(state: State) -> State:
        return State(serving=str(int(state.serving) + 1))

    joined = [Changes(tmp_path) for _ in range(4)]
    for changes in joined:
        changes.begin(lambda: State(serving="0"))
    with ThreadPoolExecutor(8) as pool:
        made = [
            pool.submit(changes.apply, "a", "promote", "", appended).result for changes in joined for _ in range(25)
        ]
        assert sorted(one().generation for one in made) == list(range(1, 101))
    assert {changes.current().serving for changes in joined} == {"100"}
    assert [change.after for change in joined[0].history()] == [str(number) for number in range(100, -1, -1)]
    with pytest.raises(StaleGeneration):
        joined[0].apply("a", "promote", "", appended, expected=99)
    assert joined[1].apply("a", "promote", "", lambda state: None, expected=100).generation == 100
    with pytest.raises(LookupError):
        joined[1].apply("a", "promote", "", refusing)
    assert joined[2].apply("a", "promote", "", appended, expected=100).generation == 101
    for changes in joined:
        changes.close()


def refusing(state: State) -> State | None:
    raise LookupError
