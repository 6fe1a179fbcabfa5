"""Which worker runs which scenario: each worker each of them, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode


class OneOfEach(UsersDispatcher):
    """Gives each worker that is there at the start one user of each scenario, however many users are asked for.

    Locust would alternate the classes, so that with two scenarios and two workers each worker got one scenario twice;
    and it would deal anew whenever a worker comes or goes, which ends users that are sending, or starts others that
    send the same again.
    """

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: Any = None) -> None:
        """All at once."""
        wanted = max(1, len(self._worker_nodes) * len(user_classes or self._user_classes))
        super().new_dispatch(wanted, wanted, user_classes)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Whoever comes later has no share of the schedule."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """The others go on with their own shares."""
        self._worker_nodes = [one for one in self._worker_nodes if one.id != worker_node.id]
        self._users_on_workers.pop(worker_node.id, None)
        self._current_user_count = self.get_current_user_count()

    def _user_gen(self) -> Iterator[str | None]:
        for user_class in self._user_classes:
            for _ in range(len(self._worker_nodes)):
                yield user_class.__name__
        while True:
            yield None
