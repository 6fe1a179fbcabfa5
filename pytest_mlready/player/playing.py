"""Plays a replay against a service: exit 1 where the fault shows, 0 where it does not, 2 where nothing can be said."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pytest_mlready.player.asking import Asker, NotSet, port_of
from pytest_mlready.player.judging import JUDGES, CannotSay, Heard, decoded
from pytest_mlready.player.memory import resident_bytes
from pytest_mlready.protocols.json_mapping import JsonMapping

LONGEST_S = 60.0


def main(directory: Path, arguments: list[str] | None = None) -> int:
    """Play the replay that lies in a directory; prints what it compares."""
    plan = json.loads((directory / "replay.json").read_text("utf-8"))
    parser = argparse.ArgumentParser(description=f"{plan['check']}: {plan['says']}", epilog=__doc__)
    parser.add_argument("url", nargs="?", default=plan["url"], help="base URL of the service (%(default)s)")
    url = parser.parse_args(arguments).url
    if url is None:
        parser.error("the URL of the service is needed: none was known when this was written")
    print(f"{plan['check']} at {url}\nfound: {plan['says']}")
    try:
        player = Player(plan, directory, url)
        heard = player.play()
    except NotSet as missing:
        print(missing)
        return 2
    return told(plan, heard, player.memory)


class Player:
    """Asks what the plan has, in its order, and keeps every answer by the request's position."""

    def __init__(self, plan: Mapping[str, Any], directory: Path, url: str) -> None:
        self._plan, self._directory, self._url = plan, directory, url
        self._mapping = JsonMapping(**plan["mapping"])
        self._heard: dict[int, list[Heard]] = defaultdict(list)
        self._until = time.monotonic() + LONGEST_S
        self.memory: list[int | None] = []

    def play(self) -> Mapping[int, list[Heard]]:
        """All answers. It ends early when a request gets no answer: what comes after would wait for its own, too."""
        if self._plan["together"]:
            self._all_at_once()
        else:
            self._one_by_one()
        return self._heard

    def _one_by_one(self) -> None:
        with closing(self._new()) as asker:
            self._rounds(asker)

    def _rounds(self, asker: Asker) -> None:
        self._look_at_memory()
        for turn in range(self._plan["rounds"]):
            for at in self._plan["order"]:
                if time.monotonic() > self._until:
                    return
                if not self._ask(asker, at, keep=turn % 2 == 1) and self._plan["requests"][at]["rude"] is None:
                    return
            self._look_at_memory()

    def _all_at_once(self) -> None:
        order = self._plan["order"]
        with closing(self._new()) as asker:
            if not all(self._ask(asker, at, keep=True) for at in [*order, *order]):
                return
        meeting = threading.Barrier(len(order))

        def connection(at: int) -> None:
            own = self._new()
            try:
                for _ in range(self._plan["rounds"]):
                    meeting.wait(timeout=LONGEST_S)
                    if time.monotonic() > self._until or not self._ask(own, at, keep=True):
                        break
            except threading.BrokenBarrierError:
                pass
            finally:
                meeting.abort()
                own.close()

        threads = [threading.Thread(target=connection, args=(at,)) for at in order]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _look_at_memory(self) -> None:
        if any(one["holds"] == "steady" for one in self._plan["expects"]):
            self.memory.append(resident_bytes(port_of(self._url)))

    def _new(self) -> Asker:
        return Asker(self._plan, self._directory, self._url)

    def _ask(self, asker: Asker, at: int, *, keep: bool) -> bool:
        one = decoded(self._mapping, asker.ask(at, keep=keep))
        self._heard[at].append(one)
        return one.exchange.status is not None


def told(plan: Mapping[str, Any], heard: Mapping[int, list[Heard]], memory: Sequence[int | None] = ()) -> int:
    """Print what was compared, and return the exit code."""
    if not any(one.exchange.status is not None for answers in heard.values() for one in answers):
        refused = {one.exchange.failure for answers in heard.values() for one in answers} == {"refused"}
        if refused:
            print("nothing listens there")
            return 2
    faults = unsaid = 0
    for number, expect in enumerate(plan["expects"], 1):
        asked = [[one for one in heard.get(at, []) if not one.exchange.one_too_many] for at in expect["of"]]
        case = plan["requests"][expect["of"][0]]["case"]
        try:
            if not all(asked):
                raise CannotSay(f"{case}: was not asked: an answer before it did not come, or it was one too many")
            what, wrong = JUDGES[expect["holds"]]({**expect["told"], "memory": memory}, *asked)
        except CannotSay as missing:
            unsaid += 1
            print(f"  {'?':<6} {number}. {missing}")
            continue
        faults += wrong is not None
        mark, how = ("ok", "") if wrong is None else ("FAULT", f"; {wrong}")
        print(f"  {mark:<6} {number}. {case}: {what}{how}")
    if faults:
        print(f"the fault shows: {faults} of {len(plan['expects'])} do not hold")
        return 1
    print("nothing can be said" if unsaid else f"the fault does not show: all {len(plan['expects'])} hold")
    return 2 if unsaid else 0
