"""A router of experiments behind HTTP, asked by the evidence as any service is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from pytest_mlready.evidence import assignments as evidence
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.variants import ask_all
from pytest_mlready.finding import Finding
from pytest_mlready.measure.assignment.declared import Experiment
from pytest_mlready.measure.assignment.functions import Unit
from pytest_mlready.measure.assignment.planned import asked_again
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.records import ExperimentDrill
from pytest_mlready.service.target import Target
from pytest_mlready.settings import Experiments, Service, Settings
from tests.assignment_routers import judge

Asked = Callable[[str, Unit], str | None]
ROUTE = "/assign?experiment={experiment}&id={id}"
ROW = {"x": 1.0}


def judged_over_http(
    one: Asked, other: Asked, declared: Sequence[Experiment], seed: int, budget_s: float = 0.5
) -> dict[str, Finding]:
    """What the checks say of a router in one process, and in another."""
    settings = Settings(Service(url="http://127.0.0.1"), experiments=Experiments(tuple(declared), ROUTE))
    with served(one) as url, served(other) as again:
        context = Context(_target(url), settings, (ROW,), seed, budget_s)
        seen = evidence.gather(context)
        second = Context(_target(again), settings, (ROW,), seed, budget_s)
        drill = ExperimentDrill(ask_all(second, asked_again(declared, f"{seed}:ids")))
    return judge(settings, seen, drill)


@contextmanager
def served(router: Asked) -> Iterator[str]:
    """The URL of a server that asks a router, one request at a time."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True, errors="replace")
            name, id = asked.get("experiment", [""])[0], asked.get("id", [""])[0]
            with lock:
                variant = router(name, id) if name in getattr(router, "experiments", {}) else None
            body = json.dumps({"variant": variant}).encode() if variant else b"{}"
            self.send_response(200 if variant else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _target(url: str) -> Target:
    return Target(url, JsonMapping(), {}, None, frozenset({"load", "fuzz"}))
