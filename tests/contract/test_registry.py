"""What is served is what was trained, or nothing is."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from reference_service import durable, train
from reference_service.artifacts import artifact, manifest
from reference_service.artifacts.manifest import Untrusted
from reference_service.artifacts.registry import Registry, UnknownVersion
from reference_service.training.recipes import RECIPES


@pytest.fixture
def own(models: Path, tmp_path: Path) -> Path:
    """A copy of the registry that may be spoiled."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def test_training_again_changes_nothing(own: Path) -> None:
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    assert train.train_missing(own) == []
    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before


def test_a_lost_version_is_trained_again_to_the_same_answers(own: Path) -> None:
    path = own / "diabetes" / "2.0.0" / "golden.json"
    before = path.read_bytes()
    shutil.rmtree(path.parent)
    assert train.train_missing(own) == ["diabetes 2.0.0"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "version"), [(name, version) for name, recipe in RECIPES.items() for version in recipe.pipelines]
)
def test_a_version_is_trained_again_from_its_metadata(models: Path, name: str, version: str) -> None:
    recorded = json.loads((models / name / version / "metadata.json").read_bytes())
    told = train.again(recorded)
    for key in ("seed", "parameters", "data_version"):
        assert told[key] == recorded[key]
    assert told["metrics"] == pytest.approx(recorded["metrics"], rel=1e-9)


def test_other_data_or_another_seed_are_not_the_same_training(models: Path) -> None:
    recorded = json.loads((models / "diabetes" / "2.0.0" / "metadata.json").read_bytes())
    with pytest.raises(ValueError, match="trained on sha256:0, the data are sha256:"):
        train.again({**recorded, "data_version": "sha256:0"})
    assert train.again({**recorded, "seed": 8})["metrics"] != recorded["metrics"]


def test_a_version_is_immutable(own: Path) -> None:
    key = manifest.signing_key(own)
    with pytest.raises(FileExistsError):
        train.publish(own, key, "diabetes", "1.0.0", {"model.skops": b"another"})
    assert Registry(own, "diabetes").load("1.0.0").version == "1.0.0"


def test_versions_are_ordered_as_numbers(tmp_path: Path) -> None:
    for version in ("2.0.0", "10.0.0", "1.10.0", "1.9.0", ".1.0.0.tmp", "latest"):
        (tmp_path / "m" / version).mkdir(parents=True)
    registry = Registry(tmp_path, "m")
    assert registry.versions() == ["1.9.0", "1.10.0", "2.0.0", "10.0.0"]
    assert registry.first_version() == "1.9.0"


@pytest.mark.parametrize("version", ["3.0.0", "..", "../diabetes/1.0.0", "", "1.0.0\n"])
def test_unknown_versions(models: Path, version: str) -> None:
    with pytest.raises(UnknownVersion):
        Registry(models, "diabetes").load(version)


def test_a_manifest_of_another_key_or_version_is_refused(own: Path) -> None:
    directory = own / "diabetes"
    shutil.copytree(directory / "1.0.0", directory / "3.0.0")
    with pytest.raises(Untrusted, match="another version"):
        Registry(own, "diabetes").load("3.0.0")
    (own / manifest.KEY_NAME).write_text("00" * 32)
    with pytest.raises(Untrusted, match="not signed"):
        Registry(own, "diabetes").load("1.0.0")
    (own / manifest.KEY_NAME).unlink()
    with pytest.raises(Untrusted, match="train first"):
        Registry(own, "diabetes").load("1.0.0")


def test_another_framework_version_is_refused(own: Path) -> None:
    directory = own / "diabetes" / "1.0.0"
    files = {name: (directory / name).read_bytes() for name in ("model.skops", "metadata.json", "golden.json")}
    files["metadata.json"] = json.dumps({**json.loads(files["metadata.json"]), "framework_version": "0.1"}).encode()
    train.publish(own, manifest.signing_key(own), "diabetes", "3.0.0", files)
    with pytest.raises(Untrusted, match=r"trained with scikit-learn 0\.1"):
        Registry(own, "diabetes").load("3.0.0")


def test_an_artifact_cannot_bring_code() -> None:
    hostile = skops.io.dumps(FunctionTransformer(pickle.loads))
    with pytest.raises(Untrusted, match="not allowed"):
        artifact.load(hostile)


def test_files_are_replaced_whole_and_directories_never(tmp_path: Path) -> None:
    durable.write_file(tmp_path / "file", b"old")
    durable.write_file(tmp_path / "file", b"new", mode=0o600)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    durable.write_directory(tmp_path / "made", {"a": b"1", "b": b"2"})
    with pytest.raises(FileExistsError):
        durable.write_directory(tmp_path / "made", {"a": b"3"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == {"a": b"1", "b": b"2"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "made"]


def test_every_recipe_is_published(models: Path) -> None:
    for name, recipe in RECIPES.items():
        assert Registry(models, name).versions() == sorted(recipe.pipelines)
        sample = (models / name / "sample.csv").read_text().splitlines()
        assert len(sample) > 100


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("{", "Expecting"), ("{}", "expected the metadata.json of a version")]
)
def test_metadata_that_are_none_are_told_in_one_line(
    tmp_path: Path, content: str | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "metadata.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr("sys.argv", ["train", "--again", str(path)])
    with pytest.raises(SystemExit, match="2"):
        train.main()
    *_, last = capsys.readouterr().err.splitlines()
    assert f"error: --again {path}: " in last
    assert said in last
