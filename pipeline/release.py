"""A version of the dataset as its manifest and its index tell it, without opening a tar."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import UserError

MANIFEST = "manifest.json"
INDEX = "index.parquet"

Member = tuple[str, int, int, str]
"""A clip's payload in a tar: key, offset, bytes, SHA-256."""


@dataclass(frozen=True, eq=False)
class Release:
    """`root` is its folder (of a remote one: where it would lie). The index has one row a clip, in shard order."""

    root: Path
    manifest: dict[str, Any]
    index: pd.DataFrame

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.manifest["modalities"])

    @cached_property
    def rows(self) -> dict[str, int]:
        """key → row of the index."""
        return {key: row for row, key in enumerate(self.index["key"])}

    def tars(self, modality: str) -> list[dict[str, Any]]:
        """Name, sha256, bytes and clips of each tar of a column, by number."""
        files: list[dict[str, Any]] = self.manifest["modalities"][modality]["files"]
        return files

    def files(self, modalities: Sequence[str]) -> list[dict[str, Any]]:
        """The index, and the tars of these columns."""
        return [self.manifest["index"], *(tar for modality in modalities for tar in self.tars(modality))]

    def shard_of(self, key: str) -> int:
        return int(self.index["shard"].tolist()[self.rows[key]])

    def members(self, modality: str, shard: int) -> list[Member]:
        """What a tar holds, in its order."""
        held = self.index[self.index["shard"] == shard]
        columns = ["key", *(f"{modality}_{name}" for name in ("offset", "bytes", "sha256"))]
        return list(zip(*(held[column].tolist() for column in columns), strict=True))


def parse(root: Path, manifest: bytes, index: bytes) -> Release:
    """From the bytes of the two files. Raises UserError if they are none of ours."""
    try:
        about = json.loads(manifest)
        table = pd.read_parquet(io.BytesIO(index))
    except ValueError as error:  # pyarrow's ArrowInvalid is one too
        raise UserError(f"{root}: {MANIFEST} or {INDEX} is damaged ({error}); copy the version again") from None
    if not isinstance(about, dict) or not {"modalities", "index"} <= about.keys() or "key" not in table:
        raise UserError(f"{root}: {MANIFEST} and {INDEX} are not those of a version of this dataset")
    if hashlib.sha256(index).hexdigest() != about["index"]["sha256"]:
        raise UserError(f"{root / INDEX}: not the index that {MANIFEST} names; copy both again, or `make shards`")
    return Release(root, about, table)


def read_release(root: Path) -> Release:
    """The version in a folder. Raises UserError for what is missing or damaged."""
    for name in (MANIFEST, INDEX):
        if not (root / name).is_file():
            raise UserError(f"{root / name}: missing; name a version's folder, or make one with `make shards`")
    return parse(root, (root / MANIFEST).read_bytes(), (root / INDEX).read_bytes())


def number(version: str) -> tuple[int, ...]:
    """1.2.3 as numbers, which sort. Raises UserError for anything else."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise UserError(f"{version!r} is no version; write it as 1.2.3")
    return tuple(map(int, version.split(".")))


def versions_in(folder: Path) -> list[Path]:
    """The folders of the versions in a folder, oldest first."""
    made = [path.parent for path in folder.glob(f"*/{MANIFEST}") if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)]
    return sorted(made, key=lambda path: number(path.name))
