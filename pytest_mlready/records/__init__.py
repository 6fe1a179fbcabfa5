"""Evidence as data: what was sent and what came back, frozen, JSON-plain and replayable.

A gatherer in `evidence/` makes a record, `checks/` judge it. Bytes travel as base64, large arrays beside the JSON
in an `.npz` file (fields marked `ARRAYS`), times are seconds, `*_at` are seconds since the epoch.
"""

from pytest_mlready.records.capacity import Overload, Percentile, Sweep, Trial
from pytest_mlready.records.closing import Closing
from pytest_mlready.records.corpus import Corpus, Generated
from pytest_mlready.records.drift import DriftData
from pytest_mlready.records.drills import (
    BrokenModel,
    Counters,
    Drain,
    Exposition,
    HealthProbe,
    Saturation,
    Scrape,
    StartTimeline,
)
from pytest_mlready.records.exchange import Errored, Exchange, NotGathered, NotStrictJSON, strict_json
from pytest_mlready.records.experiments import (
    AnalysisTrials,
    Assigned,
    Assignments,
    ExperimentDrill,
    Labelled,
    RampStep,
    Sample,
)
from pytest_mlready.records.load import ARRAYS, Generator, LoadRun, RequestClass
from pytest_mlready.records.peers import PeerFailure, SchemathesisRun
from pytest_mlready.records.probes import (
    Answered,
    Answers,
    Artefact,
    BadItem,
    BadItems,
    BadRequest,
    BadRequests,
    CacheDrill,
    Golden,
    Identity,
    InterfaceDocument,
    Label,
    Limits,
    LiveRoutes,
    Prediction,
    Row,
)
from pytest_mlready.records.quality import LabelledAnswers
from pytest_mlready.records.relations import BatchSizes, Concurrency, Edit, Edits, Spelling, Spellings
from pytest_mlready.records.rudeness import Rude, Rudeness
from pytest_mlready.records.scaling import BatchThroughput, BatchTimes, Scaling, SlowRow

__all__ = [
    "ARRAYS",
    "AnalysisTrials",
    "Answered",
    "Answers",
    "Artefact",
    "Assigned",
    "Assignments",
    "BadItem",
    "BadItems",
    "BadRequest",
    "BadRequests",
    "BatchSizes",
    "BatchThroughput",
    "BatchTimes",
    "BrokenModel",
    "CacheDrill",
    "Closing",
    "Concurrency",
    "Corpus",
    "Counters",
    "Drain",
    "DriftData",
    "Edit",
    "Edits",
    "Errored",
    "Exchange",
    "ExperimentDrill",
    "Exposition",
    "Generated",
    "Generator",
    "Golden",
    "HealthProbe",
    "Identity",
    "InterfaceDocument",
    "Label",
    "Labelled",
    "LabelledAnswers",
    "Limits",
    "LiveRoutes",
    "LoadRun",
    "NotGathered",
    "NotStrictJSON",
    "Overload",
    "PeerFailure",
    "Percentile",
    "Prediction",
    "RampStep",
    "RequestClass",
    "Row",
    "Rude",
    "Rudeness",
    "Sample",
    "Saturation",
    "Scaling",
    "SchemathesisRun",
    "Scrape",
    "SlowRow",
    "Spelling",
    "Spellings",
    "StartTimeline",
    "Sweep",
    "Trial",
    "strict_json",
]
