"""Which worker runs which scenario: each worker each of them, once."""

from __future__ import annotations

from collections.abc import Iterator

from locust.dispatch import UsersDispatcher


class OneOfEach(UsersDispatcher):
    """Deals a scenario's users out to all workers before the next scenario's.

    Locust alternates the classes instead, so that with two scenarios and two workers each worker would get one
    scenario twice.
    """

    def _user_gen(self) -> Iterator[str | None]:
        for user_class in self._user_classes:
            for _ in range(user_class.fixed_count):
                yield user_class.__name__
        yield None
