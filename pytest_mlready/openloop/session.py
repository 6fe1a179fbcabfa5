"""A Locust run of open-loop scenarios: in turn, over all workers, with one verdict at its end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from pytest_mlready.openloop.dispatch import OneOfEach
from pytest_mlready.openloop.drive import Interrupted
from pytest_mlready.openloop.hosted import reporter
from pytest_mlready.openloop.stages import Verdict

if TYPE_CHECKING:
    from pytest_mlready.openloop.user import OpenLoopUser

_SHARE = "openloop_share"
_RESULT = "openloop_result"
_DONE = "openloop_done"
_CUT = "openloop_cut"
_PATIENCE_S = 15.0


def begin(environment: Any, **_: Any) -> None:
    """Called by Locust in every process, when its runner is there and before it starts."""
    environment.openloop = Session(environment)
    _interrupt_only(gevent.getcurrent())


def _interrupt_only(main: Any) -> None:
    """Have Ctrl-C end Locust's own greenlet: Python raises it in whichever runs, which may be one of our thousands."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        interrupt = partial(gevent.get_hub().loop.run_callback, main.throw, KeyboardInterrupt)
        gevent.signal_handler(signal.SIGINT, interrupt)


def session_of(environment: Any) -> Session:
    """The session of this process."""
    session: Session = environment.openloop
    return session


class Session:
    """One process's part of the run: it alone, a worker, or the master who collects.

    Without a word about users on the command line Locust starts one, and so one of several scenarios; here the
    number of users follows from the scenarios.
    """

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._turn = Semaphore(1)
        self._share = (0, 1)
        self._running = 0
        self._performing: list[gevent.Greenlet] = []
        self._expected = 0
        self._results: dict[str, list[Any]] = {}
        self._done: dict[str, Event] = {}
        self._problems: list[str] = []
        self._ended = False
        self._watchdog: gevent.Greenlet | None = None
        runner, options = environment.runner, environment.parsed_options
        environment.events.quit.add_listener(self._quit)
        if isinstance(runner, WorkerRunner):
            runner.register_message(_SHARE, self._take_share)
            runner.register_message(_DONE, self._hear_done)
            runner.register_message(_CUT, self._cut)
            return
        if environment.web_ui is None:
            _refuse(one.objection(options) for one in environment.user_classes)
        environment.events.quitting.add_listener(self._quitting)
        environment.events.test_start.add_listener(self._start)
        workers = 1
        if isinstance(runner, MasterRunner):
            workers = options.expect_workers
            runner.register_message(_RESULT, self._collect)
            environment.events.test_start.add_listener(self._deal)
        environment.dispatcher_class = OneOfEach
        for user_class in environment.user_classes:
            user_class.fixed_count = workers
        options.num_users = workers * len(environment.user_classes)
        options.spawn_rate = options.num_users

    def perform(self, user: OpenLoopUser) -> None:
        """Drive one scenario when its turn comes; what goes wrong ends the run, instead of Locust's trying again."""
        self._running += 1
        self._performing.append(gevent.getcurrent())
        name, result, problem = type(user).__name__, None, ""
        try:
            with self._turn:
                if user.alone and self._share[0] > 0:
                    self._done_by_another(name).wait(user.longest_s)
                else:
                    result = user.conduct(self._share, reporter(self._environment))
        except gevent.GreenletExit as cut:
            # Of a schedule that was cut short there is a result, but not of a search.
            self._hand_in(user, cut.run if isinstance(cut, Interrupted) and not user.alone else None, "")
            raise
        except Exception as error:
            problem = f"{name}: {type(error).__name__}: {error}"
        self._running -= 1
        self._hand_in(user, result, problem)
        if not self._running and not isinstance(self._environment.runner, WorkerRunner):
            self._end()
        Event().wait()

    def _hand_in(self, user: OpenLoopUser, result: Any, problem: str) -> None:
        """Keep what came of a scenario; a worker sends it to the master."""
        name = type(user).__name__
        if isinstance(self._environment.runner, WorkerRunner):
            plain, arrays = user.packed(result) if result is not None else (b"", b"")
            data = {"name": name, "plain": plain, "arrays": arrays, "problem": problem}
            self._environment.runner.send_message(_RESULT, data)
        else:
            self._keep(name, result, problem)

    def _take_share(self, msg: Any, **_: Any) -> None:
        self._share = (msg.data["index"], msg.data["count"])
        self._done.clear()

    def _hear_done(self, msg: Any, **_: Any) -> None:
        self._done_by_another(msg.data["name"]).set()

    def _done_by_another(self, name: str) -> Event:
        return self._done.setdefault(name, Event())

    def _cut(self, **_: Any) -> None:
        gevent.killall(self._performing, block=False)

    def _start(self, **_: Any) -> None:
        """Before each run: with the web page there may be several."""
        self._results.clear()
        self._problems.clear()
        self._ended = False

    def _deal(self, **_: Any) -> None:
        runner = self._environment.runner
        workers = [one.id for one in runner.clients.ready]
        self._expected = len(workers) * len(self._environment.user_classes)
        for index, worker in enumerate(workers):
            runner.send_message(_SHARE, {"index": index, "count": len(workers)}, client_id=worker)
        longest = sum(one(self._environment).longest_s for one in self._environment.user_classes)
        if self._watchdog is not None:
            self._watchdog.kill(block=False)
        self._watchdog = gevent.spawn_later(longest + _PATIENCE_S, self._give_up)

    def _give_up(self) -> None:
        if not self._ended:
            self._problems.append("a worker was lost: its share of the schedule is missing")
            self._end()

    def _collect(self, msg: Any, **_: Any) -> None:
        data = msg.data
        user = next(one for one in self._environment.user_classes if one.__name__ == data["name"])(self._environment)
        result = user.unpacked(data["plain"], data["arrays"]) if data["plain"] else None
        self._keep(data["name"], result, data["problem"])
        if user.alone:
            self._environment.runner.send_message(_DONE, {"name": data["name"]})
        self._expected -= 1
        if self._expected == 0 and not self._ended:
            self._end()

    def _keep(self, name: str, result: Any, problem: str) -> None:
        if result is not None:
            self._results.setdefault(name, []).append(result)
        if problem:
            self._problems.append(problem)

    def _end(self) -> None:
        self._ended = True
        environment = self._environment
        passed = not self._problems and all(one.passed for one in self._verdicts())
        environment.process_exit_code = 0 if passed else 1
        if environment.web_ui is None:
            gevent.spawn(environment.runner.quit)
        else:
            self._print_verdicts()
            gevent.spawn(environment.runner.stop)

    def _verdicts(self) -> list[Verdict]:
        users = [(one(self._environment), self._results.get(one.__name__)) for one in self._environment.user_classes]
        return [user.conclude(results) for user, results in users if results]

    def _quitting(self, **_: Any) -> None:
        """Locust ends, and decides on its exit code: by us, or by somebody's Ctrl-C, --run-time or SIGTERM."""
        if not self._ended and (self._running or self._expected):
            self._ended = True
            self._problems.append("interrupted before the end of the schedule")
            self._environment.process_exit_code = 1
            self._await_workers()

    def _await_workers(self) -> None:
        """Have the workers end their scenarios, and wait for what they hand in: Locust itself waits half a second."""
        if self._expected:
            self._environment.runner.send_message(_CUT)
            with gevent.Timeout(_PATIENCE_S, exception=False):
                while self._expected:
                    gevent.sleep(0.05)

    def _quit(self, **_: Any) -> None:
        """Locust has printed its tables: the verdicts come last. With the web page they stand there already."""
        if self._environment.web_ui is None and not isinstance(self._environment.runner, WorkerRunner):
            self._print_verdicts()

    def _print_verdicts(self) -> None:
        for line in [*(line for one in self._verdicts() for line in one.lines), *self._problems]:
            print(line, flush=True)


def _refuse(objections: Iterable[str]) -> None:
    """End as a wrong option does, if there is any objection."""
    for objection in sorted(filter(None, objections)):
        print(f"locust: error: {objection}", file=sys.stderr)
        raise SystemExit(2)


events.init.add_listener(begin)  # type: ignore[no-untyped-call]
