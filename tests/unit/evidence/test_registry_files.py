"""Model files are found, hashed and read for their header, and never loaded."""

from __future__ import annotations

import io
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import joblib
import pytest
import sklearn
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_mlready.evidence.file_header import saved_with
from pytest_mlready.evidence.registered import entry
from pytest_mlready.evidence.store import GatherError
from pytest_mlready.settings import Settings
from tests.unit.records_made import settings

DIGEST = "ab" * 32


class Bomb:
    """A model file that runs code when it is loaded."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("the file was loaded",)


def fitted() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])


def dumped(protocol: int) -> bytes:
    return pickle.dumps(fitted(), protocol=protocol)


def by_joblib(compress: int) -> bytes:
    file = io.BytesIO()
    joblib.dump(fitted(), file, compress=compress)
    return file.getvalue()


@pytest.mark.parametrize("content", [
    dumped(2), dumped(4), dumped(5), by_joblib(0), by_joblib(3), bytes(skops.io.dumps(fitted())),
    zlib.compress(dumped(4)),
], ids=["pickle2", "pickle4", "pickle5", "joblib", "joblib-zlib", "skops", "zlib"])  # fmt: skip
def test_the_framework_version_in_the_header(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(content)
    assert saved_with(file) == sklearn.__version__


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"\x78\x9cgarbage", b"PK\x03\x04 no zip", b"_sklearn_version", b"_sklearn_version\x8c",
     b"_sklearn_versionX\xff\xff\xff\xffhello", b"_sklearn_version\x94\x8c\x03\xff\xfe\xfd", pickle.dumps(Bomb())],
)  # fmt: skip
def test_an_unreadable_header_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(content)
    assert saved_with(file) is None


def registry(root: Path, files: dict[str, object]) -> Settings:
    for name, content in files.items():
        path = root / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return settings(registry={"path": str(root / "models")})


@pytest.mark.parametrize(
    ("files", "file", "recorded"),
    [
        (
            {"1.0.0/model.pkl": "x", "1.0.0/manifest.json": {"files": {"model.pkl": {"sha256": DIGEST}}}},
            "model.pkl",
            DIGEST,
        ),
        ({"1.0.0/model.pkl": "x", "1.0.0/manifest.json": {"files": {"model.pkl": DIGEST}}}, "model.pkl", DIGEST),
        (
            {"1.0.0/m.onnx": "x", "1.0.0/manifest.json": {"files": [{"path": "m.onnx", "sha256": DIGEST}]}},
            "m.onnx",
            DIGEST,
        ),
        ({"1.0.0/m.onnx": "x", "1.0.0/metadata.json": {"sha256": f"sha256:{DIGEST}"}}, "m.onnx", DIGEST),
        ({"1.0.0/m.onnx": "x", "1.0.0/m.onnx.sha256": f"{DIGEST}  m.onnx\n"}, "m.onnx", DIGEST),
        ({"fraud/1.0.0/m.onnx": "x"}, "m.onnx", None),
        ({"m.joblib": "x", "metadata.json": {"digest": "no digest"}}, "m.joblib", None),
        ({"1.0.0/a.pkl": "x", "1.0.0/b.pkl": "x", "1.0.0/metadata.json": {"model_file": "b.pkl"}}, "b.pkl", None),
        ({"1.0.0/a.pkl": "x", "1.0.0/metadata.json": "{ broken", "1.0.0/manifest.json": "[1]"}, "a.pkl", None),
    ],
)
def test_layouts(tmp_path: Path, files: dict[str, object], file: str, recorded: str | None) -> None:
    found = entry(registry(tmp_path, files), [None, "1.0.0"])
    assert (found.file.name, found.recorded) == (file, recorded)


@pytest.mark.parametrize(
    ("loaded", "file"),
    [("m.onnx", "m.onnx"), ("store/m.onnx", "m.onnx"), (None, "m.pkl"), ("gone.onnx", "m.pkl"), ("..", "m.pkl")],
)
def test_of_two_formats_the_service_says_which_it_loaded(tmp_path: Path, loaded: str | None, file: str) -> None:
    files: dict[str, object] = {"1.0.0/m.onnx": "x", "1.0.0/m.pkl": "y", "1.0.0/metadata.json": {"artifact": "m.pkl"}}
    assert entry(registry(tmp_path, files), ["1.0.0"], loaded).file.name == file


@pytest.mark.parametrize(
    ("files", "versions", "words"),
    [
        ({"1.0.0/m.pkl": "x"}, ["2.0.0"], "no version 2.0.0: 1.0.0"),
        ({"1.0.0/m.pkl": "x"}, ["../1.0.0", ".."], "no version"),
        ({"1.0.0/m.pkl": "x"}, [None], "the service names none"),
        ({"1.0.0/a.pkl": "x", "1.0.0/b.pkl": "x"}, ["1.0.0"], "a.pkl, b.pkl"),
        ({"1.0.0/README": "x"}, ["1.0.0"], "found: none"),
    ],
)
def test_what_cannot_be_told(tmp_path: Path, files: dict[str, object], versions: list[str | None], words: str) -> None:
    with pytest.raises(GatherError, match=words):
        entry(registry(tmp_path, files), versions)


def test_a_registry_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GatherError, match="there is no"):
        entry(settings(registry={"path": str(tmp_path / "nowhere")}), ["1.0.0"])
