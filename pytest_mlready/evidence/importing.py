"""What will gather evidence, imported while there is nothing else to do."""

from __future__ import annotations

import contextlib
import gc
import importlib
import threading
from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def imported_meanwhile(names: Iterable[str]) -> Iterator[None]:
    """Import the gatherers of these kinds of evidence in another thread, which has ended when the block has."""

    def load() -> None:
        for name in names:
            with contextlib.suppress(ImportError):  # told where it is gathered
                importlib.import_module(f"pytest_mlready.evidence.{name}")
        gc.collect()  # so many new objects bring one about soon: better now than in the middle of a measurement

    thread = threading.Thread(target=load, name="imports")
    thread.start()
    try:
        yield
    finally:
        thread.join()
