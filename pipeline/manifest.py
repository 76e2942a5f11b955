"""Writes a version's `manifest.json` and `index.parquet` beside its shards.

The manifest says what the version holds, how it was made and what changed since its parent; the index says where each
payload lies, so that any sample can be read without unpacking. Both have the same bytes for the same shards, no dates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from annotations.splits import PROTOCOLS
from annotations.tables import Tables
from pipeline.changes import changes, tombstone
from pipeline.config import Config, to_dict
from pipeline.errors import Failure
from pipeline.files import replacing, write_text
from pipeline.records import EXTENSION, PICTURES, file_sha256
from pipeline.release import INDEX, MANIFEST, Release

if TYPE_CHECKING:  # it would bring the whole engine along, to commands that only read
    from pipeline.shard import Sample, ShardFile


def split_column(protocol: str) -> str:
    """The index column that holds a protocol's split."""
    return f"split_{protocol.replace('-', '_')}"


def write(
    folder: Path,
    shards: Sequence[Sequence[Sample]],
    files: Sequence[ShardFile],
    failures: Mapping[str, Failure],
    tables: Tables,
    config: Config,
    modalities: Sequence[str],
    parent: Release | None = None,
) -> Path:
    """Describes a version whose tars are written; returns the manifest's path."""
    found = [sample for shard in shards for sample in shard]
    index = build_index(shards, files)
    buried = {tombstone(source) for source in tables.takedowns}
    buried |= set(parent.manifest.get("tombstones", ()) if parent else ())
    reasons = {key: failure.reason.value for key, failure in failures.items()}
    columns = {m: {"ext": EXTENSION[m], "files": _tars(m, files), **_detail(m, found)} for m in modalities}
    about = {
        "version": config.shard.version,
        "parent": parent.version if parent else None,
        "code": version("musclemap"),
        "muscles": [muscle.slug for muscle in tables.muscles],
        "failures": dict(sorted(Counter(reasons.values()).items())),
        "config": {name: to_dict(getattr(config, name)) for name in ("cut", "rgbdiff", "flow", "skeleton", "splits")},
        "changes": changes(parent.index, index, buried, reasons).counts if parent else None,
        "tombstones": sorted(buried),
    }
    return describe(folder, index, columns, about)


def describe(folder: Path, index: pd.DataFrame, columns: Mapping[str, Any], about: Mapping[str, Any]) -> Path:
    """Writes index, then manifest, then removes tars of an earlier making that this one does not name.

    `columns` gives each modality's entry of the manifest, `about` the entries that the index cannot tell.
    """
    with replacing(folder / INDEX) as part:
        index.to_parquet(part, index=False)
    counted = {
        "name": "musclemap",
        "version": about["version"],
        "parent": about["parent"],
        "tier": _tier(list(columns)),
        "clips": len(index),
        "sources": int(index["source"].nunique()),
        "activities": _counts(index["activity"]),
        "splits": {protocol: _counts(index[split_column(protocol)]) for protocol in PROTOCOLS},
    }
    parts = {
        "modalities": columns,
        "index": {"name": INDEX, "sha256": file_sha256(folder / INDEX), "bytes": (folder / INDEX).stat().st_size},
    }
    manifest = counted | {name: value for name, value in about.items() if name not in counted} | parts
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    named = {tar["name"] for column in columns.values() for tar in column["files"]}
    for stale in folder.glob("*.tar"):
        if stale.name not in named:
            stale.unlink()
    return folder / MANIFEST


def _counts(column: pd.Series) -> dict[str, int]:
    return dict(sorted(Counter(column.tolist()).items()))


def _tier(modalities: Sequence[str]) -> str:
    """What of the videos can be seen in a version: RGB difference and flow still show the person."""
    if "rgb" in modalities:
        return "full"
    return "without rgb" if set(PICTURES) & set(modalities) else "without pictures"


def build_index(shards: Sequence[Sequence[Sample]], files: Sequence[ShardFile]) -> pd.DataFrame:
    """One row a clip in shard order; <modality>_offset and <modality>_bytes locate its payload in the tar."""
    rows = []
    for number, members in enumerate(shards):
        for sample in members:
            any_payload = next((p for m, p in sample.payloads.items() if m != "flow"), None)
            rows.append(
                {
                    "key": sample.key,
                    "source": sample.source,
                    "activity": sample.segment.activity,
                    "muscles": "".join(map(str, sample.label["muscles"])),
                    "new": sample.label["new"],
                    "start": sample.segment.start,
                    "end": sample.segment.end,
                    "frames": any_payload.frames if any_payload else 0,
                    "width": any_payload.width if any_payload else 0,
                    "height": any_payload.height if any_payload else 0,
                    "fps": any_payload.fps if any_payload else 0.0,
                    "shard": number,
                    **{split_column(p): sample.label["splits"][p] for p in PROTOCOLS},
                    **{f"{m}_frames": p.frames for m, p in sample.payloads.items()},
                }
            )
    index = pd.DataFrame(rows)
    for modality in dict.fromkeys(file.modality for file in files):
        listing = [member for file in files if file.modality == modality for member in file.members]
        columns = [f"{modality}_{name}" for name in ("offset", "bytes", "sha256")]
        located = pd.DataFrame([member[1:] for member in listing], columns=columns, index=[m[0] for m in listing])
        index = index.join(located, on="key", validate="one_to_one")
    return index


def _tars(modality: str, files: Sequence[ShardFile]) -> list[dict[str, Any]]:
    tars = sorted((file for file in files if file.modality == modality), key=lambda file: file.number)
    return [
        {"name": Path(tar.path).name, "sha256": tar.sha256, "bytes": tar.bytes, "clips": len(tar.members)}
        for tar in tars
    ]


def _detail(modality: str, found: Sequence[Sample]) -> dict[str, Any]:
    """What a reader must know of all payloads of a column: the detail that is the same for each."""
    if modality == "label":
        return {}
    details = [sample.payloads[modality].detail for sample in found]
    shared = {k: v for k, v in details[0].items() if all(d.get(k) == v for d in details)} if details else {}
    return {"detail": {k: v for k, v in shared.items() if k != "found"}}
