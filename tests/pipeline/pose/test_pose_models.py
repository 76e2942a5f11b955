"""Model files are fetched out of a wheel by the real pip, and refused when their digest is another."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.pose import models

NETWORK = b"a small network" * 100


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder, and an offline package index that has `pose-demo` 1.0 and nothing else."""
    index = tmp_path / "index"
    index.mkdir()
    write_wheel(index, NETWORK)
    monkeypatch.setenv("MUSCLEMAP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return tmp_path / "models"


def write_wheel(index: Path, network: bytes) -> None:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("inner/net.tflite", network)
    with zipfile.ZipFile(index / "pose_demo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pose_demo/bundle.zip", bundle.getvalue())
        info = "pose_demo-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pose-demo\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def write_lock(path: Path, *packages: str, digest: str = hashlib.sha256(NETWORK).hexdigest()) -> Path:
    sources = "".join(
        f'[[small.sources]]\npackage = "{package}"\nversion = "1.0"\n'
        'members = ["pose_demo/bundle.zip", "inner/net.tflite"]\n'
        for package in packages
    )
    head = '[small]\ntitle = "Small"\nfile = "small.tflite"\nlicence = "MIT"\ncitation = "none"\n'
    path.write_text(f'{head}sha256 = "{digest}"\n{sources}')
    return path


def test_a_model_comes_out_of_the_archive_in_the_wheel(folder: Path, tmp_path: Path) -> None:
    assert models.fetch_models(write_lock(tmp_path / "lock.toml", "pose-demo")) == [folder / "small.tflite"]
    assert (folder / "small.tflite").read_bytes() == NETWORK
    assert [path.name for path in folder.iterdir()] == ["small.tflite"]


def test_a_file_that_is_right_is_not_fetched_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = write_lock(tmp_path / "lock.toml", "pose-demo")
    models.fetch_models(lock)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    assert models.fetch_models(lock) == [folder / "small.tflite"]


def test_a_damaged_file_is_fetched_again(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "small.tflite").write_bytes(NETWORK[:-1])
    models.fetch_models(write_lock(tmp_path / "lock.toml", "pose-demo"))
    assert (folder / "small.tflite").read_bytes() == NETWORK


def test_the_next_source_is_tried(folder: Path, tmp_path: Path) -> None:
    models.fetch_models(write_lock(tmp_path / "lock.toml", "pose-demo-gone", "pose-demo"))
    assert (folder / "small.tflite").read_bytes() == NETWORK


def test_another_digest_is_refused_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    lock = write_lock(tmp_path / "lock.toml", "pose-demo", digest="0" * 64)
    with pytest.raises(UserError, match=f"{hashlib.sha256(NETWORK).hexdigest()}, not {'0' * 64}"):
        models.fetch_models(lock)
    assert not folder.exists() or not list(folder.iterdir())


def test_a_wheel_that_cannot_be_had_is_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pose-demo-gone==1\.0") as refusal:
        models.fetch_models(write_lock(tmp_path / "lock.toml", "pose-demo-gone"))
    assert "\n" not in str(refusal.value)


def test_a_missing_model_says_what_to_run(folder: Path) -> None:
    with pytest.raises(UserError, match="make setup"):
        models.model_path("movenet")


def test_a_model_with_other_bytes_is_not_used(folder: Path) -> None:
    folder.mkdir()
    path = folder / models.read_lock()["movenet"].file
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match=hashlib.sha256(b"something else").hexdigest()):
        models.model_path("movenet")


def test_the_installed_model_is_the_published_one(model: Path) -> None:
    published = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
    assert hashlib.sha256(model.read_bytes()).hexdigest() == published
