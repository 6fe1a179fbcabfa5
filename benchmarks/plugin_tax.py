"""What an installed, unused plugin costs a pytest run: `python benchmarks/plugin_tax.py [--quick] [--json FILE]`.

One trivial test in a pytest that loads an empty plugin alone, and one that loads ours alone, interleaved: naming any
plugin by `-p` makes pytest look through all installed distributions, as it does where they load themselves.
CPU time of the process, since wall time on a shared machine is noise. Noise only ever adds to a fixed cost, so the cost
is the difference of the two lower quartiles; the target is at most 3 ms. New modules are counted alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_MS = 3.0
LIMIT_MODULES = 4
BASE = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
OURS = ("-p", "pytest_mlready.plugin")
EMPTY = ("-p", "empty_plugin")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
ENVIRONMENT["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
LIST_MODULES = "def test_one():\n    import sys\n    print('MODULES', *sorted(sys.modules))\n"


def main() -> int:
    """Measure, print the table, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="11 rounds instead of 101")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "pytest.ini").write_text("[pytest]\n")
        Path(directory, "test_one.py").write_text("def test_one():\n    pass\n")
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(Path(directory, "pycache"))
        Path(directory, "empty_plugin.py").write_text("")
        ENVIRONMENT["PYTHONPATH"] = directory
        _cpu_ms(directory, *OURS), _cpu_ms(directory, *EMPTY)  # the first start compiles
        without, with_plugin = [], []
        for _ in range(11 if options.quick else 101):
            without.append(_cpu_ms(directory, *EMPTY))
            with_plugin.append(_cpu_ms(directory, *OURS))
        Path(directory, "test_one.py").write_text(LIST_MODULES)
        new = _modules(directory, *OURS) - _modules(directory, *EMPTY)
    bare, ours = (statistics.quantiles(times, n=4)[0] for times in (without, with_plugin))
    extra = ours - bare
    figures = {
        "bare_ms": round(bare, 1),
        "with_plugin_ms": round(ours, 1),
        "extra_ms": round(extra, 2),
        "extra_median_ms": round(statistics.median(with_plugin) - statistics.median(without), 2),
        "ratio": round(ours / bare, 3),
        "limit_ms": LIMIT_MS,
        "new_modules": sorted(new),
    }
    for name, value in figures.items():
        print(f"{name:<16} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return int(extra > LIMIT_MS or len(new) > LIMIT_MODULES)


def _cpu_ms(directory: str, *more: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*BASE, *more], cwd=directory, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def _modules(directory: str, *more: str) -> set[str]:
    command = [*BASE, "-s", *more]
    ran = subprocess.run(command, cwd=directory, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    line = next(line for line in ran.stdout.splitlines() if "MODULES" in line)
    return set(line.partition("MODULES ")[2].split())


if __name__ == "__main__":
    raise SystemExit(main())
