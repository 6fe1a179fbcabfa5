"""Profiles of frames and files, in bounded memory and on as many processes as wanted; the drift between two.

    from pytest_mlready.profiling import drift, load, profile, save

    save(profile("train.parquet"), "profile.json")
    panel = drift("profile.json", current_frame)

numpy is enough for arrays; frames, CSV and Parquet files need the extra `drift`.
"""

from pytest_mlready.profiling.building import profile
from pytest_mlready.profiling.comparing import drift
from pytest_mlready.profiling.inputs import DataError
from pytest_mlready.profiling.storing import load, save

__all__ = ["DataError", "drift", "load", "profile", "save"]
