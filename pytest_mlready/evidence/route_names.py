"""Paths where model services keep routes that nobody documented."""

from __future__ import annotations

ROUTE_NAMES = (
    "/admin", "/api", "/api/predict", "/api/v1/predict", "/batch", "/batch_predict", "/config", "/console", "/data",
    "/debug", "/debug/config", "/debug/env", "/debug/model", "/debug/pprof/", "/debug/state", "/debug/vars",
    "/deploy", "/deployments", "/download", "/drift", "/dump", "/env", "/experiments", "/explain", "/export",
    "/features", "/feedback", "/files", "/graphql", "/health", "/health/live", "/health/ready", "/healthz", "/history",
    "/info", "/internal", "/internal/debug", "/internal/predict", "/internal/stats", "/invocations", "/livez", "/load",
    "/logs", "/metadata", "/metrics", "/model", "/model/download", "/model/info", "/model/reload", "/models",
    "/models/reload", "/ping", "/predict", "/predict/batch", "/predict/debug", "/predict_batch", "/predict_proba",
    "/predictions", "/private", "/promote", "/readyz", "/reload", "/reset", "/retrain", "/rollback", "/score",
    "/settings", "/shutdown", "/state", "/stats", "/status", "/switch", "/test", "/train", "/upload", "/v1/models",
    "/v1/predict", "/v2", "/v2/models", "/version", "/weights",
)  # fmt: skip
"""Asked for with OPTIONS, which does nothing, whatever the route does."""
