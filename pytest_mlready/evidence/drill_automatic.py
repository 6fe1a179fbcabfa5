"""A version made to look bad by late labels: does the service go back by itself?"""

from __future__ import annotations

import json
import time

from pytest_mlready.deployment import Deployment, Refused, Unanswered
from pytest_mlready.evidence.asking import ask_one, clean
from pytest_mlready.evidence.drill_orders import Orders
from pytest_mlready.evidence.drill_witness import Witness
from pytest_mlready.records import AutomaticRollback, Label
from pytest_mlready.service.transport import JSON
from pytest_mlready.settings import Deployment as Table

LABELS = 24
"""All wrong: whatever the bound, so many prove that a version is beyond it."""
PACE_S = 0.05
FAR_OFF = 1e6


def automatic_rollback(witness: Witness, deployment: Deployment, table: Table, orders: Orders) -> AutomaticRollback:
    """Promote the second version, say of its every prediction that it was wrong, and wait for the first one."""
    first, second = witness.versions
    orders.promote(deployment, second)
    target, refused, sent = witness.context.target, None, 0
    with target.transport() as transport:
        for at in range(LABELS):
            row = witness.rows[at % len(witness.rows)]
            answered = ask_one(witness.context, row, keep_alive=True, transport=transport)
            if answered.only is None:
                continue
            body = {"request_id": answered.only.request_id, "label": wrong(answered.only.prediction, witness)}
            told = transport.request(
                "feedback", "POST", str(table.feedback), json.dumps(body).encode(), JSON, keep_alive=True
            )
            sent += told.ok
            refused = refused or (None if told.ok else clean(f"{told.outcome} {told.text}", 200))
    began = time.monotonic()
    while (waited := time.monotonic() - began) < table.undone_s:
        if _serving(deployment) == first:
            state = orders.state(deployment)
            return AutomaticRollback(sent, refused, waited, waited, state.tip)
        time.sleep(PACE_S)
    return AutomaticRollback(sent, refused, None, waited)


def wrong(prediction: Label, witness: Witness) -> Label:
    """A label that the prediction is not: another class, or a number far off."""
    if isinstance(prediction, int | float) and not isinstance(prediction, bool):
        return prediction + FAR_OFF
    return next((one for one in witness.labels() if one != prediction), prediction)


def _serving(deployment: Deployment) -> str | None:
    try:
        return deployment.current()
    except (Refused, Unanswered):
        return None
