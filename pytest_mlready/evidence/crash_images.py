"""Copies of a service's state directory, made while its processes stand still: what SIGKILL at that moment would leave.

One kill meets a fault that shows for a millisecond with luck only. Hundreds of moments can be looked at for what a
restart costs, and a restart be spent on those in which a file is as it never is between orders: half-written, gone, or
not yet in its place. The idea is that of the crash images of CrashMonkey (J. Mohan and others, OSDI 2018), for the
death of a process instead of that of a machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlready.records import Order
from pytest_mlready.service.instance import Instance

FOR_S = 2.5
PAUSE_S = (0.0, 0.006)
LARGEST, MOST_BYTES = 8 * 1024 * 1024, 128 * 1024 * 1024
"""A larger state is not copied, as its copies would take too long; all copies together have at most so many bytes."""
Files = dict[str, tuple[int, bytes]]
"""Size and digest of each file, or of what a symbolic link points to, by its name in the directory."""
_UNIQUE = re.compile(r"[0-9a-f]{6,}|\d+")


@dataclass(frozen=True)
class Image:
    """A copy, its files, and the order that had been acknowledged last."""

    directory: Path
    files: Files
    order: Order


def taken(instance: Instance, directory: Path, acknowledged: Callable[[], Order], rng: random.Random) -> list[Image]:
    """Copy the state again and again for `FOR_S` seconds, at random moments, into a directory."""
    images: list[Image] = []
    size = sum(size for size, _ in files(instance.state_dir).values())
    room, until = MOST_BYTES if size <= LARGEST else 0, time.monotonic() + FOR_S
    while room > 0 and time.monotonic() < until:
        order, copy = acknowledged(), directory / str(len(images))
        try:
            with instance.frozen():
                shutil.copytree(instance.state_dir, copy, symlinks=True, ignore=_special)
        except TimeoutError:  # a busy machine: another moment will do as well
            continue
        except OSError:  # not ours to read, or no room: what was copied before has to do
            break
        images.append(Image(copy, files(copy), order))
        room -= sum(size for size, _ in images[-1].files.values())
        time.sleep(rng.uniform(*PAUSE_S))
    return images


def telling(images: Sequence[Image], settled: Sequence[Files]) -> Mapping[str, Image]:
    """Of the images one for each way in which a file is not as it is between orders, by the words for it, rarest first.

    `settled` are the files as they were after orders, when none was being carried out. What changes all the time,
    orders or not, differs from them in most images. Of those that differ in the same way the one is taken in which the
    file is shortest.
    """
    known: dict[str, set[tuple[int, bytes]]] = {}
    for name, file in itertools.chain.from_iterable(one.items() for one in settled):
        known.setdefault(name, set()).add(file)
    lasting = {name for name in known if all(name in one for one in settled)}
    ways: dict[str, list[tuple[int, int]]] = {}
    for at, image in enumerate(images):
        for name in lasting - image.files.keys():
            ways.setdefault(f"{_kind(name)} was not there", []).append((0, at))
        for name, file in image.files.items():
            if file not in known.get(name, ()):
                odd = "was as it never is between orders" if name in known else "was there"
                ways.setdefault(f"{_kind(name)} {odd}", []).append((file[0], at))
    return {way: images[min(ways[way])[1]] for way in sorted(ways, key=lambda one: (len(ways[one]), one))}


def files(directory: Path) -> Files:
    """The files and links in a directory that are still there when they are read."""
    found: Files = {}
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.is_file():
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                found[path.relative_to(directory).as_posix()] = len(content), hashlib.blake2b(content).digest()
    return found


def _kind(name: str) -> str:
    """The name without what makes it unique."""
    return _UNIQUE.sub("*", name)


def _special(directory: str, names: list[str]) -> list[str]:
    """Sockets and pipes, which cannot be copied and die with their process."""
    paths = {name: Path(directory, name) for name in names}
    return [name for name, path in paths.items() if not (path.is_symlink() or path.is_dir() or path.is_file())]
