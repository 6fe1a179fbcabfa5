"""Who performs what, and which results count: a worker and a master, without a network between them."""

from __future__ import annotations

import json
import subprocess
import sys

# Locust patches the interpreter, and so has one of its own.
COMMON = """
import json
from types import SimpleNamespace
import gevent
from locust.event import Events
from locust.runners import MasterRunner, WorkerNode, WorkerNodes, WorkerRunner
from pytest_mlready.openloop.session import Session
from pytest_mlready.openloop.stages import Verdict

class Unconnected:
    greenlet = None
    def __init__(self):
        self.custom_messages, self.sent, self.ended = {}, [], 0
        self.clients = WorkerNodes()
        for name in ("v", "w"):
            self.clients[name] = WorkerNode(name)
    def send_message(self, kind, data=None, client_id=None):
        self.sent.append((kind, client_id, data))
    def hears(self, kind, data=None):
        self.custom_messages[kind][0](environment=None, msg=SimpleNamespace(data=data))
    def quit(self):
        self.ended += 1

class Steady:
    alone, longest_s, conducted, broken = False, 1.0, [], False
    def __init__(self, environment=None): pass
    objection = staticmethod(lambda options: "")
    def conduct(self, share, report):
        self.conducted.append(share)
        return share
    def packed(self, result): return str(result).encode(), b""
    def unpacked(self, plain, arrays): return plain.decode()
    def merged(self, results): return results
    def keep(self, result): pass
    def judged(self, result):
        if self.broken:
            raise ValueError("broken")
        return Verdict(True, (" ".join(result),))

def session_on(runner):
    environment = SimpleNamespace(
        runner=runner, events=Events(), web_ui=None, parsed_options=None, user_classes=[Steady], process_exit_code=None
    )
    return environment, Session(environment)
"""
WORKER = """
class Worker(Unconnected, WorkerRunner): pass
runner = Worker()
environment, session = session_on(runner)
counts = []
def perform():
    gevent.spawn(session.perform, Steady())
    gevent.sleep(0.01)
    counts.append((len(Steady.conducted), len(runner.sent)))
perform()
runner.hears("openloop_share", {"run": 1, "index": 1, "count": 2})
perform()
perform()
runner.hears("openloop_share", {"run": 2, "index": 0, "count": 2})
runner.hears("openloop_cut")
perform()
runner.hears("openloop_share", {"run": 3, "index": 0, "count": 1})
perform()
environment.events.test_stop.fire()
perform()
print(json.dumps([counts, Steady.conducted, [data["share"]["run"] for _, _, data in runner.sent]]))
"""
MASTER = """
class Master(Unconnected, MasterRunner): pass
def run(*results, broken=False, runs=1):
    runner, Steady.broken = Master(), broken
    environment, session = session_on(runner)
    for _ in range(runs):
        environment.events.test_start.fire()
    for number, index in results:
        share = {"run": number, "index": index, "count": 2}
        runner.hears("openloop_result", {"share": share, "name": "Steady", "plain": b"r", "arrays": b"", "problem": ""})
    gevent.sleep(0.01)
    return runner.target_user_count, [name for _, name, _ in runner.sent], runner.ended, environment.process_exit_code
print(json.dumps([
    run((1, 0), (1, 1)), run((1, 0), (1, 0)), run((1, 0), (1, 0), (1, 1)), run((1, 0), (1, 1), broken=True),
    run((1, 0), (1, 1), runs=2), run((1, 0), (2, 1), (2, 0), runs=2),
]))
"""


def told(program: str) -> object:
    done = subprocess.run([sys.executable, "-c", COMMON + program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_worker_performs_once_what_it_has_a_share_of() -> None:
    counts, conducted, runs = [[0, 0], [1, 1], [1, 1], [1, 1], [2, 2], [2, 2]], [[1, 2], [0, 1]], [1, 3]
    assert told(WORKER) == [counts, conducted, runs]


def test_a_master_ends_once_when_each_share_of_this_run_has_come() -> None:
    once, twice = [2, ["v", "w"]], [2, ["v", "w", "v", "w"]]
    assert told(MASTER) == [
        [*once, 1, 0],
        [*once, 0, 1],
        [*once, 1, 0],
        [*once, 1, 1],
        [*twice, 0, 1],
        [*twice, 1, 0],
    ]
