"""/experiments: what is tried on whom, and where a user is."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from reference_service.components import Components
from reference_service.deployments.changes import State
from reference_service.experiments import assignment, experiment_body
from reference_service.experiments.experiment import ill_defined
from reference_service.experiments.experiments import Wish
from reference_service.web.preconditions import expected_generation
from reference_service.web.problems import Fault, Problem

MOST_BYTES = 16 * 1024


class ExperimentRoutes:
    """Tells everyone what an experiment is and where a user is in it; lets admins begin and change one."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.limits = components.settings.limits

    async def experiments(self, request: Request) -> Response:
        """GET /experiments."""
        state: State = request.scope["in_force"]
        members = {
            "generation": state.generation,
            "routing": next(self.components.routing.running(state), None),
            "experiments": [self.described(state, name) for name in sorted(state.experiments)],
        }
        return self.answer(state, members)

    async def experiment(self, request: Request) -> Response:
        """GET /experiments/{name}."""
        state: State = request.scope["in_force"]
        return self.answer(state, self.described(state, known(state, request)))

    async def put(self, request: Request) -> Response:
        """PUT /experiments/{name}."""
        parts = self.components
        actor = parts.access.require(request, "admin")
        name = request.path_params["name"]
        if not experiment_body.NAME.pattern.fullmatch(name):
            raise ill_defined(Fault("path.name", experiment_body.NAME.words))
        definition, reason = experiment_body.read(await parts.bodies.read(request, MOST_BYTES), self.limits.nesting)
        wish = Wish(actor.name, name, definition, reason, expected_generation(request))
        outcome = await parts.experiments.put(wish)
        request.scope["in_force"] = outcome.after
        created = name not in outcome.before.experiments
        return self.answer(outcome.after, self.described(outcome.after, name), 201 if created else 200)

    async def assignment(self, request: Request) -> Response:
        """GET /experiments/{name}/assignment?user_id=."""
        state: State = request.scope["in_force"]
        name, user_id = known(state, request), self.user_id(request)
        found = self.components.routing.assigned(state, name, user_id)
        members = {
            "experiment": name,
            "user_id": user_id,
            "variant": found.variant.name,
            "version": found.version,
            "bucket": found.bucket,
            "function": assignment.FUNCTION,
            "generation": state.generation,
        }
        return self.answer(state, members)

    def described(self, state: State, name: str) -> dict[str, Any]:
        """An experiment with all that is needed to compute its assignments elsewhere."""
        experiment = state.experiments[name]
        variants = [
            {
                "name": variant.name,
                "version": variant.version,
                "weight": variant.weight / assignment.BUCKETS,
                "ranges": variant.ranges,
            }
            for variant in experiment.variants
        ]
        return {
            "name": name,
            "salt": experiment.salt,
            "starts_at": experiment.starts_at,
            "ends_at": experiment.ends_at,
            "running": name in self.components.routing.running(state),
            "control": experiment.control.name,
            "variants": variants,
            "assignment": assignment.DECLARATION,
            "generation": state.generation,
        }

    def user_id(self, request: Request) -> str:
        """The one user id of the query string, where everything is text: user_id=7 is the user "7".

        Raises:
            Problem: 422, there is none, or it is none.
        """
        try:
            query = request.scope["query_string"].decode()
            given = [value for name, value in parse_qsl(query, True, errors="strict") if name == "user_id"]
        except UnicodeDecodeError:
            raise no_user("must be percent-encoded UTF-8") from None
        longest = self.limits.user_id_length
        if len(given) != 1:
            raise no_user("is missing" if not given else "is given more than once")
        if not 1 <= len(given[0]) <= longest:
            raise no_user(f"must have 1 to {longest} characters")
        return assignment.user_text(given[0])

    def answer(self, state: State, members: object, status: int = 200) -> Response:
        """Members as an answer that names its generation, for If-Match."""
        return self.components.presenter.response(members, status, {"ETag": f'"{state.generation}"'})


def known(state: State, request: Request) -> str:
    """The name in the path, of an experiment in force.

    Raises:
        Problem: 404, there is none of this name.
    """
    name: str = request.path_params["name"]
    if name not in state.experiments:
        raise Problem(404, "unknown-experiment", "There is no experiment of this name.")
    return name


def no_user(why: str) -> Problem:
    """A 422: the query string names no user."""
    detail = "The query string must name one user as user_id; see errors."
    return Problem(422, "invalid-user-id", detail, [Fault("query.user_id", why)])
