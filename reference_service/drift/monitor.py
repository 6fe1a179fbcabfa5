"""Watches whether live traffic still looks like what the serving version learnt from.

Looks are taken beside the event loop, one at a time, by default at most one a second. The error rate: alpha is the
chance of a false alarm in a horizon of 50 looks, that is in five windows of rows, 5,000 by default, each look at its
fiftieth part. A service that runs for ever will thus see a false alarm once in a hundred horizons at worst, half a
million rows, and fewer in truth, as neighbouring looks share most of their rows. To spend alpha once for all time
instead would make the monitor deaf with age.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import Sequence

from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Registry, UnknownVersion
from reference_service.drift.panel import Panel, overall, unknown
from reference_service.drift.profile import FILE_NAME, Profile
from reference_service.drift.shared import Report, Shared
from reference_service.drift.window import Batch, Window, newest
from reference_service.model.columns import Row
from reference_service.model.serving import Serving
from reference_service.telemetry import Telemetry
from reference_service.web.request_log import RequestLog

ALPHA = 0.01
HORIZON_LOOKS = 50
PAUSE_SECONDS = 0.0001
"""After each feature: a look must not keep the interpreter from the event loop for longer than one feature takes."""


class DriftMonitor:
    """Compares the newest rows that were answered with the profile of the version that serves."""

    def __init__(
        self,
        registry: Registry,
        serving: Serving,
        telemetry: Telemetry,
        shared: Shared,
        window: int,
        look_seconds: float = 1.0,
    ) -> None:
        self.registry = registry
        self.serving = serving
        self.telemetry = telemetry
        self.shared = shared
        self.look_seconds = look_seconds
        self.window = Window(window)
        self.panel: Panel | None = None
        self.report = Report("")

    def observe(self, rows: Sequence[Row]) -> None:
        """Rows were answered."""
        self.window.observe(rows)

    async def follow(self, log: RequestLog) -> None:
        """Look, as long as the service runs."""
        while True:
            try:
                await self.turn()
            except OSError as error:  # nobody is refused an answer for want of a look
                log.failure("drift", error)
            await asyncio.sleep(self.look_seconds)

    async def turn(self) -> None:
        """Begin afresh if another version serves, and look if enough rows are new."""
        version = self.serving.state().serving
        if version != self.report.model_version:
            first = not self.report.model_version
            self.begin(version, *await asyncio.to_thread(self.profile, version))
            if not first:
                await asyncio.to_thread(self.shared.forget, self.report)
        if self.panel is not None and self.window.due():
            report = await asyncio.to_thread(self.look, version, self.panel, self.window.take(time.monotonic()))
            if version == self.serving.state().serving:
                self.report = report
                self.telemetry.drift.show(report)

    def profile(self, version: str) -> tuple[Profile | None, str | None]:
        """What a version learnt from, if it says so, and the sha256 of the file that does; blocks."""
        with contextlib.suppress(UnknownVersion, Untrusted):
            content = self.registry.files(version).get(FILE_NAME)
            if content is not None:
                return Profile.read(content), hashlib.sha256(content).hexdigest()
        return None, None

    def begin(self, version: str, profile: Profile | None, digest: str | None) -> None:
        """Forget what was seen and compare with another version's profile; without one there is no verdict."""
        self.window.clear()
        self.panel = Panel(profile, ALPHA, HORIZON_LOOKS) if profile is not None else None
        nothing_yet = self.panel.judge([]) if self.panel is not None else []
        self.report = Report(version, features=nothing_yet, reference=digest)
        self.telemetry.drift.show(self.report)

    def look(self, version: str, panel: Panel, batches: Sequence[Batch]) -> Report:
        """Judge the newest rows of all workers; blocks."""
        rows = newest(self.shared.exchange(version, batches), self.window.size)
        findings = panel.judge(rows, PAUSE_SECONDS)
        shift = panel.smallest_shift(findings[0].n)
        known_shift = shift if math.isfinite(shift) else None
        report = Report(version, overall(findings), len(rows), known_shift, findings, self.report.reference)
        self.shared.tell(report)
        return report

    def seen(self, version: str) -> Report:
        """The last look at rows of a version, whichever worker took it; blocks."""
        for report in (self.shared.told(), self.report):
            if report is not None and report.model_version == version:
                return report
        return Report(version, features=[unknown(finding.name) for finding in self.report.features])
