"""What a scenario file needs: a Locust user that sends on a schedule, and the requests to send."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from locust import User, constant, task

from pytest_mlready.openloop import document, shapes
from pytest_mlready.openloop.drive import Report, drive
from pytest_mlready.openloop.layout import REFERENCE, Headers, Layout, header, read_layout, with_headers
from pytest_mlready.openloop.merge import merged
from pytest_mlready.openloop.options import DEFAULT_HOST, objective
from pytest_mlready.openloop.plan import Kind, Plan, Request, Stage, origin_and_prefix
from pytest_mlready.openloop.session import session_of
from pytest_mlready.openloop.stages import Verdict, verdict
from pytest_mlready.openloop.trace import read_trace
from pytest_mlready.protocols.json_mapping import Cell, Row

__all__ = ["Kind", "OpenLoopUser", "Request", "Stage", "shapes"]


class OpenLoopUser(User):
    """One open-loop scenario. A subclass says what to send (`kinds`), and may say how fast (`stages`).

    There is one user a worker: arrivals come from the schedule, not from many users. The first class of requests is
    the one whose p99 is judged.
    """

    abstract = True
    fixed_count = 1
    wait_time = constant(0)

    rows_file: ClassVar[Path | None] = None
    """Input rows where the command line names none."""
    alone: ClassVar[bool] = False
    """Whether one process does all of it, while the others wait."""

    def kinds(self) -> tuple[Kind, ...]:
        """The classes of requests and their shares."""
        raise NotImplementedError(f"{type(self).__name__} must define kinds()")

    def stages(self) -> tuple[Stage, ...]:
        """(requests a second, seconds) or (from, to, seconds), in turn; none to replay `--trace` instead.

        Unless a subclass has its own shape: the trace, if one is named, else `--rate` (`--rate-to`) for `--duration`.
        """
        options = self.options
        return () if options.trace else shapes.steady(options.rate, options.rate_to, options.duration)

    def rows(self) -> list[dict[str, Cell]]:
        """Rows from `--rows`, `--mlready-toml` or `rows_file` by the names in its header: numbers, and texts beside.

        Raises ValueError where a line has more columns than the header, or fewer.
        """
        path = Path(self.options.rows or self.layout.rows or self.rows_file or "")
        with path.open(newline="") as file:
            names, *lines = filter(None, csv.reader(file))
        if any(len(line) != len(names) for line in lines):
            raise ValueError(f"{path}: every line must have {len(names)} columns, as its header has")
        sent = [at for at, name in enumerate(names) if name not in self.layout.not_sent]
        return [{names[at]: _cell(line[at]) for at in sent} for line in lines]

    def predict_request(self, row: Row, extra: Mapping[str, object] | None = None) -> Request:
        """Asks for the prediction of one row; `extra` are further fields of its body."""
        return self.post(self.layout.mapping.encode_row(row, extra))

    def batch_request(self, rows: Sequence[Row]) -> Request:
        """Asks for the predictions of several rows. Raises ValueError where the service takes one at a time."""
        mapping = self.layout.mapping
        return self.post(mapping.encode_batch(rows), mapping.batch_route)

    def post(self, body: bytes, path: str | None = None) -> Request:
        """A POST of `body`, whatever is in it, to `path` or where single rows go."""
        mapping = self.layout.mapping
        return Request("POST", path or mapping.predict_path, mapping.request_headers, body)

    @classmethod
    def objection(cls, options: Any) -> str:
        """Which option of the command line this scenario would not follow, and why; nothing where there is none."""
        given = [name for name, value in (("--trace", options.trace), ("--rate-to", options.rate_to)) if value]
        if cls.stages is OpenLoopUser.stages or not given:
            return ""
        return f"argument {given[0]}: {cls.__name__} has a shape of its own; name scenarios without one, such as Steady"

    def plan(self, share: tuple[int, int] = (0, 1)) -> Plan:
        """The whole run, or this process's share of it. Raises ValueError where an option would go unused."""
        if objection := self.objection(self.options):
            raise ValueError(objection)
        options, stages = self.options, self.stages()
        origin, prefix = origin_and_prefix(self.environment.host or self.host or DEFAULT_HOST)
        headers = with_headers(self.layout.headers, tuple(map(header, options.header)))
        return Plan(
            url=origin,
            scenario=type(self).__name__.lower(),
            stages=stages,
            classes=tuple(one if one.url else _addressed(one, prefix, headers) for one in self.kinds()),
            output=options.result,
            arrivals=options.arrivals if stages else "trace",
            seed=options.load_seed,
            timeout_s=options.request_timeout,
            pool=options.pool,
            share=share,
            trace=() if stages else read_trace(Path(options.trace), options.trace_speed),
        )

    def conduct(self, share: tuple[int, int], report: Report) -> Any:
        """Send this process's share of the run and return its result."""
        return drive(self.plan(share), report)

    def packed(self, result: Any) -> tuple[bytes, bytes]:
        """A result for sending to the master."""
        return document.packed(result)

    def unpacked(self, plain: bytes, arrays: bytes) -> Any:
        """The reverse of `packed`."""
        return document.unpacked(plain, arrays)

    def merged(self, results: Sequence[Any]) -> Any:
        """The results of all processes put together: one or more, all of them if nothing went wrong."""
        return merged(results)

    def keep(self, result: Any) -> None:
        """Write the whole result where `--result` says, if it does. Raises OSError."""
        directory = self.directory()
        if directory is not None:
            document.write(result, directory)

    def judged(self, result: Any) -> Verdict:
        """The verdict on the whole result."""
        return verdict(result, self.plan(), objective(self.options))

    def directory(self) -> Path | None:
        """Where the scenario's documents go, if anywhere."""
        result, name = self.options.result, type(self).__name__.lower()
        return Path(result) / name if result else None

    @property
    def longest_s(self) -> float:
        """The scenario takes no longer than this."""
        return self.plan().longest_s

    @cached_property
    def layout(self) -> Layout:
        """How the service is spoken to: as `--mlready-toml` declares, or as the reference service."""
        return read_layout(Path(self.options.mlready_toml)) if self.options.mlready_toml else REFERENCE

    @property
    def options(self) -> Any:
        """The command line (see `options.add_options`)."""
        return self.environment.parsed_options

    @task
    def scenario(self) -> None:
        """Called by Locust, once."""
        session_of(self.environment).perform(self)


def _addressed(kind: Kind, prefix: str, headers: Headers) -> Kind:
    """The same requests to routes below the host's path, with the headers that it demands."""
    requests = (
        replace(one, path=prefix + one.path, headers=with_headers(one.headers, headers)) for one in kind.requests
    )
    return replace(kind, requests=tuple(requests))


def _cell(text: str) -> Cell:
    try:
        return float(text)
    except ValueError:
        return text or None
