"""Answers are those of the trained model, whoever asks, however it is written and whatever else is asked meanwhile."""

from __future__ import annotations

import asyncio
import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference_service.components import build_components
from reference_service.settings import Settings
from reference_service.training.recipes import RECIPES
from tests.contract.conftest import Server, client_of, golden

MODELS = [(name, version) for name, recipe in RECIPES.items() for version in recipe.pipelines]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sample(server: Server) -> list[list[float]]:
    """The held-out rows, without their label."""
    lines = (server.models / "breast-cancer" / "sample.csv").read_text().splitlines()
    assert len(lines) > 40
    assert lines[0].endswith(",diagnosis")
    return [[float(value) for value in line.split(",")[:-1]] for line in lines[1:]]


def same(answer: dict[str, Any], expected: dict[str, Any], tolerance: float) -> bool:
    if "probabilities" not in expected and "probabilities" not in answer:
        return math.isclose(answer["prediction"], expected["prediction"], rel_tol=tolerance)
    shares = answer["probabilities"]
    return answer["prediction"] == expected["prediction"] and all(
        math.isclose(shares[label], share, rel_tol=tolerance) for label, share in expected["probabilities"].items()
    )


async def answered_in_process(settings: Settings, rows: list[list[Any]]) -> tuple[list[Any], Any]:
    """The answers to rows one by one and as a batch, without a process and a port for each model."""
    async with client_of(build_components(settings)) as client:
        singles = [(await client.post("/predict", json={"features": row})).json() for row in rows]
        return singles, (await client.post("/predict/batch", json={"instances": rows})).json()


@pytest.mark.parametrize(("name", "version"), MODELS)
def test_golden_answers(models: Path, name: str, version: str) -> None:
    expected = golden(models, name, version)
    singles, batch = asyncio.run(answered_in_process(Settings(name, version, models=models), expected["rows"]))
    assert len(singles) == 20
    for single, many, answer in zip(singles, batch["predictions"], expected["answers"], strict=True):
        assert same(single, answer, 1e-9)
        assert {key: single[key] for key in many} == many
        assert single["model_version"] == version


def test_probabilities_are_a_simplex_and_the_label_is_their_largest(
    client: httpx.Client, sample: list[list[float]]
) -> None:
    answers = client.post("/predict/batch", json={"instances": sample}).json()["predictions"]
    assert {answer["prediction"] for answer in answers} == {"benign", "malignant"}
    for answer in answers:
        shares = answer["probabilities"]
        assert all(0 <= share <= 1 for share in shares.values())
        assert math.isclose(sum(shares.values()), 1.0, abs_tol=1e-12)
        assert answer["prediction"] == max(shares, key=shares.__getitem__)


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 127, 128, 129, 257, 1000])
def test_a_batch_is_its_singles_bit_for_bit(client: httpx.Client, sample: list[list[float]], size: int) -> None:
    chosen = random.Random(size).choices(range(len(sample)), k=size)
    answers = client.post("/predict/batch", json={"instances": [sample[i] for i in chosen]}).json()["predictions"]
    assert len(answers) == size
    singles = {
        i: client.post("/predict", json={"features": sample[i]}).json() for i in sorted(set(chosen))[: 10 + size // 20]
    }
    for i, answer in zip(chosen, answers, strict=True):
        if i in singles:
            assert answer == {"prediction": singles[i]["prediction"], "probabilities": singles[i]["probabilities"]}


def test_order_does_not_matter_by_name(client: httpx.Client, sample: list[list[float]]) -> None:
    names = [feature["name"] for feature in client.get("/model/info").json()["features"]]
    assert len(set(names)) == 30
    expected = client.post("/predict", json={"features": sample[1]}).json()
    for seed in range(3):
        named = list(zip(names, sample[1], strict=True))
        random.Random(seed).shuffle(named)
        answer = client.post("/predict", json={"features": dict(named)}).json()
        assert answer["probabilities"] == expected["probabilities"]
        batch = client.post("/predict/batch", json={"instances": [dict(named), sample[2]]}).json()
        assert batch["predictions"][0]["probabilities"] == expected["probabilities"]


def test_how_numbers_are_written_does_not_matter(client: httpx.Client) -> None:
    forms = [
        ["1", "-0.0", "100"],
        ["1.0", "0", "1e2"],
        ["1e0", "0.0", "100.000000000000000000"],
        ["10E-1", "-0", "1E+2"],
    ]
    answers = []
    for first, second, third in forms:
        items = [first, second, third, *["0.5"] * 27]
        answers.append(client.post("/predict", content=f'{{"features":[{", ".join(items)}]}}', headers=JSON).json())
        spaced = '\n{ "user_id" : "a:b\\u003ac" ,\t"features" : [ ' + " ,\r\n ".join(items) + " ] } "
        answers.append(client.post("/predict", content=spaced, headers=JSON).json())
    assert len({json.dumps(answer["probabilities"]) for answer in answers}) == 1


def test_a_chunked_body_is_the_same_body(client: httpx.Client, row: list[float]) -> None:
    content = json.dumps({"features": row}).encode()
    whole = client.post("/predict", content=content, headers=JSON).json()
    parts = client.post("/predict", content=iter([content[:7], content[7:200], content[200:]]), headers=JSON).json()
    assert parts["probabilities"] == whole["probabilities"]


@pytest.mark.parametrize("extreme", [1e12, -1e12, 5e-324, -0.0, 1e-320])
def test_extreme_values_are_answered_with_finite_numbers(client: httpx.Client, extreme: float) -> None:
    for features in ([extreme] * 30, [extreme, -extreme] * 15):
        answer = client.post("/predict", json={"features": features})
        assert answer.status_code == 200
        assert math.isclose(sum(answer.json()["probabilities"].values()), 1.0, abs_tol=1e-12)


@pytest.mark.parametrize("user", ["7", 7, -(1 << 63), (1 << 63) - 1, "Zoë ☃ 漢字", "u" * 256, " "])
def test_user_ids_are_accepted(client: httpx.Client, row: list[float], user: object) -> None:
    assert client.post("/predict", json={"features": row, "user_id": user}).status_code == 200


def test_the_serving_version_may_be_asked_for(client: httpx.Client, row: list[float]) -> None:
    answer = client.post("/predict", json={"features": row, "model_version": "1.0.0"})
    assert (answer.status_code, answer.json()["model_version"]) == (200, "1.0.0")


def test_concurrent_requests_each_get_their_own_answer(server: Server, sample: list[list[float]]) -> None:
    with server.client() as client:
        serial = [client.post("/predict", json={"features": row}).json()["probabilities"] for row in sample[:40]]

    def ask(worker: int) -> list[tuple[Any, Any]]:
        chosen = random.Random(worker).choices(range(40), k=40)
        found = []
        with server.client() as own:
            for i in chosen:
                if i % 4:
                    found.append(
                        (own.post("/predict", json={"features": sample[i]}).json()["probabilities"], serial[i])
                    )
                else:
                    rows = [sample[(i + k) % 40] for k in range(20)]
                    answers = own.post("/predict/batch", json={"instances": rows}).json()["predictions"]
                    found += [(answers[k]["probabilities"], serial[(i + k) % 40]) for k in range(20)]
        return found

    with ThreadPoolExecutor(12) as pool:
        pairs = [pair for found in pool.map(ask, range(12)) for pair in found]
    assert len(pairs) > 480
    assert all(got == expected for got, expected in pairs)
