"""Every sealed defect really is one: the sick service answers some request otherwise than the healthy one."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from reference_service import train
from reference_service.components import build_components
from reference_service.settings import Settings
from reference_service.training.recipes import RECIPES
from tests.contract.conftest import client_of, golden
from tests.defects import sealed, sealed_again
from tests.defects.planting import Defect, declared, defects

MODEL = "breast-cancer"
MOST_LINES = 15
SEALED = (*sealed.SEALED, *sealed_again.SEALED_AGAIN)
BY_LUCK = ("state_is_written_in_place",)
"""Met by a kill at the right moment only: benchmarks/rollback_drills.py tells how often."""
Rows = list[list[float]]


class Asking:
    """Asks one service, and notes what it answers but for the names of the requests."""

    def __init__(self, client: httpx.AsyncClient, rows: Rows, names: list[str]) -> None:
        self.client = client
        self.rows = rows
        self.names = names

    async def send(self, path: str, content: bytes | AsyncIterator[bytes], **headers: str) -> object:
        """What a body is answered with."""
        given = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        response = await self.client.post(path, content=content, headers=given)
        kind = response.headers["content-type"]
        try:
            members = response.json()
        except ValueError:
            return response.status_code, kind, "no JSON"
        return response.status_code, kind, {name: each for name, each in members.items() if name != "request_id"}

    async def text(self, body: str, **headers: str) -> object:
        """The answer to a body of /predict as text."""
        return await self.send("/predict", body.encode(), **headers)

    async def one(self, row: list[float] | dict[str, float], **members: object) -> object:
        """The answer to one row."""
        return await self.text(json.dumps({"features": row, **members}))

    async def many(self, rows: Rows) -> object:
        """The answer to a batch."""
        return await self.send("/predict/batch", json.dumps({"instances": rows}).encode())

    def named(self, row: list[float]) -> dict[str, float]:
        """A row by name."""
        return dict(zip(self.names, row, strict=True))

    def with_first(self, text: str) -> str:
        """A body whose first value is written like this."""
        return json.dumps({"features": ["?", *self.rows[0][1:]]}).replace('"?"', text)

    def cycle(self, length: int) -> Rows:
        """The rows over and over."""
        return [self.rows[i % len(self.rows)] for i in range(length)]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def in_turn(*asked: Awaitable[object]) -> list[object]:
    return [await each for each in asked]


def mixed(one: list[float], other: list[float], share: float) -> list[float]:
    return [a + (b - a) * share for a, b in zip(one, other, strict=True)]


async def second_document(ask: Asking) -> object:
    return await ask.send("/predict/batch", json.dumps({"instances": ask.rows[:1]}).encode() + b" {} and more")


async def not_utf8(ask: Asking) -> object:
    return await ask.send(
        "/predict", json.dumps({"features": ask.rows[0], "user_id": "?"}).encode().replace(b"?", b"a\xff")
    )


async def twice_instances(ask: Asking) -> object:
    return await ask.send("/predict/batch", f'{{"instances": [], "instances": [{ask.rows[0]}]}}'.encode())


async def many_lines(ask: Asking) -> object:
    return await ask.send("/predict/batch", json.dumps({"instances": ask.rows[:2]}, indent=2).encode())


async def two_chunks(ask: Asking) -> object:
    body = json.dumps({"features": ask.rows[0]}).encode()
    return await ask.send("/predict", chunks(body[:100], body[100:]))


async def as_long(ask: Asking) -> object:
    return await in_turn(ask.text(ask.with_first("10.5")), ask.text(ask.with_first("25.5")))


async def without(ask: Asking, *names: str) -> object:
    return await ask.one({name: value for name, value in ask.named(ask.rows[0]).items() if name not in names})


async def first_with_then_without(ask: Asking) -> object:
    return await in_turn(ask.one(ask.named(ask.rows[1])), without(ask, "worst area"))


async def look_alike(ask: Asking) -> object:
    return await ask.one(
        {("Ｍean Radius" if name == "mean radius" else name): value for name, value in ask.named(ask.rows[0]).items()}
    )


async def at_once(ask: Asking) -> object:
    return await asyncio.gather(*(ask.one(row) for row in ask.rows))


async def after_a_refusal(ask: Asking) -> object:
    return await in_turn(ask.one(ask.rows[0][:5]), ask.one(ask.rows[0]), ask.one(ask.rows[0]))


async def bad_second_row(ask: Asking) -> object:
    return await ask.many([ask.rows[0], ask.rows[1][:7], ask.rows[2]])


async def nearly_equal(ask: Asking) -> object:
    return await ask.many([ask.rows[0], [17.191, *ask.rows[0][1:]]])


async def two_below_zero(ask: Asking) -> object:
    return await in_turn(*(ask.text(ask.with_first(text)) for text in ("-1.0", "-2.0")))


async def seventh_digit(ask: Asking) -> object:
    return await in_turn(*(ask.text(ask.with_first(text)) for text in ("17.19", "17.190001")))


async def between_the_classes(ask: Asking) -> object:
    smallest = min(ask.rows)
    return [await ask.one(mixed(ask.rows[0], smallest, i / 120)) for i in range(120)]


async def far_beyond(ask: Asking) -> object:
    return await in_turn(*(ask.one(mixed(ask.rows[0], row, 2.0)) for row in ask.rows))


async def unsure_after_each(ask: Asking) -> object:
    return await in_turn(*(ask.one(row) for row in [*ask.rows, *reversed(ask.rows)]))


async def same_request_id(ask: Asking) -> object:
    bodies = [json.dumps({"features": row}) for row in ask.rows[:2]]
    return await in_turn(*(ask.text(body, x_request_id="retry-1") for body in bodies))


async def large_in_chunks(ask: Asking) -> object:
    return await ask.send("/predict", chunks(json.dumps({"features": ask.rows[0]}).encode(), b" " * 70_000))


async def one_after_large_ones(ask: Asking) -> object:
    return await in_turn(*(large_in_chunks(ask) for _ in range(24)), ask.one(ask.rows[0]))


async def overtaking(ask: Asking) -> object:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.3)
        yield b"]"

    asked = asyncio.create_task(ask.send("/predict", slow()))
    await asyncio.sleep(0.05)
    await ask.one(ask.rows[0])
    quick = not asked.done()
    await asked
    return quick


async def null_in_the_last_row(ask: Asking) -> object:
    rows = json.dumps({"instances": [*ask.cycle(24), [-1.5, *ask.rows[0][1:]]]})
    return await ask.send("/predict/batch", rows.replace("-1.5", "null").encode())


async def alike_at_first(ask: Asking) -> object:
    return await in_turn(ask.one(ask.rows[0]), ask.one([*ask.rows[0][:15], *ask.rows[1][15:]]))


async def other_order(ask: Asking) -> object:
    return await ask.one(dict(reversed(ask.named(ask.rows[0]).items())))


async def named_ids_at_once(ask: Asking) -> object:
    async def id_of(name: str) -> object:
        body = {"features": ask.rows[0]}
        return (await ask.client.post("/predict", json=body, headers={"x-request-id": name})).json()["request_id"]

    return await asyncio.gather(*(id_of(f"ask-{i}") for i in range(10)))


async def refused_and_then_good(ask: Asking) -> object:
    return await in_turn(*(ask.one(ask.rows[0][:3]) for _ in range(8)), ask.one(ask.rows[0]))


async def megabytes_of_refusals(ask: Asking) -> object:
    tracemalloc.start(1)
    before = tracemalloc.get_traced_memory()[0]
    await in_turn(*(ask.one(ask.rows[0][:3]) for _ in range(40)))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return grown > 5_000_000


async def other_texture(ask: Asking) -> object:
    return await ask.one(ask.named(ask.rows[0]) | {"worst texture": 70.0})


Case = Callable[[Asking], Awaitable[object]]
CASES: dict[str, Case] = {
    "decimal_commas_of_a_form_are_numbers": lambda ask: ask.text(ask.with_first('"17,19"')),
    "whatever_follows_the_document_is_ignored": second_document,
    "bytes_that_are_not_utf8_are_dropped": not_utf8,
    "the_last_of_two_batches_wins": twice_instances,
    "a_batch_is_its_first_line": many_lines,
    "capital_exponents_are_malformed": lambda ask: ask.text(ask.with_first("1.719E+1")),
    "decimals_are_cut_after_the_seventh": lambda ask: ask.text(ask.with_first("17.19000009")),
    "integers_wrap_at_32_bits": lambda ask: ask.text(ask.with_first("4294967296")),
    "a_broken_gzip_body_is_our_fault": lambda ask: ask.text("no gzip at all", content_encoding="gzip"),
    "only_the_first_chunk_is_read": two_chunks,
    "a_connection_remembers_its_body": as_long,
    "standard_errors_are_zero_unless_given": lambda ask: without(ask, "area error", "radius error"),
    "missing_names_keep_the_last_value": first_with_then_without,
    "look_alike_names_are_folded": look_alike,
    "column_names_are_cut_at_ten_letters": lambda ask: ask.one(ask.named(ask.rows[0])),
    "rows_by_name_are_single_precision": lambda ask: ask.one(ask.named(ask.rows[0])),
    "negative_zero_is_a_negative_size": lambda ask: ask.text(ask.with_first("-0.0")),
    "tiny_numbers_have_no_logarithm": lambda ask: ask.text(ask.with_first("1e-200")),
    "fingerprints_do_not_fit_large_numbers": lambda ask: ask.many([[3e9, *ask.rows[0][1:]]]),
    "constant_rows_divide_by_zero": lambda ask: ask.one([1.0] * len(ask.names)),
    "single_rows_are_clipped_to_the_training_range": lambda ask: ask.text(ask.with_first("40.0")),
    "large_areas_are_converted_once_more": lambda ask: ask.one(ask.named(ask.rows[0]) | {"worst area": 3000.0}),
    "bad_rows_of_a_batch_vanish": bad_second_row,
    "outliers_are_winsorised_within_the_batch": lambda ask: ask.many([*ask.cycle(119), [90.0, *ask.rows[7][1:]]]),
    "one_row_is_reused_for_all": at_once,
    "faults_stay_for_the_next_request": after_a_refusal,
    "sorted_batches_are_put_back_wrongly": lambda ask: ask.many(ask.cycle(50)),
    "rows_that_round_alike_are_one": nearly_equal,
    "the_second_chunk_starts_one_late": lambda ask: ask.many(ask.cycle(780)),
    "the_cache_compares_hashes": two_below_zero,
    "the_cache_sees_six_digits": seventh_digit,
    "percentages_are_cut_off": lambda ask: ask.one(ask.rows[0]),
    "batches_have_six_decimals": lambda ask: ask.many(ask.rows[:2]),
    "exponents_are_lost": far_beyond,
    "the_threshold_is_not_one_half": between_the_classes,
    "labels_do_not_flap": unsure_after_each,
    "odd_batches_repeat_an_answer": lambda ask: ask.many(ask.rows[:3]),
    "answers_are_coarse_as_the_minute_turns": lambda ask: ask.one(ask.rows[0]),
    "one_worker_answers_in_single_precision": lambda ask: ask.one(ask.rows[0]),
    "certainty_has_no_entropy": lambda ask: ask.one([1e12] * (len(ask.names) - 1) + [1e11]),
    "batches_are_declared_latin_1": lambda ask: ask.many(ask.rows[:2]),
    "the_parser_tells_what_it_thought": lambda ask: ask.text("{]"),
    "germans_get_decimal_commas": lambda ask: in_turn(ask.text(ask.with_first("17.19"), accept_language="de-DE")),
    "a_request_id_repeats_its_answer": same_request_id,
    "only_declared_lengths_are_limited": large_in_chunks,
    "broken_uploads_keep_their_place": one_after_large_ones,
    "bodies_arrive_one_at_a_time": overtaking,
    "numbers_too_large_are_saturated": lambda ask: ask.text(ask.with_first("1e400")),
    "the_first_twenty_rows_say_what_is_nullable": null_in_the_last_row,
    "a_body_is_known_by_its_first_bytes": alike_at_first,
    "an_index_column_is_dropped": lambda ask: ask.one([0.0, *ask.rows[0]]),
    "rows_by_name_keep_their_own_order": other_order,
    "unknown_names_are_a_format": lambda ask: ask.one({**ask.named(ask.rows[0]), "100%": 1.0}),
    "areas_are_compared_with_radii": lambda ask: ask.one([-value for value in ask.rows[0]]),
    "textures_are_sixteen_bit_thousandths": other_texture,
    "square_batches_are_transposed": lambda ask: ask.many(ask.cycle(len(ask.names))),
    "the_short_slice_comes_first": lambda ask: ask.many(ask.cycle(105)),
    "questions_of_a_moment_are_one": at_once,
    "each_fortieth_answer_is_the_candidates": lambda ask: in_turn(*(ask.one(ask.rows[0]) for _ in range(40))),
    "the_sigmoid_overflows": lambda ask: ask.one([1e6 * value for value in ask.rows[0]]),
    "refusals_open_the_circuit": refused_and_then_good,
    "a_batch_of_one_is_squeezed": lambda ask: ask.many(ask.rows[:1]),
    "large_answers_are_lines": lambda ask: ask.many(ask.cycle(201)),
    "batches_name_a_shorter_version": lambda ask: ask.many(ask.rows[:2]),
    "the_request_id_is_a_global": named_ids_at_once,
    "an_unknown_version_is_a_path": lambda ask: ask.one(ask.rows[0], model_version="9.9.9"),
    "refusals_are_kept_for_inspection": megabytes_of_refusals,
}
SLOW: dict[str, Case] = {
    "near_duplicates_are_looked_for_in_pairs": lambda ask: ask.many([ask.rows[0]] * 600),
    "blanks_at_the_end_are_cut_by_a_pattern": lambda ask: ask.text(ask.with_first(" " * 10_000 + "1.0")),
    "a_user_id_backtracks": lambda ask: ask.one(ask.rows[0], user_id="a" * 21 + "!"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "RECIPES", {MODEL: RECIPES[MODEL]})
        train.train_missing(directory)
    return directory


async def answered(trained: Path, state: Path, case: Case, defect: Defect | None) -> tuple[list[object], float]:
    """What the service answers, each of its workers if the defect needs several, and the least time it took."""
    answers, seconds = [], []
    for _ in range(1 if defect is None or "--workers" not in defect.arguments else 2):
        components = build_components(Settings(MODEL, models=trained, state=state))
        planted = components if defect is None else defect.made("components", components)
        async with client_of(planted) as client:
            assert (await client.get("/health/ready")).status_code == 200
            ask = Asking(client, golden(trained, MODEL, "1.0.0")["rows"], list(components.contract.names))
            for _ in range(3 if case in SLOW.values() else 2 if defect is None else 1):
                began = time.perf_counter()
                answers.append(await case(ask))
                seconds.append(time.perf_counter() - began)
    return answers, min(seconds)


def test_every_one_is_shown() -> None:
    assert {*defects(sealed=True)} == {*SEALED, *BY_LUCK}
    assert {*CASES, *SLOW} == set(SEALED)


def test_no_other_test_has_to_find_them() -> None:
    assert not set(defects()) & {*SEALED, *BY_LUCK}
    assert {*defects(), *SEALED, *BY_LUCK} == set(declared())


@pytest.mark.parametrize("name", SEALED)
def test_it_is_a_few_lines_with_one_that_says_the_fault(name: str) -> None:
    plant = declared()[name].plant
    source = inspect.getsource(plant)
    assert len([line for line in source[source.index("def ") :].splitlines() if line.strip()]) <= MOST_LINES
    assert len((plant.__doc__ or "").strip().splitlines()) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("name", list(CASES))
async def test_it_answers_otherwise(name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "clock", lambda: 60.5)
    healthy, _ = await answered(trained, tmp_path / "healthy", CASES[name], None)
    sick, _ = await answered(trained, tmp_path / "sick", CASES[name], declared()[name])
    assert all(answer == healthy[0] for answer in healthy)
    assert any(answer != healthy[0] for answer in sick), sick


@pytest.mark.asyncio
@pytest.mark.parametrize("name", list(SLOW))
async def test_it_takes_longer(name: str, trained: Path, tmp_path: Path) -> None:
    healthy, usual = await answered(trained, tmp_path / "healthy", SLOW[name], None)
    sick, seconds = await answered(trained, tmp_path / "sick", SLOW[name], declared()[name])
    assert sick == healthy
    assert seconds > 3 * usual
