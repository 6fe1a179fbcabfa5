"""What a service meets in production: single rows, rows of known users, batches, health probes, bad requests."""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser, Request


class Mixed(OpenLoopUser):
    """At `--rate` for `--duration`; the p99 is that of the single rows, which batches must not starve."""

    rows_file = Path(__file__).with_name("rows.csv")

    def kinds(self) -> tuple[Kind, ...]:
        """Five classes: `user` goes through the A/B experiment, `invalid` is right only if it is refused.

        Of a service that `--mlready-toml` describes, those that it declares.
        """
        layout, rows = self.layout, self.rows()
        kinds = [Kind("predict", 60, tuple(map(self.predict_request, rows)))]
        if layout.id_field is not None:
            users = ({layout.id_field: f"user-{number}"} for number in range(len(rows)))
            kinds.append(Kind("user", 20, tuple(map(self.predict_request, rows, users))))
        if layout.mapping.batch_route is not None:
            kinds.append(Kind("batch", 5, (self.batch_request(rows),)))
        if layout.health is not None:
            kinds.append(Kind("health", 10, (Request("GET", layout.health),)))
        short = dict(list(rows[0].items())[:-1])
        broken = (layout.mapping.encode_row(short), layout.mapping.encode_body("text"), b"{}")
        return (*kinds, Kind("invalid", 5, tuple(map(self.post, broken)), expected=(4,)))
