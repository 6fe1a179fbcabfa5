"""The target: what every gatherer gets, whether we started the service or somebody else did."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_mlready.protocols.detect import detect
from pytest_mlready.protocols.json_mapping import JsonMapping
from pytest_mlready.protocols.openapi import OpenAPI
from pytest_mlready.protocols.paths import Role, check_declared
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.launch import StartError, start, wait_ready
from pytest_mlready.service.patience import RateLimited
from pytest_mlready.service.readiness import ReadyProbe, locate_paths, read_openapi
from pytest_mlready.service.transport import Headers, Transport
from pytest_mlready.service.turns import Turns

PERMISSIONS = ("fuzz", "load", "deploy", "kill")


class NotAllowed(PermissionError):
    """The target was not released for this; the message has the line to add."""


class NotOurs(RuntimeError):
    """A fresh instance is wanted of a service that is known by its URL only."""


@dataclass(frozen=True)
class Recipe:
    """How to start another instance of the same service. `run_dir` holds each instance's state and log."""

    command: str
    cwd: str
    run_dir: str
    env: Mapping[str, str]
    ready_timeout_s: float


@dataclass(frozen=True, eq=False)
class Target:
    """A service under test.

    Attributes:
        url: its origin, with a path prefix if it has one.
        mapping: how rows and answers are laid out.
        paths: role ("ready", "live", "health", "info", "metrics", "openapi") to path, None where there is none.
        openapi: its document, None if it has none that can be read.
        allow: what it was released for: "fuzz", "load", "deploy", "kill".
        headers: sent with every request; they may hold secrets.
        instance: its process, None if it is known by its URL only.
        ready_after_s: seconds from start (or attach) to the first ready answer.
        patience: asks again what is refused as one too many; None where a refusal is what is looked for.
    """

    url: str
    mapping: JsonMapping
    paths: Mapping[Role, str | None]
    openapi: OpenAPI | None
    allow: frozenset[str]
    headers: tuple[tuple[str, str], ...] = ()
    instance: Instance | None = None
    recipe: Recipe | None = None
    ready_after_s: float = 0.0
    ca_file: str | None = None
    verify: bool = True
    patience: RateLimited | None = None

    @property
    def origin(self) -> str:
        """Its URL without a path prefix."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @cached_property
    def turns(self) -> Turns:
        """The turns on this target, the same locks for every run and worker."""
        return Turns(self.url)

    def transport(self, **options: Any) -> Transport:
        """A guarded transport with the target's headers; `options` are those of Transport."""
        return _transport(self.url, {"headers": self.headers, **options}, self.ca_file, self.verify)

    def require(self, permission: str) -> None:
        """Refuse to go on unless the target was released for `permission`.

        Raises:
            NotAllowed: it was not; the message has the line to add.
        """
        if permission not in self.allow:
            allow = ", ".join(f'"{one}"' for one in PERMISSIONS if one in {*self.allow, permission})
            raise NotAllowed(
                f"{permission!r} is not allowed on {self.url}: "
                f"add `allow = [{allow}]` to [service] in mlready.toml, or --mlready-allow {permission}"
            )

    def started_by(self, command: str | None) -> Target:
        """The same service, whose fresh instances are started by another command, if one is given and it was ours."""
        if command is None or self.recipe is None:
            return self
        return replace(self, recipe=replace(self.recipe, command=command))

    @contextmanager
    def fresh(
        self, *, env: Mapping[str, str] | None = None, ready: bool = True, after: Instance | None = None
    ) -> Iterator[Target]:
        """Another instance of the same command with an empty state directory of its own, which leaving it ends.

        `env` is added to the recipe's; with `ready=False` it is not waited for. `after` is one that has ended: the new
        one comes up on what it left in its state directory, as after a restart.

        Raises:
            NotOurs: the service was not started by a command.
            StartError: the new instance did not start or never became ready.
        """
        if self.recipe is None:
            raise NotOurs(f"{self.url} was not started by a command, so no second instance of it can be started")
        recipe = replace(self.recipe, env={**self.recipe.env, **(env or {})})
        instance = _start(recipe, f"fresh-{uuid.uuid4().hex[:8]}", None if after is None else after.state_dir)
        try:
            target = replace(self, url=instance.url, instance=instance)
            if ready:
                declared = {"ready": self.paths["ready"]} if self.paths.get("ready") else {}
                probe = ReadyProbe(target.transport(), {name: path for name, path in declared.items() if path})
                target = replace(target, ready_after_s=wait_ready(instance, probe, recipe.ready_timeout_s))
            yield target
        finally:
            instance.leave()

    def alive_or_reason(self) -> str | None:
        """None if the service answers, else a sentence on what became of it."""
        if self.instance is not None and not self.instance.alive():
            code = self.instance.exit_code()
            if code != 0 or not self.instance.processes():
                return f"the service (pid {self.instance.pid}) has ended with exit code {code}"
        with self.transport(deadline_s=5.0) as transport:
            path = self.paths.get("live") or self.paths.get("ready") or "/"
            exchange = transport.request("alive", "GET", path)
            if exchange.status is None:
                return f"GET {path} got no answer: {exchange.failure} ({transport.why()})"
        return None

    def stop(self, grace_s: float = 5.0) -> None:
        """End the instance, if this process started one."""
        if self.instance is not None and self.instance.owned:
            self.instance.stop(grace_s)

    def describe(self) -> dict[str, Any]:
        """As JSON-plain values for another process; they hold the headers, secrets included."""
        return {
            "url": self.url,
            "mapping": self.mapping.describe(),
            "paths": dict(self.paths),
            "openapi": None if self.openapi is None else dict(self.openapi.document),
            "allow": sorted(self.allow),
            "headers": [list(pair) for pair in self.headers],
            "instance": None if self.instance is None else self.instance.describe(),
            "recipe": None if self.recipe is None else {**asdict(self.recipe), "env": dict(self.recipe.env)},
            "ready_after_s": self.ready_after_s,
            "ca_file": self.ca_file,
            "verify": self.verify,
        }

    @classmethod
    def from_description(cls, plain: Mapping[str, Any]) -> Target:
        """The reverse of `describe`: the same target, whose instance may be looked at but not stopped."""
        openapi, instance, recipe = plain["openapi"], plain["instance"], plain["recipe"]
        return cls(
            **{
                **plain,
                "mapping": JsonMapping(**plain["mapping"]),
                "openapi": None if openapi is None else OpenAPI.parse(openapi),
                "allow": frozenset(plain["allow"]),
                "headers": tuple((name, value) for name, value in plain["headers"]),
                "instance": None if instance is None else Instance.from_description(instance),
                "recipe": None if recipe is None else Recipe(**recipe),
            }
        )


def launch(
    *,
    command: str,
    cwd: Path,
    run_dir: Path,
    ready_path: str | None = None,
    start_timeout_s: float = 30.0,
    declared_json: Mapping[str, object] | None = None,
    declared_paths: Mapping[str, str] | None = None,
    feature_names: Sequence[str] = (),
    headers: Mapping[str, str] | Headers = (),
    allow: Sequence[str] = PERMISSIONS,
    env: Mapping[str, str] | None = None,
) -> Target:
    """Start a service, wait until it is ready, and find out how to speak to it; whoever calls stops it.

    Parameters: see `launch.start` for `command` and its placeholders; `run_dir` gets the instance's state and log.

    Raises:
        StartError: it did not start or never became ready; the message is fit to print.
        DetectError, BadDeclaration, BadPath: it could not be found out how to speak to it, or a declaration is wrong.
    """
    declared = _declared_paths(declared_paths, ready_path)
    recipe = Recipe(command, str(cwd), str(run_dir), dict(env or {}), start_timeout_s)
    instance = _start(recipe, "main")
    try:
        target = _build(instance.url, instance, declared, start_timeout_s, declared_json, feature_names, headers, {})
    except BaseException:
        instance.stop(0.5)
        raise
    return replace(target, allow=frozenset(allow), recipe=recipe)


def attach(
    *,
    url: str,
    ready_path: str | None = None,
    start_timeout_s: float = 10.0,
    declared_json: Mapping[str, object] | None = None,
    declared_paths: Mapping[str, str] | None = None,
    feature_names: Sequence[str] = (),
    headers: Mapping[str, str] | Headers = (),
    allow: Sequence[str] = (),
    ca_file: Path | None = None,
    verify: bool = True,
) -> Target:
    """Find out how to speak to a service that is running already.

    Raises:
        StartError: it is not ready within `start_timeout_s` seconds.
        DetectError, BadDeclaration, BadPath: as `launch`.
        ValueError: the URL cannot be used.
    """
    declared = _declared_paths(declared_paths, ready_path)
    trust = {"ca_file": None if ca_file is None else str(ca_file), "verify": verify}
    target = _build(url.rstrip("/"), None, declared, start_timeout_s, declared_json, feature_names, headers, trust)
    return replace(target, allow=frozenset(allow))


def _build(
    url: str,
    instance: Instance | None,
    declared: Mapping[str, str],
    timeout_s: float,
    declared_json: Mapping[str, object] | None,
    feature_names: Sequence[str],
    headers: Mapping[str, str] | Headers,
    trust: Mapping[str, Any],
) -> Target:
    sent = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
    with _transport(url, {"headers": sent}, trust.get("ca_file"), trust.get("verify", True)) as transport:
        probe = ReadyProbe(transport, declared)
        ready_after_s = wait_ready(instance, probe, timeout_s, url=url)
        openapi_path, openapi = read_openapi(transport, declared)
        paths = {"ready": probe.path, "openapi": openapi_path, **locate_paths(transport, declared, openapi)}
    mapping = detect(openapi, declared_json or {}, feature_names)
    return Target(
        url=url,
        mapping=mapping,
        paths=paths,
        openapi=openapi,
        allow=frozenset(),
        headers=sent,
        instance=instance,
        ready_after_s=ready_after_s,
        **trust,
    )


def _transport(url: str, options: Mapping[str, Any], ca_file: str | None, verify: bool) -> Transport:
    return Transport(url, **{"ca_file": None if ca_file is None else Path(ca_file), "verify": verify, **options})


def _declared_paths(paths: Mapping[str, str] | None, ready_path: str | None) -> dict[str, str]:
    declared = dict(paths or {})
    if ready_path is not None:
        declared["ready"] = ready_path
    check_declared(declared)
    return declared


def _start(recipe: Recipe, name: str, state: Path | None = None) -> Instance:
    directory = Path(recipe.run_dir).absolute() / "instances" / name
    return start(
        recipe.command,
        cwd=Path(recipe.cwd),
        state_dir=state or directory / "state",
        log_path=directory / "service.log",
        env=recipe.env,
    )


__all__ = ["NotAllowed", "NotOurs", "Recipe", "StartError", "Target", "attach", "launch"]
