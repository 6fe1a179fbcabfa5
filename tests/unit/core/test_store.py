"""Evidence on disk: what is saved is what is read, without secrets, and a replay knows what it may judge."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pytest import fail, mark, raises

from pytest_mlready.evidence.store import GatherError, Store, clear, names, read, redacted
from pytest_mlready.records import (
    Answered,
    Errored,
    Exchange,
    Generator,
    LoadRun,
    NotGathered,
    Prediction,
    Scrape,
)
from pytest_mlready.records.drills import Exposition
from pytest_mlready.schedule import SCHEDULE
from tests.unit.records_made import exchange

MADE = {"service": "serve {port}", "rate": 120.0, "paths": {"ready": "/ready"}, "features": ("a", "b"), "json": None}
SCRAPED = Scrape(Exposition(exchange(200, b"up 1\n", path="/metrics"), None, (("up", {}, 1.0),)))
SECRET = "s3cr3t-of-ours"


def made(hint: Any, *, full: bool) -> Any:
    """A value of a type: with everything in it that it can hold, or with as little as it allows."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return made(inner[0], full=full) if full else (None if type(None) in inner else made(inner[-1], full=full))
    if origin is typing.Literal:
        return inner[0]
    if origin is tuple:
        kinds = inner[:1] * 2 if inner[1:] == (...,) else inner
        return tuple(made(kind, full=full) for kind in kinds) if full or inner[1:] != (...,) else ()
    if origin is Mapping:
        return {"k é\u2028": made(inner[1], full=full)} if full else {}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(
            **{
                one.name: {"status": np.array([200, 0, -1], "i2"), "sent_s": np.array([0.25, np.nan, np.inf])}
                if one.metadata.get("stored") == "npz"
                else made(hints[one.name], full=full)
                for one in dataclasses.fields(hint)
            }
        )
    plain = {str: "ü \x00\x1b[31m\"'\\", int: -3, float: 0.1, bool: True, bytes: bytes(range(256))}
    if hint is Any:
        return {"a": [1, 2.5, None, "x", {"b": False}]}
    return plain[hint] if full else hint()


def saved(directory: Path, name: str, record: object, **given: Any) -> object:
    """What whoever asks for `name` gets where `record` is gathered."""
    return Store(directory, **given).get(name, MADE, lambda: record)


@mark.parametrize("full", [True, False])
@mark.parametrize("name", [name for name, one in SCHEDULE.evidence.items() if one.turn != "closing"])
def test_a_record_is_read_as_it_was_saved(name: str, full: bool, tmp_path: Path) -> None:
    record = made(SCHEDULE.evidence[name].record, full=full)
    assert saved(tmp_path, name, record) == record
    assert read(tmp_path / f"{name}.json") == record
    assert Store(tmp_path, replay=True).get(name, MADE, lambda: fail("a replay gathers nothing")) == record
    assert names(tmp_path) == [name]


def test_arrays_come_back_with_their_type_and_what_is_no_number(tmp_path: Path) -> None:
    record = made(LoadRun, full=True)
    again = saved(tmp_path, "steady_load", record)
    assert isinstance(again, LoadRun)
    assert set(again.series) == {"status", "sent_s"}
    assert again.series["status"].dtype == np.int16
    assert again.series["status"].tolist() == [200, 0, -1]
    np.testing.assert_array_equal(again.series["sent_s"], [0.25, np.nan, np.inf])
    assert "status" not in json.loads((tmp_path / "steady_load.json").read_text())["record"]["series"]


def test_a_label_keeps_its_type(tmp_path: Path) -> None:
    labels = ("1", 1, 1.0, True, None, 2**53 + 1, -0.0)
    one = Answered(exchange(), tuple(range(len(labels))), tuple(map(Prediction, labels)))
    again: Any = saved(tmp_path, "answers", SCHEDULE.evidence["answers"].record((one,), ()))
    got = [prediction.prediction for prediction in again.singles[0].predictions]
    assert [(type(value), repr(value)) for value in got] == [(type(value), repr(value)) for value in labels]


def test_it_is_gathered_once_whoever_asks(tmp_path: Path) -> None:
    gathered: list[int] = []

    def gather() -> Scrape:
        gathered.append(1)
        return SCRAPED

    first = Store(tmp_path).get("scrape", MADE, gather)
    assert Store(tmp_path).get("scrape", MADE, gather) == first == SCRAPED
    assert len(gathered) == 1


def test_what_went_wrong_is_saved_and_not_tried_again(tmp_path: Path) -> None:
    gathered: list[int] = []

    def gather() -> Scrape:
        gathered.append(1)
        raise GatherError(f"no answer to {SECRET}")

    store = Store(tmp_path, secrets=(SECRET,))
    assert store.get("scrape", MADE, gather) == Errored("scrape", "no answer to [redacted]")
    assert store.get("scrape", MADE, gather) == Errored("scrape", "no answer to [redacted]")
    assert Store(tmp_path, replay=True).get("scrape", MADE, gather) == Errored("scrape", "no answer to [redacted]")
    assert len(gathered) == 1


def test_a_stranger_s_exception_is_named_with_its_type(tmp_path: Path) -> None:
    got = Store(tmp_path).get("scrape", MADE, lambda: vars()["gone"])
    assert got == Errored("scrape", "KeyError('gone')")


def test_a_gatherer_that_died_is_not_repeated(tmp_path: Path) -> None:
    with raises(KeyboardInterrupt):
        Store(tmp_path).get("scrape", MADE, lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    got = Store(tmp_path).get("scrape", MADE, lambda: fail("it was gathered a second time"))
    assert got == Errored("scrape", "the process that gathered it died")


def test_a_record_that_cannot_be_saved_is_an_error_with_its_reason(tmp_path: Path) -> None:
    unsayable = dataclasses.replace(SCRAPED, exposition=dataclasses.replace(SCRAPED.exposition, problem="\ud800"))
    got = saved(tmp_path, "scrape", unsayable)
    assert isinstance(got, Errored)
    assert got.reason.startswith("the scrape evidence cannot be saved: ")
    assert "surrogates not allowed" in got.reason
    assert saved(tmp_path, "scrape", SCRAPED) == got


def test_secrets_are_in_no_file_and_in_no_record(tmp_path: Path) -> None:
    told = exchange(
        200,
        f'{{"token": "{SECRET}"}}'.encode(),
        sent=b"\xff" + SECRET.encode() + b"\xfe",
        headers=(("X-Echo", SECRET), (SECRET, "x")),
        path=f"/m?k={SECRET}",
    )
    record = Scrape(Exposition(told, f"met {SECRET}", ((SECRET, {SECRET: SECRET}, 1.0),)))
    got = saved(tmp_path, "scrape", record, secrets=(SECRET,))
    assert isinstance(got, Scrape)
    assert SECRET not in repr(got)
    assert got.exposition.exchange.request_body == b"\xff[redacted]\xfe"
    assert got.exposition.samples == (("[redacted]", {"[redacted]": "[redacted]"}, 1.0),)
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes()


def test_redaction_leaves_the_rest_as_it_was() -> None:
    assert redacted(SCRAPED, (SECRET,)) == SCRAPED
    whole = made(Exchange, full=True)
    assert redacted(whole, (SECRET,)) == whole


@mark.parametrize(
    ("key", "value", "shown"),
    [
        ("rate", 200.0, "rate = 120.0, not 200.0"),
        ("paths", {"ready": "/health"}, "paths = {'ready': '/ready'}, not {'ready': '/health'}"),
        ("features", ("a",), "features = ['a', 'b'], not ['a']"),
        ("json", {"x": 1}, "json = None, not {'x': 1}"),
        ("budget_s", 5.0, "budget_s = None, not 5.0"),
    ],
)
def test_a_replay_judges_no_record_made_otherwise(tmp_path: Path, key: str, value: object, shown: str) -> None:
    saved(tmp_path, "scrape", SCRAPED)
    got = Store(tmp_path, replay=True).get("scrape", {**MADE, key: value}, lambda: fail("a replay gathers nothing"))
    assert got == NotGathered("scrape", f"the saved scrape evidence was made with {shown}")


def test_a_replay_compares_what_is_asked_for_now(tmp_path: Path) -> None:
    saved(tmp_path, "scrape", SCRAPED)
    fewer = {key: value for key, value in MADE.items() if key != "rate"}
    assert Store(tmp_path, replay=True).get("scrape", {**fewer, "features": ["a", "b"]}, lambda: None) == SCRAPED


def test_a_replay_gathers_nothing_that_was_not_saved(tmp_path: Path) -> None:
    got = Store(tmp_path, replay=True).get("scrape", MADE, lambda: fail("a replay gathers nothing"))
    assert got == NotGathered("scrape", "the saved run holds no scrape evidence")
    assert list(tmp_path.iterdir()) == []


@mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"name": "scrape"}', b"[" * 100_000, b"\x00" * 64],
    ids=["empty", "cut", "no_utf8", "list", "null", "half", "nested", "zeros"],
)
@mark.parametrize("replay", [True, False])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes, replay: bool) -> None:
    (tmp_path / "scrape.json").write_bytes(content)
    got = Store(tmp_path, replay=replay).get("scrape", MADE, lambda: fail("it is there"))
    assert isinstance(got, Errored)
    assert got.reason.startswith("scrape.json cannot be read: ")


def test_a_record_of_another_shape_or_name_is_an_error(tmp_path: Path) -> None:
    saved(tmp_path, "scrape", SCRAPED)
    plain = json.loads((tmp_path / "scrape.json").read_text())
    (tmp_path / "limits.json").write_text(json.dumps(plain))
    got = read(tmp_path / "limits.json")
    assert got == Errored("limits", "limits.json cannot be read: it holds evidence 'scrape'")
    plain["record"]["exposition"]["exchange"]["status"] = "200"
    (tmp_path / "scrape.json").write_text(json.dumps(plain))
    got = read(tmp_path / "scrape.json")
    assert isinstance(got, Errored)
    assert "scrape.json cannot be read: Expected `int | null`" in got.reason


@mark.parametrize("damage", ["gone", "empty", "cut", "text", "flipped"])
def test_damaged_arrays_are_an_error_that_names_their_file(tmp_path: Path, damage: str) -> None:
    saved(tmp_path, "steady_load", made(LoadRun, full=True))
    beside = tmp_path / "steady_load.npz"
    whole = beside.read_bytes()
    flipped = bytearray(whole)
    flipped[80:110] = bytes(30)
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"no array", "flipped": bytes(flipped)}
    beside.unlink() if damage == "gone" else beside.write_bytes(content[damage])
    got = read(tmp_path / "steady_load.json")
    assert isinstance(got, Errored)
    assert got.reason.startswith("steady_load.npz cannot be read: ")


def test_clearing_takes_away_evidence_and_nothing_else(tmp_path: Path) -> None:
    saved(tmp_path, "scrape", SCRAPED)
    saved(tmp_path, "steady_load", made(LoadRun, full=True))
    (tmp_path / "notes.json").write_text("{}")
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".started", ".lock"}
    assert names(tmp_path) == ["scrape", "steady_load"]
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


def test_the_builder_of_this_file_fills_every_field() -> None:
    generator = made(Generator, full=True)
    assert set(vars(generator).values()) == {0.1, -3}
