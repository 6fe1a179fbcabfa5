"""The parts that a server is made of, each of which can be replaced by another.

components = build_components(settings)
components = dataclasses.replace(components, predictor=Slow(components.predictor))
app = create_app(components)
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_service.artifacts.registry import Registry
from reference_service.deployments.automatic_rollback import AutomaticRollback
from reference_service.deployments.changes import Changes
from reference_service.deployments.deployment import Deployments
from reference_service.deployments.outcomes import Outcomes
from reference_service.drain import Drain
from reference_service.drift.monitor import DriftMonitor
from reference_service.drift.shared import Shared
from reference_service.experiments.experiment_file import read_experiments
from reference_service.experiments.experiments import Experiments
from reference_service.experiments.routing import Routing
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.batcher import Batcher
from reference_service.model.drill import drilled
from reference_service.model.engines import ENGINES
from reference_service.model.examination import Examination
from reference_service.model.identity import Identity
from reference_service.model.inputs import ModelContract, RowValidator
from reference_service.model.predictor import Predictor
from reference_service.model.readiness import Readiness
from reference_service.model.serving import Serving
from reference_service.settings import Settings
from reference_service.telemetry import Telemetry
from reference_service.web.access import Access, known_tokens
from reference_service.web.envelope import Envelope
from reference_service.web.presenter import Presenter
from reference_service.web.problems import ProblemRenderer
from reference_service.web.rate_limit import RateLimit
from reference_service.web.request_body import BodyReader
from reference_service.web.request_ids import RequestIds
from reference_service.web.request_log import RequestLog
from reference_service.web.trace_context import Traces


@dataclass(frozen=True)
class Components:
    """Everything that `create_app` wires together."""

    settings: Settings
    contract: ModelContract
    registry: Registry
    changes: Changes
    serving: Serving
    identity: Identity
    routing: Routing
    predictor: Predictor
    batcher: Batcher
    bodies: BodyReader
    rows: RowValidator
    cache: AnswerCache
    presenter: Presenter
    problems: ProblemRenderer
    request_ids: RequestIds
    telemetry: Telemetry
    log: RequestLog
    readiness: Readiness
    examination: Examination
    deployments: Deployments
    experiments: Experiments
    outcomes: Outcomes
    automatic_rollback: AutomaticRollback
    drift: DriftMonitor
    access: Access
    rate_limit: RateLimit
    traces: Traces
    drain: Drain
    envelope: type[Envelope] = Envelope

    def __post_init__(self) -> None:
        """Make the parts that use each other use those of this set, so that replacing one is enough."""
        self.serving.registry, self.serving.changes = self.registry, self.changes
        self.identity.serving, self.identity.registry = self.serving, self.registry
        self.batcher.predictor, self.batcher.telemetry = self.predictor, self.telemetry
        self.readiness.serving, self.readiness.batcher = self.serving, self.batcher
        self.examination.serving, self.examination.batcher, self.examination.log = self.serving, self.batcher, self.log
        self.deployments.changes, self.deployments.registry = self.changes, self.registry
        self.deployments.examination = self.examination
        self.deployments.telemetry, self.deployments.log = self.telemetry, self.log
        self.experiments.changes, self.experiments.examination = self.changes, self.examination
        self.experiments.routing, self.experiments.telemetry = self.routing, self.telemetry
        self.experiments.log = self.log
        self.automatic_rollback.serving, self.automatic_rollback.outcomes = self.serving, self.outcomes
        self.automatic_rollback.deployments = self.deployments
        self.drift.registry, self.drift.serving, self.drift.telemetry = self.registry, self.serving, self.telemetry
        self.access.log = self.log
        self.drain.readiness, self.drain.log = self.readiness, self.log


def build_components(settings: Settings) -> Components:
    """The parts of a good server. Reads and verifies the metadata of the version; loads no model yet.

    Raises:
        registry.UnknownVersion, manifest.Untrusted: the version cannot be served.
        access.BadTokens: the file of tokens cannot be used.
        experiment_file.BadExperiments: the file of experiments cannot be used.
    """
    engine = ENGINES[settings.engine]
    registry = Registry(settings.models, settings.model, engine)
    version = settings.version or registry.first_version()
    record = registry.record(version)
    contract = ModelContract.of(record.metadata, record.golden)
    changes = Changes(settings.state_directory)
    serving = Serving(registry, changes, version, read_experiments(settings.experiments))
    telemetry = Telemetry(contract)
    predictor = drilled(engine.predictor(), settings.drill)
    batcher = Batcher(predictor, telemetry, settings.limits)
    readiness = Readiness(serving, batcher)
    log = RequestLog()
    examination = Examination(contract, serving, batcher, log)
    deployments = Deployments(changes, registry, examination, telemetry, log)
    routing = Routing()
    outcomes = Outcomes(settings.state_directory)
    shared = Shared(settings.state_directory / "drift" if settings.workers > 1 else None)
    return Components(
        settings=settings,
        contract=contract,
        registry=registry,
        changes=changes,
        serving=serving,
        identity=Identity(serving, registry),
        routing=routing,
        predictor=predictor,
        batcher=batcher,
        bodies=BodyReader(settings.limits.body_seconds),
        rows=RowValidator(contract, settings.limits),
        cache=AnswerCache(settings.cache_seconds),
        presenter=Presenter(),
        problems=ProblemRenderer(),
        request_ids=RequestIds(),
        telemetry=telemetry,
        log=log,
        readiness=readiness,
        examination=examination,
        deployments=deployments,
        experiments=Experiments(changes, examination, routing, telemetry, log),
        outcomes=outcomes,
        automatic_rollback=AutomaticRollback(settings, contract.task, serving, outcomes, deployments),
        drift=DriftMonitor(registry, serving, telemetry, shared, settings.drift_window, settings.drift_look_seconds),
        access=Access(known_tokens(settings), settings.keyed, log),
        rate_limit=RateLimit(settings.rate_limit, settings.rate_burst, settings.state_directory),
        traces=Traces(),
        drain=Drain(readiness, log, settings.drain_seconds),
    )
