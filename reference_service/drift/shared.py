"""One window over all workers: each sees a share of the traffic, and none of them alone the whole.

A worker leaves the rows of its window in a file named after its process, and looks at the newest rows of all that live.
So what one worker saw long ago gives way to what others see now. The last look, whoever took it, is the service's, and
any worker tells it. Nothing here outlives the instance, and nothing waits for the disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from reference_service.drift.panel import TOO_FEW, Finding
from reference_service.drift.window import Batch
from reference_service.model.columns import Row


class Report(msgspec.Struct, frozen=True):
    """A look at a window of rows.

    Attributes:
        verdict: "drift" if any feature drifts, else "too few" if any cannot be told, else "quiet".
        window: how many rows it held.
        smallest_shift: the shift, in standard deviations, that the look would have seen with 99% probability.
        reference: the sha256 of the profile that the rows are compared with; None where the version has none.
    """

    model_version: str
    verdict: str = TOO_FEW
    window: int = 0
    smallest_shift: float | None = None
    features: list[Finding] = []
    reference: str | None = None


class _Share(msgspec.Struct, frozen=True, array_like=True):
    model_version: str
    batches: list[tuple[float, list[list[float | str | None]]]]


class Shared:
    """What the workers of an instance tell each other. All methods block.

    Args:
        directory: where they do, for this instance alone; None if there is one worker.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    def exchange(self, version: str, batches: Sequence[Batch]) -> list[Batch]:
        """Leave this worker's rows, and return them with those of the others that were answered under a version."""
        if self.directory is None:
            return list(batches)
        self.write(f"{os.getpid()}.rows", msgspec.msgpack.encode((version, batches)))
        return [*batches, *self.others(version)]

    def others(self, version: str) -> list[Batch]:
        """The rows of the other workers that live."""
        found: list[Batch] = []
        for path in self.directory.glob("*.rows") if self.directory is not None else ():
            if path.stem == str(os.getpid()):
                continue
            if not Path("/proc", path.stem).exists():
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(FileNotFoundError):  # another worker has just removed it
                share = msgspec.msgpack.decode(path.read_bytes(), type=_Share)
                if share.model_version == version:
                    found.extend((at, list[Row](rows)) for at, rows in share.batches)
        return found

    def forget(self, report: Report) -> None:
        """Another version serves: neither this worker's rows nor the last look count any longer."""
        self.exchange(report.model_version, [])
        self.tell(report)

    def tell(self, report: Report) -> None:
        """This look is the last one."""
        if self.directory is not None:
            self.write("look.json", msgspec.json.encode(report))

    def told(self) -> Report | None:
        """The last look of any worker, if there are others to have looked."""
        if self.directory is not None:
            with contextlib.suppress(FileNotFoundError):
                return msgspec.json.decode((self.directory / "look.json").read_bytes(), type=Report)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Replace a file at once."""
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)
            written = self.directory / f".{name}.{os.getpid()}"
            written.write_bytes(content)
            written.replace(self.directory / name)
