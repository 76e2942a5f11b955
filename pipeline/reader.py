"""Reads a version of the dataset: any payload of any clip by the index, without unpacking the tars."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from annotations.splits import PROTOCOLS, SPLITS
from pipeline.errors import UserError
from pipeline.manifest import split_column
from pipeline.release import MANIFEST, Release, read_release, versions_in
from pipeline.tar import BLOCK


class DatasetError(UserError):
    """A folder that is no usable version of the dataset; says what is missing and where."""


def find_version(folder: Path) -> Path:
    """A version's folder: `folder` itself, or the highest version in it. Raises DatasetError if there is none."""
    if (folder / MANIFEST).is_file():
        return folder
    versions = versions_in(folder)
    if not versions:
        raise DatasetError(f"{folder}: no version of the dataset here; make one with `make shards`")
    return versions[-1]


class Dataset:
    """One version, opened for some modalities. Rows are numbered in shard order.

    Opening checks that manifest, index and tars fit each other: columns, files and sizes, counts, and that each
    column's payloads lie in the order of the index (the first and the last of a tar by their names). `verify` checks
    all bytes. Picklable: another process opens the tars for itself. Reads are positioned (`pread`), so threads may
    share it.
    """

    def __init__(self, root: Path, modalities: Sequence[str]) -> None:
        self.root = root
        self.modalities = tuple(modalities)
        release = read_release(root)
        self.manifest: dict[str, Any] = release.manifest
        self.index: pd.DataFrame = release.index
        self.keys: list[str] = self.index["key"].tolist()
        self._descriptors: dict[tuple[str, int], int] = {}
        self._places: dict[str, list[tuple[int, int, int]]] = {}
        for modality in dict.fromkeys(("label", *self.modalities)):
            self._check_files(release, modality)
            shards, offsets, sizes = (self.index[c].tolist() for c in ("shard", *_located(modality)))
            self._places[modality] = list(zip(shards, offsets, sizes, strict=True))
            self._check_order(modality)

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, row: int, modality: str) -> bytes:
        """The payload of one clip. Raises DatasetError if its tar ends early."""
        shard, offset, size = self._places[modality][row]
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

    def _check_files(self, release: Release, modality: str) -> None:
        if modality not in release.modalities:
            held = ", ".join(release.modalities)
            raise DatasetError(f"{self.root}: this version has no {modality}; it has {held}")
        for file in release.tars(modality):
            path = self.root / file["name"]
            if not path.is_file():
                raise DatasetError(f"{path}: missing; the manifest names it")
            if path.stat().st_size != file["bytes"]:
                raise DatasetError(f"{path}: {path.stat().st_size} bytes, the manifest says {file['bytes']}")
        if missing := [name for name in _located(modality) if name not in self.index]:
            raise DatasetError(f"{self.root}: the index has no {missing[0]}; copy index and manifest from one place")

    def _check_order(self, modality: str) -> None:
        """Counts by the manifest, offsets that grow within a tar, and the names at both ends of each tar."""
        places = self._places[modality]
        for tar, (name, rows) in enumerate(self._rows_by_tar(modality).items()):
            counted = self.manifest["modalities"][modality]["files"][tar]["clips"]
            if len(rows) != counted:
                raise DatasetError(f"{self.root / name}: {counted} clips by the manifest, {len(rows)} by the index")
            if any(places[a][1] + places[a][2] > places[b][1] for a, b in pairwise(rows)):
                raise DatasetError(f"{self.root / name}: its clips are not in the order of the index")
            for row in (rows[0], rows[-1]):
                found = os.pread(self._open(modality, tar), BLOCK, places[row][1] - BLOCK)
                wanted = f"{self.keys[row]}.{modality}.".encode()[:90]
                if not found.startswith(wanted):
                    raise DatasetError(f"{self.root / name}: does not hold {self.keys[row]} where the index says")
        self.close()

    def _rows_by_tar(self, modality: str) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {tar["name"]: [] for tar in self.manifest["modalities"][modality]["files"]}
        names = list(rows)
        for row, (shard, _, _) in enumerate(self._places[modality]):
            if not 0 <= shard < len(names):
                raise DatasetError(f"{self.root}: the index names {modality}-{shard:06d}.tar, the manifest does not")
            rows[names[shard]].append(row)
        return rows


def _located(modality: str) -> tuple[str, str]:
    """The index columns that say where a modality's payloads lie."""
    return f"{modality}_offset", f"{modality}_bytes"
