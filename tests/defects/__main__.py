"""`python -m tests.defects` lists the planted defects, `… NAME` judges one, `… serve NAME --port P …` serves it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.defects.planting import declared


def main(arguments: Sequence[str]) -> int:
    """List, judge or serve; 0 if what was expected came."""
    if not arguments:
        listed()
        return 0
    serving = arguments[0] == "serve" and len(arguments) > 1
    name = arguments[1] if serving else arguments[0]
    if name not in declared():
        print(f"tests.defects: error: no defect {name!r}; `python -m tests.defects` lists them", file=sys.stderr)
        return 2
    if serving:
        from tests.defects.serving import serve_defect

        serve_defect(declared()[name], arguments[2:])
        return 0
    return judged(name)


def listed() -> None:
    """Every defect with the check that must find it, by family; at the end the sealed ones, which nothing must find."""
    for one in sorted(declared().values(), key=lambda one: (one.sealed, one.check)):
        print(f"{one.check:<36} {one.name}\n{'':<36}   {(one.plant.__doc__ or '').strip()}")


def judged(name: str) -> int:
    """Judge the service with a defect in it, and say whether the checklist found it."""
    from tests.defects.judging import disagreements, judge

    defect = declared()[name]
    with tempfile.TemporaryDirectory(prefix="defect-") as directory:
        run = judge(defect, Path(directory))
    print(run.output)
    found = disagreements(defect, run)
    for one in found:
        print(f"unexpected: {one}")
    if not found:
        print(f"{name}: found by {defect.check}, as it must be")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
