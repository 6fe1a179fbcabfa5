"""Reading a variant from whatever an answer is, and filling the call that changes weights."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlready.evidence.experiment_drill import _filled, _weighed
from pytest_mlready.evidence.labels import _lines, _names
from pytest_mlready.evidence.variants import route, variant_in
from pytest_mlready.measure.assignment.declared import Experiment, Variant
from pytest_mlready.settings import Experiments
from tests.unit.records_made import exchange


@pytest.mark.parametrize(
    ("settings", "body", "variant"),
    [
        ({}, {"variant": "blue"}, "blue"),
        ({}, {"variant": 2}, "2"),
        ({}, {"variant": True}, None),
        ({}, {"variant": None}, None),
        ({}, {"variant": {"name": "blue"}}, None),
        ({"variant": "variant.name"}, {"variant": {"name": "blue"}}, "blue"),
        ({"variant": "arms.0"}, {"arms": ["blue"]}, "blue"),
        ({}, [], None),
        ({}, b"no JSON", None),
        ({"variant_header": "X-Variant"}, {}, "green"),
        ({"variant_header": "X-Other"}, {"variant": "blue"}, None),
    ],
)
def test_a_variant_is_read(settings: dict[str, Any], body: object, variant: str | None) -> None:
    answer = exchange(200, body, headers=(("x-variant", "green"),))
    assert variant_in(Experiments(**settings), answer) == variant


def test_an_answer_that_is_none_has_no_variant() -> None:
    assert variant_in(Experiments(), exchange(422, {"variant": "blue"})) is None
    assert variant_in(Experiments(), exchange(None)) is None


def test_a_variant_of_a_hostile_service_is_bounded() -> None:
    told = variant_in(Experiments(), exchange(200, b'{"variant": "' + b"x" * 10_000 + b'"}'))
    assert told is not None
    assert len(told) == 200


def test_a_route_has_its_names_encoded() -> None:
    assert route("/e/{experiment}?u={id}", "a b/c", "%C3%A9") == "/e/a%20b%2Fc?u=%C3%A9"


def test_weights_stand_where_names_stood_in_braces() -> None:
    template = {"variants": [{"name": "control", "weight": "{control}"}, {"weight": "{none}"}], "salt": "control"}
    assert _filled(template, {"control": 0.8}) == {
        "variants": [{"name": "control", "weight": 0.8}, {"weight": "{none}"}],
        "salt": "control",
    }


def test_a_step_keeps_the_proportion_of_the_new_variants() -> None:
    made = Experiment("e", (Variant("a", 70), Variant("b", 20), Variant("c", 10)), total=100)
    assert [one.weight for one in _weighed(made, 0.6)] == [40, 40, 20]
    none = Experiment("e", (Variant("a", 1), Variant("b", 0), Variant("c", 0)))
    assert [one.weight for one in _weighed(none, 0.5)] == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        ('{"id": "r1", "variant": "blue"}', True),
        ("r1 variant=blue status=200", True),
        ('{"id": "r1", "variant": "blue-ish"}', False),
        ('{"id": "r1"}', False),
        ('{"id": "r2", "variant": "blue"}', None),
    ],
)
def test_a_line_of_the_log_names_the_variant(line: str, logged: bool | None) -> None:
    assert _names(_lines(f"before blue\n{line}\nafter blue", ["r1"]).get("r1"), "blue") is logged
