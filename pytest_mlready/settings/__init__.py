"""`mlready.toml`: what may be declared in it, and what that must be. A module for each group of tables."""

from pytest_mlready.settings.deployment import Deployment, DeploymentCall
from pytest_mlready.settings.document import PROFILES, Profile, Settings, load, parse
from pytest_mlready.settings.drift import Drift, DriftReference, DriftSignal
from pytest_mlready.settings.experiments import ExperimentChange, Experiments
from pytest_mlready.settings.gate import Attestation, Waiver
from pytest_mlready.settings.interface import Metrics, Relations
from pytest_mlready.settings.latency import Latency, Replicas
from pytest_mlready.settings.quality import MAJORITY, Quality
from pytest_mlready.settings.service import PERMISSIONS, Base, Permission, Service
from pytest_mlready.settings.tables import SettingsError, converted, nearest, refuse_unknown
from pytest_mlready.settings.training import Training

__all__ = [
    "MAJORITY",
    "PERMISSIONS",
    "PROFILES",
    "Attestation",
    "Base",
    "Deployment",
    "DeploymentCall",
    "Drift",
    "DriftReference",
    "DriftSignal",
    "ExperimentChange",
    "Experiments",
    "Latency",
    "Metrics",
    "Permission",
    "Profile",
    "Quality",
    "Relations",
    "Replicas",
    "Service",
    "Settings",
    "SettingsError",
    "Training",
    "Waiver",
    "converted",
    "load",
    "nearest",
    "parse",
    "refuse_unknown",
]
