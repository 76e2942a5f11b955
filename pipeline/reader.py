"""Reads a version of the dataset: any payload of any clip by the index, without unpacking the tars."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from annotations.splits import PROTOCOLS, SPLITS
from pipeline.errors import UserError
from pipeline.manifest import INDEX, MANIFEST, split_column


class DatasetError(UserError):
    """A folder that is no usable version of the dataset; says what is missing and where."""


def find_version(folder: Path) -> Path:
    """A version's folder: `folder` itself, or the highest version in it. Raises DatasetError if there is none."""
    if (folder / MANIFEST).is_file():
        return folder
    made = [path.parent for path in folder.glob(f"*/{MANIFEST}") if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)]
    versions = {tuple(map(int, path.name.split("."))): path for path in made}
    if not versions:
        raise DatasetError(f"{folder}: no version of the dataset here; make one with `make shards`")
    return versions[max(versions)]


class Dataset:
    """One version, opened for some modalities. Rows are numbered in shard order.

    Picklable: another process opens the tars for itself. Reads are positioned (`pread`), so threads may share it.
    """

    def __init__(self, root: Path, modalities: Sequence[str]) -> None:
        self.root = root
        self.modalities = tuple(modalities)
        manifest = root / MANIFEST
        if not manifest.is_file():
            raise DatasetError(f"{root}: no {MANIFEST} here; name a version's folder, or make one with `make shards`")
        self.manifest: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        self._check_files()
        self.index = pd.read_parquet(root / INDEX)
        self.keys: list[str] = self.index["key"].tolist()
        wanted = {"label", *self.modalities}
        self._places = {
            m: list(zip(self.index["shard"], self.index[f"{m}_offset"], self.index[f"{m}_bytes"], strict=True))
            for m in wanted
        }
        self._descriptors: dict[tuple[str, int], int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, row: int, modality: str) -> bytes:
        """The payload of one clip. Raises DatasetError if its tar ends early."""
        shard, offset, size = (int(value) for value in self._places[modality][row])
        data = os.pread(self._open(modality, shard), size, offset)
        if len(data) != size:
            raise DatasetError(f"{self.root}/{modality}-{shard:06d}.tar ends before the payload of {self.keys[row]}")
        return data

    def label(self, row: int) -> dict[str, Any]:
        """The label of one clip: activity, muscles (20 zeros and ones), splits and provenance."""
        label: dict[str, Any] = json.loads(self.read(row, "label"))
        return label

    def rows(self, protocol: str, split: str) -> list[int]:
        """The rows of one split. Raises DatasetError for a protocol or split that does not exist."""
        if protocol not in PROTOCOLS or split not in SPLITS:
            raise DatasetError(f"no split {split!r} of {protocol!r}; protocols {PROTOCOLS}, splits {SPLITS}")
        return [int(row) for row in self.index.index[self.index[split_column(protocol)] == split]]

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_descriptors": {}}

    def _open(self, modality: str, shard: int) -> int:
        place = (modality, shard)
        if place not in self._descriptors:
            name = self.manifest["modalities"][modality]["files"][shard]["name"]
            self._descriptors[place] = os.open(self.root / name, os.O_RDONLY)
        return self._descriptors[place]

    def _check_files(self) -> None:
        columns = self.manifest["modalities"]
        for modality in ("label", *self.modalities):
            if modality not in columns:
                held = ", ".join(columns)
                raise DatasetError(f"{self.root}: this version has no {modality}; it has {held}")
            for file in columns[modality]["files"]:
                path = self.root / file["name"]
                if not path.is_file():
                    raise DatasetError(f"{path}: missing; the manifest names it")
                if path.stat().st_size != file["bytes"]:
                    raise DatasetError(f"{path}: {path.stat().st_size} bytes, the manifest says {file['bytes']}")
        if not (self.root / INDEX).is_file():
            raise DatasetError(f"{self.root / INDEX}: missing; the manifest names it")
