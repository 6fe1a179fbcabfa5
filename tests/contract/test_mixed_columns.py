"""A model with categories and missing values: what it takes, what it refuses, and answers that are the pipeline's."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from reference_service.artifacts.registry import Registry
from reference_service.model.answer_cache import AnswerCache
from reference_service.model.columns import Cell, Column
from reference_service.model.explanation import cell_fault
from reference_service.model.inputs import ModelContract, RowValidator
from reference_service.model.predictor import element_of
from reference_service.settings import Limits
from reference_service.training.credit_data import COLUMNS, credit
from reference_service.training.recipes import RECIPES
from reference_service.web import strict_json
from tests.contract.bad_inputs import JSON
from tests.contract.conftest import Server, Start, golden
from tests.contract.test_bad_input import check

NAMES = [column.name for column in COLUMNS]
ROW: list[Cell] = [40.0, 2500.0, 3.5, 9000.0, 36.0, 1.0, "car", "rent", "permanent", "north"]
Table = dict[str, tuple[str, str, str]]


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--model", "credit")


@pytest.fixture(scope="module")
def rows() -> list[list[Cell]]:
    """Held-out rows, of which some lack a value, and some have a level that training never saw."""
    found: list[list[Cell]] = credit().held_out_rows[:200].tolist()
    for i, row in enumerate(found):
        if i % 7 == 0:
            row[6 + i % 4] = ("yacht", "Ζωή ☃", 'a:b"\\', "north ")[i % 4]
    assert sum(None in row for row in found) > 10
    return found


def as_text(literal: str, at: int) -> str:
    """A row as JSON with one item replaced by JSON text."""
    return f"[{', '.join(literal if i == at else json.dumps(cell) for i, cell in enumerate(ROW))}]"


def named_as_text(literal: str, at: int) -> str:
    """The same by name."""
    cells = (literal if i == at else json.dumps(cell) for i, cell in enumerate(ROW))
    return f"{{{', '.join(f'{json.dumps(name)}: {cell}' for name, cell in zip(NAMES, cells, strict=True))}}}"


NUMBER, NULLABLE = "must be a finite number, is ", "must be a finite number or null, is "
CATEGORY = "must be a string of 1 to 64 characters, "
BOUND = "must be between -1e+12 and 1e+12"
BAD: Table = {
    "a category for a number": ("age", '"car"', f"{NUMBER}a string"),
    "a number as text": ("age", '"40"', f"{NUMBER}a string"),
    "null for a number": ("age", "null", f"{NUMBER}null"),
    "true for a number": ("open_loans", "true", f"{NUMBER}a boolean"),
    "NaN": ("loan_amount", "NaN", f"{NUMBER}a number that is not finite"),
    "1e400": ("loan_amount", "1e400", f"{NUMBER}a number that is not finite"),
    "too large": ("loan_amount", "1e13", BOUND),
    "a category that may not be missing": ("income", '"high"', f"{NULLABLE}a string"),
    "no text for a missing number": ("income", '""', f"{NULLABLE}a string"),
    "false for a missing number": ("years_employed", "false", f"{NULLABLE}a boolean"),
    "NaN for a missing number": ("years_employed", "NaN", f"{NULLABLE}a number that is not finite"),
    "too large where null may be": ("income", "-1e13", BOUND),
    "a number for a category": ("purpose", "3", f"{CATEGORY}is a number"),
    "a real for a category": ("purpose", "3.5", f"{CATEGORY}is a number"),
    "null for a category": ("housing", "null", f"{CATEGORY}is null"),
    "true for a category": ("housing", "true", f"{CATEGORY}is a boolean"),
    "an array for a category": ("employment", '["none"]', f"{CATEGORY}is an array"),
    "an object for a category": ("employment", "{}", f"{CATEGORY}is an object"),
    "no text for a category": ("region", '""', f"{CATEGORY}has 0"),
    "65 characters": ("region", f'"{"a" * 65}"', f"{CATEGORY}has 65"),
    "65 characters beyond ASCII": ("region", json.dumps("é" * 65), f"{CATEGORY}has 65"),
}
each_bad = pytest.mark.parametrize(("name", "literal", "message"), BAD.values(), ids=BAD.keys())


@each_bad
def test_a_bad_value_is_refused_with_its_place(client: httpx.Client, name: str, literal: str, message: str) -> None:
    at = NAMES.index(name)
    good = json.dumps(ROW)
    bodies = {
        f"$.features[{at}]": f'{{"features": {as_text(literal, at)}}}',
        f"$.features['{name}']": f'{{"features": {named_as_text(literal, at)}}}',
        f"$.instances[1][{at}]": f'{{"instances": [{good}, {as_text(literal, at)}, {good}]}}',
        f"$.instances[1]['{name}']": f'{{"instances": [{good}, {named_as_text(literal, at)}]}}',
    }
    for place, content in bodies.items():
        path = "/predict" if "features" in content else "/predict/batch"
        problem = check(client.post(path, content=content.encode(), headers=JSON), {422})
        assert problem["errors"] == [{"path": place, "message": message}]


def test_every_fault_of_a_row_is_told(client: httpx.Client) -> None:
    for literal in ("5", "true"):  # the second is refused by the decoder already
        wrong = [None, "x", None, 1e13, "", 1.0, literal, "", "a" * 65, None]
        content = json.dumps({"features": wrong}).replace('"5"', "5").replace('"true"', "true").encode()
        problem = check(client.post("/predict", content=content, headers=JSON), {422})
        assert [fault["path"] for fault in problem["errors"]] == [
            f"$.features[{at}]" for at in (0, 1, 3, 4, 6, 7, 8, 9)
        ]


@pytest.mark.parametrize(("given", "message"), [
    (ROW[:-1], "must have 10 values, has 9"),
    ([*ROW, "north"], "must have 10 values, has 11"),
    ([], "must have 10 values, has 0"),
    ("car", "must be an array of values or an object by feature name, is a string"),
])  # fmt: skip
def test_rows_of_another_form_are_refused(client: httpx.Client, given: object, message: str) -> None:
    problem = check(client.post("/predict", json={"features": given}), {422})
    assert problem["errors"] == [{"path": "$.features", "message": message}]


def test_a_value_that_may_be_missing_must_still_be_named(client: httpx.Client) -> None:
    named = dict(zip(NAMES, ROW, strict=True))
    assert client.post("/predict", json={"features": {**named, "income": None}}).status_code == 200
    del named["income"]
    problem = check(client.post("/predict", json={"features": named}), {422})
    assert problem["errors"] == [{"path": "$.features['income']", "message": "the feature is missing"}]


TEXTS = ["x", " ", "a" * 64, "é" * 64, "\U0001f469" * 64, "a:b", "::", '"', "\\", 'a\\":"b', "\n", "\0", "None", "nan"]


@pytest.mark.parametrize("text", TEXTS)
def test_any_other_text_is_a_level_never_seen(client: httpx.Client, text: str) -> None:
    unseen = client.post("/predict", json={"features": [*ROW[:6], "yacht", *ROW[7:]]}).json()["probabilities"]
    for ascii_only in (True, False):
        named = dict(zip(NAMES, [*ROW[:6], text, *ROW[7:]], strict=True))
        for features in (list(named.values()), named):
            content = json.dumps({"features": features, "user_id": "a:b"}, ensure_ascii=ascii_only)
            answer = client.post("/predict", content=content.encode(), headers=JSON)
            assert (answer.status_code, answer.json()["probabilities"]) == (200, unseen)


@pytest.mark.parametrize("text", ["car", "a:b", ":", "\\", "a\\u003ab", 'x","purpose":"y', ""])
def test_no_text_hides_a_repeated_key(client: httpx.Client, text: str) -> None:
    named = named_as_text(json.dumps(text), 6)[:-1]
    for again in ('"purpose": "car"', '"purp\\u006fse": "car"', f'"purpose": {json.dumps(text)}', '"region": ":"'):
        problem = check(
            client.post("/predict", content=f'{{"features": {named}, {again}}}}}'.encode(), headers=JSON), {422}
        )
        (name,) = [each for each in ("purpose", "region") if each in again.replace("\\u006f", "o")]
        assert problem["errors"] == [{"path": f"$['features']['{name}']", "message": "the key is given more than once"}]
    twice = f'{{"features": {named}}}, "user_id": "{text[:1] if text[:1].isalpha() else "u"}", "user_id": ":"}}'
    problem = check(client.post("/predict", content=twice.encode(), headers=JSON), {422})
    assert [fault["path"] for fault in problem["errors"]] == ["$['user_id']"]


@pytest.mark.parametrize("text", ["car", "a:b", "::"])
def test_texts_with_colons_need_no_second_look(models: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(strict_json, "examine", None)
    record = Registry(models, "credit").record("1.0.0")
    validator = RowValidator(ModelContract.of(record.metadata, record.golden), Limits())
    row = [*ROW[:6], text, *ROW[7:]]
    named = dict(zip(NAMES, row, strict=True))
    assert validator.single(json.dumps({"features": row, "user_id": "a:b"}).encode()).rows == [row]
    assert validator.batch(json.dumps({"instances": [row, named]}).encode()).rows == [row, row]


@pytest.mark.parametrize("version", RECIPES["credit"].pipelines)
def test_answers_are_those_of_the_pipeline(client: httpx.Client, rows: list[list[Cell]], version: str) -> None:
    """The pipeline is fitted here: nothing of it went through a file, a server or JSON."""
    data = credit()
    pipeline = RECIPES["credit"].pipelines[version]().fit(data.train_rows, data.train_labels)
    matrix = data.held_out_rows[: len(rows)].copy()
    matrix[:] = rows
    expected = pipeline.predict_proba(matrix).tolist()
    answers = client.post("/predict/batch", json={"instances": rows, "model_version": version}).json()["predictions"]
    for answer, shares in zip(answers, expected, strict=True):
        assert list(answer["probabilities"]) == pipeline.classes_.tolist() == ["defaulted", "repaid"]
        assert answer["prediction"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
        for share, wanted in zip(answer["probabilities"].values(), shares, strict=True):
            assert math.isclose(share, wanted, rel_tol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 15, 17, 129, 300])
@pytest.mark.parametrize("version", RECIPES["credit"].pipelines)
def test_a_batch_is_its_singles_bit_for_bit(
    client: httpx.Client, rows: list[list[Cell]], size: int, version: str
) -> None:
    chosen = random.Random(size).choices(range(len(rows)), k=size)
    asked = {"model_version": version}
    batch = client.post("/predict/batch", json={"instances": [rows[i] for i in chosen], **asked}).json()["predictions"]
    for at in sorted({0, size // 2, size - 1}):
        row = rows[chosen[at]]
        shuffled = random.Random(at).sample(list(zip(NAMES, row, strict=True)), len(row))
        for features in (row, dict(shuffled)):
            single = client.post("/predict", json={"features": features, **asked}).json()
            assert {name: single[name] for name in batch[at]} == batch[at]


def test_golden_rows_lack_values(models: Path) -> None:
    for version in RECIPES["credit"].pipelines:
        golden_rows = golden(models, "credit", version)["rows"]
        assert None not in golden_rows[0]
        for at, column in enumerate(COLUMNS):
            assert any(row[at] is None for row in golden_rows) == column.nullable


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    with server.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    assert not list(OpenAPIV31SpecValidator(found).iter_errors())
    return found


class TestInterfaceDocument:
    def validator(self, document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        return jsonschema.Draft202012Validator(schema)

    def test_it_refuses_what_the_server_refuses(self, document: dict[str, Any]) -> None:
        validator = self.validator(document, "PredictRequest")
        assert validator.is_valid({"features": [*ROW[:1], None, None, *ROW[3:6], "yacht", *ROW[7:]]})
        for name, literal, message in BAD.values():
            at = NAMES.index(name)
            for text in (as_text(literal, at), named_as_text(literal, at)):
                if "not finite" not in message:
                    assert not validator.is_valid({"features": json.loads(text)}), text

    def test_every_example_is_answered(self, client: httpx.Client, document: dict[str, Any]) -> None:
        for path, name in (("/predict", "PredictRequest"), ("/predict/batch", "BatchRequest")):
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                self.validator(document, name).validate(example["value"])
                assert client.post(path, json=example["value"]).status_code == 200
        _, by_name = document["components"]["schemas"]["Features"]["oneOf"]
        for column in COLUMNS[6:]:
            levels = by_name["properties"][column.name]["examples"]
            assert len(levels) >= 3
            rows = [{**dict(zip(NAMES, ROW, strict=True)), column.name: level} for level in levels]
            answers = client.post("/predict/batch", json={"instances": rows}).json()["predictions"]
            assert len({json.dumps(answer) for answer in answers}) == len(levels)

    def test_the_metadata_is_as_documented(self, client: httpx.Client, document: dict[str, Any]) -> None:
        info = client.get("/model/info").json()
        self.validator(document, "ModelInfo").validate(info)
        assert [Column.of(feature) for feature in info["features"]] == list(COLUMNS)
        assert info["protected"] == {"column": "sex", "groups": {"female": 1500, "male": 1500}}
        broken = {**info, "features": [{**info["features"][6], "levels": None}]}
        assert not self.validator(document, "ModelInfo").is_valid(broken)


def test_the_cache_tells_rows_apart_and_knows_equal_ones() -> None:
    rows: list[list[Cell]] = [
        ["a", "bc"], ["ab", "c"], ["abc", ""], ["abc", None], [None, "abc"], [1.0, "a"], ["1.0", "a"], [None, None],
        [0.0, 1.0], [1.0, 0.0], ["\0", "a"], ["a"], ["a", "b", "c"],
    ]  # fmt: skip
    cache = AnswerCache(60)
    assert len({cache.key("1.0.0", row) for row in rows} | {cache.key("2.0.0", rows[0])}) == len(rows) + 1
    assert cache.key("1.0.0", [-0.0, "a"]) == cache.key("1.0.0", [0.0, "a"])


def test_a_category_may_be_missing_where_its_column_says_so() -> None:
    column = Column("purpose", "category", nullable=True)
    assert cell_fault(column, None, 1.0) is None
    assert cell_fault(column, 3, 1.0) == "must be a string of 1 to 64 characters or null, is a number"


def test_older_metadata_is_of_numbers_that_are_never_missing() -> None:
    feature = {"name": "age", "type": "number"}
    assert Column.of(feature) == Column("age")
    assert element_of({"features": [feature]}) is not element_of({"features": [feature, {"type": "category"}]})
