"""The command line of `locust -f loadtests`: options of all scenarios, added once however many files use them."""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from locust import events

from pytest_mlready.openloop import shapes
from pytest_mlready.openloop.layout import header, read_layout
from pytest_mlready.openloop.objective import Objective
from pytest_mlready.openloop.trace import read_trace

DEFAULT_HOST = "http://127.0.0.1:8000"


def add_options(parser: Any, **_: Any) -> None:
    """Called by Locust before it reads its command line. A wrong value ends it with one line that names the option.

    Values are plain numbers and texts, or lists of them: Locust's web page and its workers pass on no others.
    """
    group = parser.add_argument_group("Open-loop load")
    _add_shapes(group)
    group.add_argument(
        "--load-seed",
        type=_checked(partial(shapes.whole, least=0)),
        default=0,
        help="seed of the schedule (default: 0)",
    )
    _add_service(group)
    group.add_argument(
        "--pool", type=_checked(shapes.whole), default=1024, help="most requests in flight a process (default: 1024)"
    )
    group.add_argument("--request-timeout", type=_checked(shapes.seconds), default=10.0, help="seconds (default: 10)")
    group.add_argument(
        "--slo-p99-ms", type=_checked(shapes.positive), default=250.0, help="p99 of the main requests (default: 250)"
    )
    group.add_argument(
        "--slo-error-rate", type=_checked(shapes.share), default=0.01, help="share of failures allowed (default: 0.01)"
    )
    group.add_argument(
        "--longest-stall-s",
        type=_checked(shapes.positive),
        default=0.0,
        help="stall that a pass must exclude (default: what fits)",
    )
    group.add_argument(
        "--result",
        type=_checked(_directory),
        default="",
        help="directory for the result documents, one below it a scenario",
    )
    if _forks_workers():
        port = free_port()
        parser.set_defaults(master_port=port, master_bind_port=port, master_bind_host="127.0.0.1")


def _add_service(group: Any) -> None:
    group.add_argument(
        "--rows",
        default="",
        help="CSV file of input rows with a header (default: that of --mlready-toml, or the scenario's own)",
    )
    group.add_argument(
        "--mlready-toml",
        type=_checked(_layout),
        default="",
        help="file such as mlready.toml whose [service] says how its bodies are laid out, under json, and its headers "
        "(default: as the reference service)",
    )
    group.add_argument(
        "--header",
        action="append",
        type=_checked(_header),
        default=[],
        env_var="LOCUST_HEADER",
        help="such as 'Authorization: Bearer ...', for every request; may be repeated",
    )


def _add_shapes(group: Any) -> None:
    rate, seconds = _checked(shapes.positive), _checked(shapes.seconds)
    group.add_argument("--rate", type=rate, default=120.0, help="requests a second (default: 120)")
    group.add_argument(
        "--duration", type=seconds, default=20.0, help="seconds, or such as 10m, of each scenario (default: 20)"
    )
    group.add_argument(
        "--arrivals", choices=("constant", "poisson"), default="poisson", help="gaps between them (default: poisson)"
    )
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--rate-to", type=rate, default=0.0, help="Steady, Mixed: the rate goes linearly from --rate to this"
    )
    either.add_argument(
        "--trace",
        type=_checked(_trace),
        default="",
        help="Steady, Mixed: file of arrival times in seconds to replay instead: one a line, CSV or a JSON list",
    )
    group.add_argument(
        "--trace-speed", type=rate, default=1.0, help="2 replays the trace in half the time (default: 1)"
    )
    group.add_argument(
        "--stairs",
        type=_checked(_rates),
        default="10,50,100,500,1000",
        help="Stairs: rates of the steps (default: 10,50,100,500,1000)",
    )
    group.add_argument("--step-duration", type=seconds, default=10.0, help="Stairs: seconds a step (default: 10)")
    group.add_argument("--spike-rate", type=rate, default=0.0, help="Spike: rate of the spike (default: 4 x --rate)")
    group.add_argument("--spike-duration", type=seconds, default=5.0, help="Spike: its seconds (default: 5)")
    group.add_argument("--soak-duration", type=seconds, default=60.0, help="Soak: seconds, or such as 8h (default: 60)")
    group.add_argument(
        "--capacity-duration",
        type=seconds,
        default=60.0,
        help="Capacity: seconds that the search may take (default: 60)",
    )


def objective(options: Any) -> Objective:
    """The objectives that the command line asks for."""
    return Objective(options.slo_p99_ms / 1000, options.slo_error_rate, options.longest_stall_s or None)


def free_port() -> int:
    """A port that the system has free: Locust's own 5557 may be another run's, whose workers would join ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _checked(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """`parse` as a type of argparse, which prints the message of this exception only."""

    def checked(text: str) -> Any:
        try:
            return parse(text)
        except (OSError, ValueError) as error:
            raise ArgumentTypeError(str(error)) from None

    return checked


def _trace(text: str) -> str:
    if text:
        read_trace(Path(text))
    return text


def _layout(text: str) -> str:
    if text:
        read_layout(Path(text))
    return text


def _header(text: str) -> str:
    header(text)
    return text


def _rates(text: str) -> str:
    shapes.rate_list(text)
    return text


def _directory(text: str) -> str:
    """A directory that can be written to, or made: after the load it would be too late. Raises OSError."""
    there = Path(text)
    while text and not there.exists():
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is not a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{there} cannot be written to")
    return text


def _forks_workers() -> bool:
    return "LOCUST_PROCESSES" in os.environ or any(word.startswith("--processes") for word in sys.argv)


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
