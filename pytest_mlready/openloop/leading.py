"""The start and the end of each run of open-loop scenarios: in the only process, or in the master."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import gevent
from locust.runners import MasterRunner

from pytest_mlready.openloop.dispatch import OneOfEach
from pytest_mlready.openloop.outcome import Outcome, described

SHARE = "openloop_share"
RESULT = "openloop_result"
DONE = "openloop_done"
CUT = "openloop_cut"

_PATIENCE_S = 15.0


@dataclass(frozen=True)
class Share:
    """What one process does of a run: number `index` of `count` shares of each schedule; runs are numbered from 1."""

    run: int
    index: int
    count: int


class Lead:
    """Deals out the shares of each run, collects what came of them, and ends it with one verdict and an exit code.

    `take` gives a share to this process, `cut` ends what it performs; a master uses its workers instead. With the web
    page there may be several runs.
    """

    def __init__(self, environment: Any, take: Callable[[Share], None], cut: Callable[[], None]) -> None:
        self._environment = environment
        self._take = take
        self._cut = cut
        self._run = 0
        self._outcome = Outcome((), 0)
        self._outcome.concluded = True
        self._interrupted = False
        self._watchdog: gevent.Greenlet | None = None
        if environment.web_ui is None:
            _refuse(one.objection(environment.parsed_options) for one in environment.user_classes)
            environment.process_exit_code = 1
        environment.dispatcher_class = OneOfEach
        environment.events.test_start.add_listener(self._start)
        # At the begin of Locust's own stop, while workers can still be heard.
        environment.events.test_stopping.add_listener(self._interrupt)
        environment.events.quitting.add_listener(self._interrupt)
        environment.events.quit.add_listener(self._quit)
        if isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(RESULT, self._collect)

    def hear(self, share: Share, name: str, result: Any, problem: str) -> None:
        """Keep what came of one share of a scenario, unless it is of an earlier run."""
        outcome = self._outcome
        if share.run != self._run or outcome.concluded:
            return
        outcome.keep(name, share.index, result, problem)
        if outcome.complete and not self._interrupted:
            self._end()

    def _start(self, **_: Any) -> None:
        environment, runner = self._environment, self._environment.runner
        self._run += 1
        self._interrupted = False
        environment.process_exit_code = 1
        scenarios = [one(environment) for one in environment.user_classes]
        if not isinstance(runner, MasterRunner):
            self._outcome = Outcome(scenarios, 1)
            self._take(Share(self._run, 0, 1))
            return
        # Those that Locust will have spawn users, although it was told how many before they came.
        workers = [one.id for one in (*runner.clients.ready, *runner.clients.running, *runner.clients.spawning)]
        runner.target_user_count = len(workers) * len(scenarios)
        self._outcome = Outcome(scenarios, len(workers))
        for index, worker in enumerate(workers):
            runner.send_message(SHARE, asdict(Share(self._run, index, len(workers))), client_id=worker)
        try:
            longest_s = sum(one.longest_s for one in scenarios)
        except Exception as error:
            self._outcome.add_problem(described("plan", error))
            longest_s = 0.0
        self._watchdog = gevent.spawn_later(longest_s + _PATIENCE_S, self._give_up)

    def _collect(self, msg: Any, **_: Any) -> None:
        data = msg.data
        share, name, problem = Share(**data["share"]), data["name"], data["problem"]
        if share.run != self._run:
            return
        scenario, result = self._outcome.scenario(name), None
        if data["plain"]:
            try:
                result = scenario.unpacked(data["plain"], data["arrays"])
            except Exception as error:
                problem = described(name, error)
        if scenario.alone:
            self._environment.runner.send_message(DONE, {"name": name})
        self.hear(share, name, result, problem)

    def _give_up(self) -> None:
        self._watchdog = None
        if not self._outcome.concluded:
            self._end()

    def _end(self) -> None:
        self._conclude()
        runner = self._environment.runner
        gevent.spawn(runner.quit if self._environment.web_ui is None else runner.stop)

    def _interrupt(self, **_: Any) -> None:
        """Locust ends a run that is not over: by somebody's Ctrl-C, Stop, --run-time or SIGTERM."""
        if self._outcome.concluded or self._interrupted:
            return
        self._interrupted = True
        self._outcome.add_problem("interrupted before the end of the schedule")
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message(CUT)
            with gevent.Timeout(_PATIENCE_S, exception=False):
                while runner.worker_count and not self._outcome.complete:
                    gevent.sleep(0.05)
        else:
            self._cut()
        self._conclude()

    def _conclude(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill(block=False)
            self._watchdog = None
        self._outcome.conclude()
        self._environment.process_exit_code = 0 if self._outcome.passed else 1
        if self._environment.web_ui is not None:
            self._print()

    def _quit(self, **_: Any) -> None:
        """Locust has printed its tables: the verdicts come last. With the web page they stand there already."""
        if self._environment.web_ui is None:
            self._print()

    def _print(self) -> None:
        for line in self._outcome.lines:
            print(line, flush=True)


def _refuse(objections: Iterable[str]) -> None:
    """End as a wrong option does, if there is any objection."""
    for objection in sorted(filter(None, objections)):
        print(f"locust: error: {objection}", file=sys.stderr)
        raise SystemExit(2)
