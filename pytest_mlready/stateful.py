"""A Hypothesis state machine for your own tests: requests of every kind in any order change no later answer.

    from pytest_mlready.stateful import converse

    def test_no_order_of_requests_changes_an_answer(mlready_target, mlready_rows):
        converse(mlready_target, mlready_rows)

The fuzzing checks ask in a few fixed orders, which find most of what a service remembers by mistake. The machine tries
orders nobody thought of, and Hypothesis shrinks one that fails to the fewest steps. A service that does not recover
cannot be asked again: of it the steps are told that were taken before it first answered otherwise.

Needs the `strategies` extra: `pip install 'pytest-mlready[strategies]'`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pytest_mlready.evidence.asking import predict, predict_or_fail
from pytest_mlready.evidence.bad_items import ANYWHERE, NUMBERS, columns_of, with_bad_item
from pytest_mlready.evidence.mixed_rows import spread
from pytest_mlready.evidence.rude_clients import ABRUPT, Manner, misbehave
from pytest_mlready.measure.agreement import difference, span_of

if TYPE_CHECKING:
    from pytest_mlready.records import Prediction, Row
    from pytest_mlready.service.target import Target

__all__ = ["Conversation", "conversation", "converse"]

ROWS = 12
MOST_IN_A_BATCH = 20
LONGEST_WAIT_S = 0.2
RUDE_DEADLINE_S = 1.0
BOUNDED = settings(
    max_examples=15, stateful_step_count=20, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
"""At most some thousand requests, shrinking apart."""
MOST_STEPS_TOLD = 12


class Conversation(RuleBasedStateMachine):
    """One service, asked good and bad, one and many, by clients that stay and that leave; made by `conversation`."""

    target: ClassVar[Target]
    rows: ClassVar[Sequence[Row]]
    known: ClassVar[Sequence[Prediction]]
    columns: ClassVar[tuple[list[str], list[str]]]
    failed: ClassVar[list[str]]

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    @rule(at=st.integers(0, ROWS - 1))
    def good(self, at: int) -> None:
        """Ask for one row."""
        self.steps.append(f"good(at={at})")
        self._agrees(at % len(self.rows), self._predicted(self.rows[at % len(self.rows)]), "alone")

    @rule(drawn=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=MOST_IN_A_BATCH))
    def batch(self, drawn: list[int]) -> None:
        """Ask for several rows in one request; one by one where the service takes no batches."""
        self.steps.append(f"batch(drawn={drawn})")
        indices = [at % len(self.rows) for at in drawn]
        together = [self.known[at] for at in indices]
        for at, answer in zip(indices, self._predicted([self.rows[at] for at in indices]), strict=True):
            self._agrees(at, answer, f"in a batch of {len(indices)}", span_of(together))

    @rule(kind=st.sampled_from([*ANYWHERE, *NUMBERS]), at=st.integers(0, 1000))
    def bad(self, kind: str, at: int) -> None:
        """Send a row with one bad item, which is not to break the service."""
        numeric, texts = self.columns
        columns = numeric or texts
        column = columns[at % len(columns)]
        body = with_bad_item(self.target.mapping, self.rows[at % len(self.rows)], column, kind)
        self.steps.append(f"bad(kind={kind!r}, at={at})")
        exchange = predict(self.target, f"{kind} in {column}", body)
        if exchange.status is None or exchange.status >= 500:
            self._fail(f"{exchange.case} was answered {exchange.outcome}")

    @rule(manner=st.sampled_from([one for one in ABRUPT if not one.batch]))
    def abort(self, manner: Manner) -> None:
        """Be a client that leaves in the middle."""
        self.steps.append(f"abort: a client that {manner.name}")
        mapping = self.target.mapping
        misbehave(self.target, manner, mapping.predict_path, mapping.encode_row(self.rows[-1]), RUDE_DEADLINE_S)

    @rule(share=st.floats(0, 1))
    def wait(self, share: float) -> None:
        """Ask nothing for a moment."""
        self.steps.append(f"wait(share={share})")
        time.sleep(share * LONGEST_WAIT_S)

    @invariant()
    def canaries_sing(self) -> None:
        """Two rows with different answers are answered as ever."""
        for at in (0, len(self.rows) - 1):
            self._agrees(at, self._predicted(self.rows[at]), "as a canary")

    def _agrees(self, at: int, answer: Prediction, where: str, span: float | None = None) -> None:
        different = difference(self.known[at], answer, span=span)
        if different is not None:
            self._fail(f"sample row {at} {where} is answered otherwise than at first: {different}")

    def _fail(self, what: str) -> NoReturn:
        steps = self.steps[-MOST_STEPS_TOLD:]
        before = ["…"] if len(steps) < len(self.steps) else []
        self.failed.append("\n  ".join([what, "after these steps:", *before, *steps]))
        raise AssertionError(what)

    def _predicted(self, rows: Any) -> Any:
        """What is predicted; a refusal of what was answered before is a fault as well."""
        try:
            return predict_or_fail(self.target, rows)
        except AssertionError as refused:
            self._fail(str(refused))


def converse(target: Target, rows: Sequence[Row], how: settings = BOUNDED) -> None:
    """Hold conversations with a service until one changes an answer, or enough were held.

    Args:
        target: the service, as `mlready_target` gives it.
        rows: sample rows without label, as `mlready_rows` gives them.
        how: Hypothesis settings: how many conversations (`max_examples`) of how many steps.

    Raises:
        AssertionError: a later answer differs, a bad body met a server error, or a sample row is refused.
        ValueError: there are no rows.
        NotAllowed: the target was not released for "fuzz".
    """
    machine = conversation(target, rows)
    try:
        run_state_machine_as_test(machine, settings=how)
    except Flaky as flaky:
        if not machine.failed:
            raise
        raise AssertionError(machine.failed[0]) from flaky


def conversation(target: Target, rows: Sequence[Row]) -> type[Conversation]:
    """The machine for one service, to be extended: it is asked once for each of a dozen rows before it begins.

    Args:
        target: the service, as `mlready_target` gives it.
        rows: sample rows without label, as `mlready_rows` gives them.

    Raises:
        ValueError: there are no rows.
        NotAllowed: the target was not released for "fuzz".
        AssertionError: the service refuses a sample row.
    """
    if not rows:
        raise ValueError('conversation() needs sample rows: [inputs] rows = "sample.csv"')
    target.require("fuzz")
    chosen = [rows[at] for at in spread(len(rows), ROWS)]
    known = [predict_or_fail(target, row) for row in chosen]
    # The canaries are the first and the last: rows with different answers, where there are any.
    other = next((at for at, one in enumerate(known) if one.prediction != known[0].prediction), len(known) - 1)
    chosen.append(chosen.pop(other))
    known.append(known.pop(other))
    made: dict[str, Any] = {
        "target": target,
        "rows": chosen,
        "known": known,
        "columns": columns_of(chosen),
        "failed": [],
    }
    machine: type[Conversation] = type("Conversation", (Conversation,), made)
    machine.TestCase.settings = BOUNDED
    return machine
