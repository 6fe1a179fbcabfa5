"""Real servers are measured on a machine that does nothing else."""

from __future__ import annotations

import pytest

from tests.conftest import BESIDE


@pytest.fixture(scope="session", autouse=True)
def alone(request: pytest.FixtureRequest) -> None:
    """Wait until what ran beside other tests has ended."""
    beside = request.config.stash.get(BESIDE, None)
    if beside is not None:
        beside.wait()
