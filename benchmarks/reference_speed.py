"""The reference service against the deployment guides' way: `python benchmarks/reference_speed.py [--quick]`.

A forest of 100 trees behind each server and 32 busy connections, the servers measured in turn, round after round, so
that whatever else the machine does meets all of them. Ratios are medians of the rounds' own ratios; CPU is that of the
server's processes alone, divided by the requests that they answered. Its targets, 130 and 200 us on a machine where a
static answer takes 20, are told as multiples of that. Needs `wrk`, Debian's package of that name.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import joblib
import msgspec
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from wrk import Measured, load, write_script

from reference_service import train
from reference_service.artifacts import manifest
from reference_service.artifacts.registry import Registry
from reference_service.training.recipes import RECIPES, SEED
from reference_service.web.access import Token, TokenFile

HERE = Path(__file__).parent
MODEL, VERSION, TREES = "forest", "1.0.0", 100
TOKEN = "speed-0123456789abcdef0123456789abcdef"
TRACED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
STATIC, GUIDE, SKLEARN, ONNX, EVERYTHING = "static", "guide", "sklearn", "onnx", "onnx, all on"
FIELDS = ("rate", "cpu_us", "p50_ms", "p99_ms", "live_p99_ms")
Rounds = Mapping[str, Sequence[Measured]]


@dataclass(frozen=True)
class Target:
    """A figure that must be reached, and how it is computed of the rounds."""

    name: str
    bound: float
    at_most: bool
    figure: Callable[[Rounds], float]


def _faster(name: str, peer: str) -> Callable[[Rounds], float]:
    return lambda rounds: statistics.median(
        one.rate / other.rate for one, other in zip(rounds[name], rounds[peer], strict=True)
    )


def _dearer(name: str, peer: str) -> Callable[[Rounds], float]:
    return lambda rounds: statistics.median(
        one.cpu_us / other.cpu_us for one, other in zip(rounds[name], rounds[peer], strict=True)
    )


def _live(name: str) -> Callable[[Rounds], float]:
    return lambda rounds: statistics.median(one.live_p99_ms for one in rounds[name])


TARGETS = (
    Target("scikit-learn: requests/s by the guide's", 10, False, _faster(SKLEARN, GUIDE)),
    Target("ONNX Runtime: requests/s by the guide's", 40, False, _faster(ONNX, GUIDE)),
    Target("ONNX Runtime: requests/s by a static answer's", 0.15, False, _faster(ONNX, STATIC)),
    Target("ONNX Runtime: CPU by a static answer's", 6.5, True, _dearer(ONNX, STATIC)),
    Target("ONNX Runtime, all on: CPU by a static answer's", 10, True, _dearer(EVERYTHING, STATIC)),
    Target("scikit-learn: /health/live p99 ms", 100, True, _live(SKLEARN)),
    Target("ONNX Runtime: /health/live p99 ms", 100, True, _live(ONNX)),
)


def main() -> int:
    """Measure, print the table and the targets, and return 1 if one is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="how many (7)")
    parser.add_argument("--seconds", type=float, help="how long each server is loaded in a round (4)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 seconds")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("this needs wrk: apt-get install wrk")
    rounds = options.rounds or (2 if options.quick else 7)
    seconds = options.seconds or (2 if options.quick else 4)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        measured = measure(Path(directory), stack, rounds, seconds)
    print_table(measured)
    missed = print_targets(measured)
    if options.json:
        figures = {target.name: target.figure(measured) for target in TARGETS}
        found = {name: [asdict(one) for one in each] for name, each in measured.items()}
        options.json.write_text(json.dumps({"figures": figures, "rounds": found}, indent=1))
    return int(missed)


def measure(directory: Path, stack: ExitStack, rounds: int, seconds: float) -> Rounds:
    """Every server's figures, one a round; all of them run all the time, and only one has work."""
    bodies = [json.dumps({"features": row}) for row in publish_forest(directory)]
    servers: dict[str, tuple[int, int, Path]] = {}
    for name, (command, headers) in commands(directory).items():
        port = free_port()
        given = [part.format(port=port) for part in command]
        pid = stack.enter_context(running(given, port, directory / f"{port}.log"))
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **headers}
        check_answer(port, bodies[0], sent, name)
        servers[name] = (port, pid, write_script(directory / f"{port}.lua", bodies, sent))
        load(*servers[name], seconds=1)
    measured: dict[str, list[Measured]] = {name: [] for name in servers}
    for number in range(rounds):
        for name in random.Random(number).sample(list(servers), len(servers)):
            measured[name].append(load(*servers[name], seconds))
    return measured


def commands(directory: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """How each server is started, and the headers that its requests have beside those of all."""
    joined, tokens = directory / "model.joblib", directory / "tokens"
    joblib.dump(Registry(directory, MODEL).load(VERSION).estimator, joined)
    tokens.write_bytes(msgspec.json.encode(TokenFile((Token.of("benchmark", ["predict"], TOKEN),))))
    served = [sys.executable, "-m", "reference_service", "--port", "{port}", "--state", f"{directory}/{{port}}"]
    served += ["--model", MODEL, "--models", str(directory), "--tokens", str(tokens), "--keyed"]
    onnx = [*served, "--engine", "onnx"]
    return {
        STATIC: ([sys.executable, str(HERE / "static_asgi.py"), "{port}"], {}),
        GUIDE: ([sys.executable, str(HERE / "guide_server.py"), "{port}", str(joined)], {}),
        SKLEARN: (served, {}),
        ONNX: (onnx, {}),
        EVERYTHING: ([*onnx, "--rate-limit", "1000000", "--rate-burst", "1000000"], TRACED),
    }


def publish_forest(directory: Path) -> list[list[float]]:
    """Train and publish the forest as any model is; returns rows to ask."""
    recipe = replace(
        RECIPES["breast-cancer"],
        pipelines={VERSION: lambda: make_pipeline(RandomForestClassifier(n_estimators=TREES, random_state=SEED))},
    )
    dataset = recipe.dataset()
    key = manifest.signing_key(directory, create=True)
    train.publish(directory, key, MODEL, VERSION, train.files_of(MODEL, VERSION, recipe, dataset))
    rows: list[list[float]] = dataset.held_out_rows.tolist()
    return rows


def check_answer(port: int, body: str, headers: Mapping[str, str], name: str) -> None:
    """See that a server does what it is measured at."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict", body, dict(headers))
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    if answer.status != 200 or not {"prediction", "probabilities"} <= told.keys():
        raise RuntimeError(f"{name} answers {answer.status}: {told}")


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[int]:
    """A server in a process of its own, by its pid; what it prints goes to a file, as it would in earnest."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file)
    try:
        give_up = time.monotonic() + 60
        while not listens(port):
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"did not start: {' '.join(command)}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def print_table(rounds: Rounds) -> None:
    """A line a server, medians over the rounds."""
    print(f"{'server':14} {'requests/s':>10} {'CPU us':>8} {'p50 ms':>8} {'p99 ms':>8} {'live p99 ms':>12}")
    for name, each in rounds.items():
        middle = {field: statistics.median(getattr(one, field) for one in each) for field in FIELDS}
        print("{:14} {:10.0f} {:8.1f} {:8.1f} {:8.1f} {:12.1f}".format(name, *(middle[field] for field in FIELDS)))


def print_targets(rounds: Rounds) -> int:
    """A line a target; returns how many are missed."""
    missed = 0
    for target in TARGETS:
        figure = target.figure(rounds)
        met = figure <= target.bound if target.at_most else figure >= target.bound
        missed += not met
        sign = "<=" if target.at_most else ">="
        print(f"{'ok    ' if met else 'MISSED'} {target.name}: {figure:.3g} ({sign} {target.bound:g})")
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
