"""Copies of a service's state directory, made while its processes stand still: what SIGKILL at that moment would leave.

One kill meets a fault that shows for a millisecond with luck only. Hundreds of moments can be looked at for what a
restart costs, and a restart be spent on those in which a file is not as between orders: shorter, gone, or passing.
"""

from __future__ import annotations

import itertools
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlready.records import Order
from pytest_mlready.service.instance import Instance

FOR_S = 2.5
PAUSE_S = (0.0, 0.006)
MOST_BYTES = 128 * 1024 * 1024
"""Of all copies together; a state as large as that is not copied at all."""
_UNIQUE = re.compile(r"[0-9a-f]{6,}|\d+")


@dataclass(frozen=True)
class Image:
    """A copy, the sizes of its files in bytes by their names, and the order that had been acknowledged last."""

    directory: Path
    sizes: dict[str, int]
    order: Order


def taken(instance: Instance, directory: Path, acknowledged: Callable[[], Order], rng: random.Random) -> list[Image]:
    """Copy the state again and again for `FOR_S` seconds, at random moments, into a directory."""
    images: list[Image] = []
    room, until = MOST_BYTES - sum(sizes(instance.state_dir).values()), time.monotonic() + FOR_S
    while room > 0 and time.monotonic() < until:
        order, copy = acknowledged(), directory / str(len(images))
        with instance.frozen():
            shutil.copytree(instance.state_dir, copy, ignore=_special)
        images.append(Image(copy, sizes(copy), order))
        room -= sum(images[-1].sizes.values())
        time.sleep(rng.uniform(*PAUSE_S))
    return images


def telling(images: Sequence[Image]) -> dict[str, Image]:
    """One image for each way in which a file is not as between orders, by the words for it."""
    present = Counter(name for one in images for name in one.sizes)
    usual = {name for name, times in present.items() if 2 * times > len(images)}
    often = Counter((name, size) for one in images for name, size in one.sizes.items())
    ways: dict[str, list[tuple[int, int, Image]]] = {}
    for before, one in itertools.pairwise(images):
        for name in sorted(usual & before.sizes.keys()):
            size = one.sizes.get(name)
            if size is None:
                ways.setdefault(f"{name} was not there", []).append((0, 0, one))
            elif size < before.sizes[name]:
                ways.setdefault(f"{name} was shorter", []).append((often[name, size], size, one))
        for name in sorted(one.sizes.keys() - usual):
            ways.setdefault(f"{_UNIQUE.sub('*', name)} was there", []).append((0, one.sizes[name], one))
    return {way: min(found, key=lambda each: each[:2])[2] for way, found in ways.items()}


def sizes(directory: Path) -> dict[str, int]:
    """Of the regular files in a directory, in bytes."""
    found = (one for one in directory.rglob("*") if one.is_file() and not one.is_symlink())
    return {one.relative_to(directory).as_posix(): one.stat().st_size for one in found}


def _special(directory: str, names: list[str]) -> list[str]:
    """Sockets and pipes, which cannot be copied and die with their process."""
    return [name for name in names if not (path := Path(directory, name)).is_dir() and not path.is_file()]
