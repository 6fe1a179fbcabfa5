"""The command line of `locust -f loadtests`: options of all scenarios, added once however many files use them."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any, get_args

from locust import events

from pytest_mlready.openloop.objective import Objective
from pytest_mlready.openloop.plan import Arrivals

DEFAULT_HOST = "http://127.0.0.1:8000"


def add_options(parser: Any, **_: Any) -> None:
    """Called by Locust before it reads its command line."""
    group = parser.add_argument_group("Open-loop load")
    group.add_argument("--rate", type=float, default=120.0, help="requests a second (default: 120)")
    group.add_argument("--duration", type=float, default=20.0, help="seconds of each scenario (default: 20)")
    group.add_argument("--arrivals", choices=get_args(Arrivals), default="poisson", help="default: poisson")
    group.add_argument("--load-seed", type=int, default=0, help="seed of the schedule (default: 0)")
    group.add_argument("--rows", default="", help="CSV file of input rows with a header (default: the scenario's own)")
    group.add_argument("--pool", type=int, default=1024, help="most requests in flight a process (default: 1024)")
    group.add_argument("--request-timeout", type=float, default=10.0, help="seconds (default: 10)")
    group.add_argument("--slo-p99-ms", type=float, default=250.0, help="p99 of the main requests (default: 250)")
    group.add_argument("--slo-error-rate", type=float, default=0.01, help="share of failures allowed (default: 0.01)")
    group.add_argument(
        "--longest-stall-s", type=float, default=0.0, help="stall that a pass must exclude (default: what fits)"
    )
    group.add_argument("--result", default="", help="directory for the result documents, one below it a scenario")
    if _forks_workers():
        port = free_port()
        parser.set_defaults(master_port=port, master_bind_port=port, master_bind_host="127.0.0.1")


def objective(options: Any) -> Objective:
    """The objectives that the command line asks for."""
    return Objective(options.slo_p99_ms / 1000, options.slo_error_rate, options.longest_stall_s or None)


def result_directory(options: Any, scenario: str) -> Path | None:
    """Where the scenario's documents go, if anywhere."""
    return Path(options.result) / scenario if options.result else None


def free_port() -> int:
    """A port that the system has free: Locust's own 5557 may be another run's, whose workers would join ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _forks_workers() -> bool:
    return "LOCUST_PROCESSES" in os.environ or any(word.startswith("--processes") for word in sys.argv)


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
