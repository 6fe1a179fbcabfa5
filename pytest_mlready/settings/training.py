"""The table `[quality.training]`: how the model is trained again."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """A `command` that trains the model that serves, from what was recorded of it; it is run twice.

    It is not given to a shell. Placeholders: `{python}`, `{directory}` (a fresh temporary directory for each run),
    `{recorded}` (the path of the file `recorded`). A run takes at most `timeout_s` seconds.

    A run tells its metrics in a JSON document: the `file` that it writes in `{directory}`, or else the last line of its
    output that is an object. `key` is the dotted path of the metrics in it, "" where it is nothing else. `same` are
    dotted paths of what else must be the same each time: the seed, the parameters, a digest of the data.

    `recorded` is the JSON document that was written beside the model when it was trained, with `{version}` for the
    version that serves: its metrics and `same` values, at the same paths, must come out again. Numbers are the same if
    they are within `tolerance`, of the larger one where that is above 1.
    """

    command: str
    file: str | None = None
    key: str = "metrics"
    same: tuple[str, ...] = ()
    recorded: str | None = None
    tolerance: float = 1e-6
    timeout_s: float = 60.0

    def fault(self) -> str | None:
        """What cannot be, as "key: words"; None if nothing."""
        if not self.command.strip():
            return "command: expected a command, got none"
        if "{recorded}" in self.command and self.recorded is None:
            return "recorded: say which file `command` has the placeholder for"
        if not 0 <= self.tolerance < math.inf:
            return f"tolerance: expected a number of at least 0, got {self.tolerance}"
        if not 0 < self.timeout_s < math.inf:
            return f"timeout_s: expected a number above 0, got {self.timeout_s}"
        return None
