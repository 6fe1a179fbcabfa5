"""What a service meets in production: single rows, rows of known users, batches, health probes, bad requests."""

from __future__ import annotations

from pathlib import Path

from pytest_mlready.openloop.user import Kind, OpenLoopUser, Request, json_request


class Mixed(OpenLoopUser):
    """At `--rate` for `--duration`; the p99 is that of the single rows, which batches must not starve."""

    rows_file = Path(__file__).with_name("rows.csv")

    def kinds(self) -> tuple[Kind, ...]:
        """Five classes: `user` goes through the A/B experiment, `invalid` is right only if it is refused."""
        rows = self.rows()
        broken: tuple[dict[str, object], ...] = ({"features": rows[0][:-1]}, {"features": "text"}, {})
        users = ({"features": row, "user_id": f"user-{number}"} for number, row in enumerate(rows))
        return (
            Kind("predict", 60, tuple(json_request("/predict", {"features": row}) for row in rows)),
            Kind("user", 20, tuple(json_request("/predict", one) for one in users)),
            Kind("batch", 5, (json_request("/predict/batch", {"instances": rows}),)),
            Kind("health", 10, (Request("GET", "/health/live"),)),
            Kind("invalid", 5, tuple(json_request("/predict", one) for one in broken), expected=(4,)),
        )
