"""Starting a service: placeholders, a free port, and one clear message for each way it can go wrong."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_mlready.service.instance import Instance
from pytest_mlready.service.launch import StartError, free_port, start, wait_ready
from pytest_mlready.service.readiness import ReadyProbe
from pytest_mlready.service.transport import Transport
from tests.unit.service.raw_server import answer, replying, serving
from tests.unit.service.routes import routed


@contextmanager
def running(tmp_path: Path, code: str, *words: str, env: dict[str, str] | None = None) -> Iterator[Instance]:
    script = tmp_path / "service.py"
    script.write_text(code, encoding="utf-8")
    command = " ".join(["{python} service.py {port}", *words])
    log_path = tmp_path / "run" / "service.log"
    instance = start(command, cwd=tmp_path, state_dir=tmp_path / "a state", log_path=log_path, env=env)
    try:
        yield instance
    finally:
        instance.stop(0.2)


def readied(instance: Instance, timeout_s: float) -> float:
    return wait_ready(instance, ReadyProbe(Transport(instance.url), {}), timeout_s)


def test_placeholders_in_command_and_environment(tmp_path: Path) -> None:
    code = "import sys, os, json; print(json.dumps([*sys.argv[1:], os.environ['WHERE'], os.getcwd()]))"
    words = ["--state={state}", "{host}", "'{python} x'", """'{"a": 1}'"""]
    with running(tmp_path, code, *words, env={"WHERE": "{state}/x"}) as instance:
        with pytest.raises(StartError, match="exited at once with code 0"):
            readied(instance, 5)
        said = json.loads(instance.log_tail())
    state = str(tmp_path / "a state")
    expected = [str(instance.port), f"--state={state}", "127.0.0.1", f"{sys.executable} x", '{"a": 1}']
    assert said == [*expected, f"{state}/x", str(tmp_path)]
    assert Path(state).is_dir()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("serve --port {prot}", r"\{prot\} in '\{prot\}' is not a placeholder; there are \{port\}, \{host\}"),
        ("serve --port 8000", r"holds no \{port\}"),
        ("serve 'open {port}", "cannot be split into words"),
        ("", "the command is empty"),
        ("no-such-program {port}", "`no-such-program` cannot be run: .*No such file"),
        ("./not-executable {port}", "cannot be run: .*Permission denied"),
    ],
)
def test_commands_that_cannot_be_started(tmp_path: Path, command: str, message: str) -> None:
    (tmp_path / "not-executable").write_text("x", encoding="ascii")
    with pytest.raises(StartError, match=message):
        start(command, cwd=tmp_path, state_dir=tmp_path / "s", log_path=tmp_path / "l.log")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nothing can be started in"):
        start("x {port}", cwd=tmp_path / "absent", state_dir=tmp_path / "s", log_path=tmp_path / "l.log")


def test_a_crash_at_start_is_reported_at_once_with_its_log(tmp_path: Path) -> None:
    code = "import sys; print('\\x1b[31mloading'); print('no model.skops here', file=sys.stderr); sys.exit(3)"
    began = time.monotonic()
    with running(tmp_path, code) as instance, pytest.raises(StartError) as caught:
        readied(instance, 20)
    assert time.monotonic() - began < 5
    message = str(caught.value)
    assert "exited at once with code 3" in message
    assert message.endswith("\\x1b[31mloading\nno model.skops here")


def test_a_service_that_never_listens(tmp_path: Path) -> None:
    with running(tmp_path, "import time; time.sleep(60)") as instance, pytest.raises(StartError) as caught:
        readied(instance, 0.5)
    assert "never became ready within 0.5 s; last answer: GET /health/ready: refused" in str(caught.value)
    assert "it wrote nothing" in str(caught.value)


LISTEN = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    if {silent}: time.sleep(60)
    connection.recv(1000)
    connection.sendall({says!r})
    connection.close()
"""


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (answer(status="503 Unavailable"), "never became ready within 0.8 s; last answer: GET /health/ready: 503"),
        (b"-ERR unknown command 'GET'\r\n", "answers, but is not HTTP: Expected HTTP/"),
        (b"", "never became ready within 0.8 s; last answer: GET /health/ready: closed"),
    ],
)
def test_a_service_that_answers_otherwise(tmp_path: Path, says: bytes, message: str) -> None:
    with running(tmp_path, LISTEN.format(silent=False, says=says)) as instance, pytest.raises(StartError) as caught:
        readied(instance, 0.8)
    assert message in str(caught.value)


def test_a_service_that_puts_itself_into_the_background(tmp_path: Path) -> None:
    code = "import os, sys\nif os.fork(): os._exit(0)\nos.setsid()\n" + LISTEN.format(silent=False, says=answer())
    with running(tmp_path, code) as instance:
        assert readied(instance, 5) < 5
        assert not instance.alive()
        assert instance.processes()
    assert not instance.processes()


@pytest.mark.parametrize(
    ("declared", "path"), [({}, "/readyz"), ({"ready": "/mine"}, "/mine"), ({"live": "/x"}, "/readyz")]
)
def test_the_ready_route_is_found(declared: dict[str, str], path: str) -> None:
    with serving(routed({"/readyz": answer(), "/mine": answer(), "/health": answer(status="503 No")})) as url:
        probe = ReadyProbe(Transport(url), declared)
        assert probe() is True
        assert probe.path == path


def test_a_declared_ready_route_must_answer_well() -> None:
    with serving(replying(answer(status="404 Not Found"))) as url:
        probe = ReadyProbe(Transport(url), {"ready": "/mine"})
        assert probe() == "GET /mine: 404"


def test_a_service_without_any_health_route_is_ready_when_it_answers() -> None:
    with serving(replying(answer(status="404 Not Found"))) as url:
        probe = ReadyProbe(Transport(url), {})
        assert probe() is True
        assert probe.path is None


def test_taken_ports_are_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("0.0.0.0", 0)) as everywhere:
        first, second = taken.getsockname()[1], everywhere.getsockname()[1]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            third = free.getsockname()[1]
        assert free_port([first, second, third]) == third
        with pytest.raises(StartError, match="no free port"):
            free_port([first, second])
    assert free_port() != free_port()


def test_descriptors_are_passed_on(tmp_path: Path) -> None:
    read, write = os.pipe()
    code = f"import os; os.write({write}, b'inherited')"
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    instance = start(
        "{python} service.py {port}",
        cwd=tmp_path,
        state_dir=tmp_path / "s",
        log_path=tmp_path / "l.log",
        pass_fds=(write,),
    )
    os.close(write)
    try:
        assert os.read(read, 100) == b"inherited"
    finally:
        os.close(read)
        instance.stop()
