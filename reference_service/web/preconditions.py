"""Changing only what one has seen: `If-Match` with the generation that a change is meant for (RFC 9110, 13.1.1)."""

from __future__ import annotations

import re

from starlette.requests import Request

from reference_service.web.problems import Problem

_ENTITY_TAG = re.compile(r'"([0-9]{1,18})"')


def expected_generation(request: Request) -> int | None:
    """The generation that a change is meant for: `If-Match: "12"`; without the header, or with `*`, any.

    Raises:
        Problem: 400, the header is neither.
    """
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    found = _ENTITY_TAG.fullmatch(given)
    if found is None:
        raise Problem(400, "malformed-if-match", 'If-Match must be one generation in quotes, such as "12", or *.')
    return int(found[1])
