"""Evidence `soak`: the steady load for so long that what creeps shows."""

from pytest_mlready.evidence.steady_load import gather, made_with

__all__ = ["gather", "made_with"]
