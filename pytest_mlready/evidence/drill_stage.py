"""Where a rollback drill plays: an instance of its own with artefacts of its own, or else the target itself."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_mlready.deployment import Deployment, holding, moved
from pytest_mlready.evidence.context import Context
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.service.instance import Instance
from pytest_mlready.service.target import StartError, Target
from pytest_mlready.settings import Deployment as Table

RESTART_BEYOND = 3.0
"""A restart may take so many times as long as the first start did: the machine may be busier by then."""
_COPY = "{" + "registry}"


@dataclass
class Stage:
    """The service that is drilled, and how its versions are changed; both change when it is started again.

    `registry` is the copy of the artefacts, None where there is none. `base` is the service's recipe with the drill's
    command, None on the target itself.
    """

    target: Target
    deployment: Deployment
    registry: Path | None = None
    base: Target | None = None

    @property
    def fresh(self) -> bool:
        """Whether it is an instance of its own."""
        return self.base is not None

    @contextmanager
    def killed(self, image: Path | None = None) -> Iterator[float]:
        """SIGKILL all of it, start it again on the state that it left, and give the seconds until it was ready.

        A copy of its state directory, an `image`, takes the place of what it left if one is given.

        Raises:
            StartError: it did not come up again.
        """
        base, instance = self.own()
        instance.kill()
        instance.stop(0.0)
        if image is not None:
            shutil.rmtree(instance.state_dir)
            shutil.copytree(image, instance.state_dir, symlinks=True)
        began = time.monotonic()
        with base.fresh(after=instance) as again:
            before, self.target, self.deployment = (self.target, self.deployment), again, self.of(again)
            yield time.monotonic() - began
            self.target, self.deployment = before

    def own(self) -> tuple[Target, Instance]:
        """The recipe and the running instance. Raises GatherError where the target itself is drilled."""
        if self.base is None or self.target.instance is None:
            raise GatherError("only an instance of our own may be killed")
        return self.base, self.target.instance

    def of(self, target: Target) -> Deployment:
        """The deployment of another instance. Raises GatherError."""
        made = moved(self.deployment, target.url)
        if made is None:
            raise GatherError("the deployment cannot be pointed at another instance")
        return made


@contextmanager
def staged(context: Context, deployment: Deployment) -> Iterator[Stage]:
    """The stage: an instance of its own where the service was started by us and the deployment follows it there.

    Raises:
        GatherError: the drill's command does not start.
    """
    table, target = context.settings.deployment, context.target
    recipe = target.recipe
    if table is None or recipe is None or moved(deployment, target.url) is None:
        yield Stage(target, deployment)
        return
    command, registry = table.command or recipe.command, None
    right = _made_up(table)
    deployment = (holding(deployment, *right.values()) if right else None) or deployment
    copies = Path(recipe.run_dir).absolute() / "instances" / "rollback-drill"
    try:
        if table.registry is not None:
            registry = Path(shutil.copytree(context.settings.path(table.registry), copies, dirs_exist_ok=True))
            command = command.replace(_COPY, shlex.quote(str(registry)))
        recipe = replace(recipe, command=command, env={**recipe.env, **right})
        base = replace(target, recipe=recipe)
        with base.fresh() as fresh:
            patient = max(recipe.ready_timeout_s, RESTART_BEYOND * fresh.ready_after_s)
            base = replace(base, recipe=replace(recipe, ready_timeout_s=patient))
            stage = Stage(fresh, deployment, registry, base)
            stage.deployment = stage.of(fresh)
            yield stage
    except StartError as error:
        raise GatherError(f"deployment.command: {error}") from None
    except OSError as error:
        raise GatherError(f"deployment.registry: {error}") from None
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def _made_up(table: Table) -> dict[str, str]:
    """An admin's token for instances that we start, by the variable that holds it, where the environment has none."""
    if table.token_env is None or os.environ.get(table.token_env):
        return {}
    return {table.token_env: secrets.token_urlsafe(32)}
