"""A version of the dataset as card and page need it: manifest, index and labels, and what is counted in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from annotations.splits import PROTOCOLS, SPLITS, UNUSED
from pipeline.errors import UserError
from pipeline.reader import Dataset, find_version
from pipeline.records import EXTRACTED
from pipeline.release import MANIFEST

NEEDED = (
    "name",
    "version",
    "tier",
    "code",
    "clips",
    "sources",
    "activities",
    "muscles",
    "splits",
    "failures",
    "config",
)
"""Entries of the manifest that the card is made from, besides those that the reader checks."""


@dataclass(frozen=True, eq=False)
class Version:
    """One version, open for the modalities whose tars are all here. `labels` are in the order of the index."""

    dataset: Dataset
    labels: list[dict[str, Any]]

    @property
    def root(self) -> Path:
        return self.dataset.root

    @property
    def manifest(self) -> dict[str, Any]:
        return self.dataset.manifest

    @property
    def index(self) -> pd.DataFrame:
        return self.dataset.index

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those of the manifest, whether or not their tars are here, in the order of tables and pages."""
        return tuple(m for m in (*EXTRACTED, "label") if m in self.manifest["modalities"])

    @property
    def seconds(self) -> pd.Series:
        """Length of each clip, as it was cut."""
        return self.index["end"] - self.index["start"]

    @property
    def splits(self) -> tuple[str, ...]:
        """All splits in their order; `unused` only where a clip is."""
        return SPLITS + ((UNUSED,) if any(UNUSED in counts for counts in self.manifest["splits"].values()) else ())

    def bytes(self, modality: str) -> int:
        return sum(file["bytes"] for file in self.manifest["modalities"][modality]["files"])

    def tars(self, modality: str) -> list[str]:
        return [file["name"] for file in self.manifest["modalities"][modality]["files"]]

    def muscle_counts(self, protocol: str) -> pd.DataFrame:
        """Clips by muscle group (rows) and split (columns)."""
        muscles = self.manifest["muscles"]
        active = np.array([label["muscles"] for label in self.labels], int).reshape(-1, len(muscles))
        held = np.array([label["splits"][protocol] for label in self.labels])
        return pd.DataFrame({split: active[held == split].sum(axis=0) for split in self.splits}, index=muscles)

    def muscle_activities(self) -> dict[str, int]:
        """Muscle group → activities with a clip in which it is active."""
        muscles = self.manifest["muscles"]
        pairs = {(label["activity"], i) for label in self.labels for i, on in enumerate(label["muscles"]) if on}
        counts = Counter(i for _, i in pairs)
        return {name: counts[i] for i, name in enumerate(muscles)}

    def availability(self) -> dict[str, int]:
        """Listed segments by what became of them: clips, and the first part of the reason for the others."""
        counts = Counter({"clip": int(self.manifest["clips"])})
        for reason, count in self.manifest["failures"].items():
            counts[reason.split("/")[0]] += count
        return dict(counts)

    def provenance(self) -> dict[str, int]:
        """Clips by where their labels come from."""
        return dict(sorted(Counter(str(label["provenance"]) for label in self.labels).items()))

    def close(self) -> None:
        self.dataset.close()


def open_version(folder: Path) -> Version:
    """Opens `folder`, or the newest version in it. Raises UserError for what is missing or does not fit."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name a version of the dataset or a folder of versions")
    root = find_version(folder)
    columns = _columns(root / MANIFEST)
    present = [m for m in EXTRACTED if m in columns and all((root / file["name"]).is_file() for file in columns[m])]
    dataset = Dataset(root, present)
    return Version(dataset, [dataset.label(row) for row in range(len(dataset))])


def _columns(path: Path) -> dict[str, list[dict[str, Any]]]:
    """modality → its tars, of a manifest that holds all that is needed."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not a JSON file ({error}); `make shards` writes it again") from None
    needed = (*NEEDED, "modalities", "index")
    missing = [name for name in needed if name not in manifest] if isinstance(manifest, dict) else list(needed)
    if not missing:
        missing = [f"splits.{protocol}" for protocol in PROTOCOLS if protocol not in manifest["splits"]]
    if missing:
        raise UserError(f"{path}: has no {', '.join(missing)}; `make shards` writes it again")
    return {modality: column["files"] for modality, column in manifest["modalities"].items()}


def by_activity(version: Version) -> Iterator[tuple[str, list[int]]]:
    """Activities in alphabetical order, each with its rows."""
    for activity, rows in version.index.groupby("activity", sort=True).indices.items():
        yield str(activity), [int(row) for row in rows]
