"""A Locust run of open-loop scenarios in each of its processes: their turns, their shares, what they hand in."""

from __future__ import annotations

import signal
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from locust import events
from locust.runners import WorkerRunner

from pytest_mlready.openloop.drive import Interrupted
from pytest_mlready.openloop.hosted import reporter
from pytest_mlready.openloop.leading import CUT, DONE, RESULT, SHARE, Lead, Share
from pytest_mlready.openloop.outcome import described

if TYPE_CHECKING:
    from pytest_mlready.openloop.user import OpenLoopUser


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
    """One process's part of the runs: it alone, or a worker. Master and single process have a `Lead`, too."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._turn = Semaphore(1)
        self._share: Share | None = None
        self._performed: set[str] = set()
        self._performing: list[gevent.Greenlet] = []
        self._done: dict[str, Event] = {}
        self._lead: Lead | None = None
        runner = environment.runner
        if isinstance(runner, WorkerRunner):
            runner.register_message(SHARE, self._hear_share)
            runner.register_message(DONE, self._hear_done)
            runner.register_message(CUT, self.cut)
            environment.events.test_stop.add_listener(self._leave)
            # Listeners to this event are called last first: before Locust's own tells the master that we are gone.
            environment.events.quitting.add_listener(self.cut)
        else:
            self._lead = Lead(environment, self.take, self.cut)

    def perform(self, user: OpenLoopUser) -> None:
        """Drive one scenario when its turn comes, once a run; what goes wrong is handed in, and not tried again.

        A worker without a share, which came after the start, performs nothing: its part would be sent twice.
        """
        name, share = type(user).__name__, self._share
        if share is not None and name not in self._performed:
            self._performed.add(name)
            self._perform(user, name, share)
        Event().wait()

    def take(self, share: Share) -> None:
        """Begin a run, of which this process does `share`."""
        self._share = share
        self._performed.clear()
        self._done.clear()

    def cut(self, **_: Any) -> None:
        """End what is being performed, and hand in what came of it; nothing more of this run is begun."""
        self._share = None
        gevent.killall(list(self._performing))

    def _perform(self, user: OpenLoopUser, name: str, share: Share) -> None:
        result, problem, mine = None, "", gevent.getcurrent()
        self._performing.append(mine)
        try:
            with self._turn:
                if user.alone and share.index > 0:
                    self._done_by_another(name).wait(user.longest_s)
                else:
                    result = user.conduct((share.index, share.count), reporter(self._environment))
        except gevent.GreenletExit as cut:
            # Of a schedule that was cut short there is a result, but not of a search.
            came = cut.run if isinstance(cut, Interrupted) and not user.alone else None
            self._hand_in(user, share, came, f"{name}: interrupted before its end")
            raise
        except Exception as error:
            problem = described(name, error)
        finally:
            self._performing.remove(mine)
        self._hand_in(user, share, result, problem)

    def _hand_in(self, user: OpenLoopUser, share: Share, result: Any, problem: str) -> None:
        name = type(user).__name__
        if self._lead is not None:
            self._lead.hear(share, name, result, problem)
            return
        plain, arrays = user.packed(result) if result is not None else (b"", b"")
        data = {"share": asdict(share), "name": name, "plain": plain, "arrays": arrays, "problem": problem}
        self._environment.runner.send_message(RESULT, data)

    def _hear_share(self, msg: Any, **_: Any) -> None:
        self.take(Share(**msg.data))

    def _hear_done(self, msg: Any, **_: Any) -> None:
        self._done_by_another(msg.data["name"]).set()

    def _done_by_another(self, name: str) -> Event:
        return self._done.setdefault(name, Event())

    def _leave(self, **_: Any) -> None:
        self._share = None


events.init.add_listener(begin)  # type: ignore[no-untyped-call]
