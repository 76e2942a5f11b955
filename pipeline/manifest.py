"""A version of the dataset: `manifest.json` and `index.parquet` beside its shards.

The manifest says what the version holds and how it was made; the index says where each payload lies, so that any
sample can be read without unpacking. Both have the same bytes for the same shards, and no dates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from annotations.splits import PROTOCOLS
from annotations.tables import Tables
from pipeline.config import Config, to_dict
from pipeline.errors import Failure
from pipeline.files import replacing, write_text
from pipeline.records import EXTENSION, PICTURES, file_sha256
from pipeline.shard import Sample, ShardFile

MANIFEST = "manifest.json"
INDEX = "index.parquet"


def split_column(protocol: str) -> str:
    """The index column that holds a protocol's split."""
    return f"split_{protocol.replace('-', '_')}"


def write(
    folder: Path,
    shards: Sequence[Sequence[Sample]],
    files: Sequence[ShardFile],
    failures: dict[str, Failure],
    tables: Tables,
    config: Config,
    modalities: Sequence[str],
) -> Path:
    """Writes index, then manifest, then removes files of an earlier making that this one does not name."""
    index = folder / INDEX
    with replacing(index) as part:
        build_index(shards, files).to_parquet(part, index=False)
    found = [sample for shard in shards for sample in shard]
    manifest = {
        "name": "musclemap",
        "version": config.shard.version,
        "parent": config.shard.parent or None,
        "tier": _tier(modalities),
        "code": version("musclemap"),
        "clips": len(found),
        "sources": len({sample.segment.source for sample in found}),
        "activities": dict(sorted(Counter(sample.segment.activity for sample in found).items())),
        "muscles": [muscle.slug for muscle in tables.muscles],
        "splits": {p: dict(sorted(Counter(s.label["splits"][p] for s in found).items())) for p in PROTOCOLS},
        "failures": dict(sorted(Counter(str(failure.reason) for failure in failures.values()).items())),
        "config": {name: to_dict(getattr(config, name)) for name in ("cut", "rgbdiff", "flow", "skeleton", "splits")},
        "modalities": {m: _column(m, files, found) for m in modalities},
        "index": {"name": INDEX, "sha256": file_sha256(index), "bytes": index.stat().st_size},
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    named = {Path(file.path).name for file in files}
    for stale in folder.glob("*.tar"):
        if stale.name not in named:
            stale.unlink()
    return folder / MANIFEST


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
                    "source": sample.segment.source,
                    "activity": sample.segment.activity,
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
        listing = [
            member for file in files if file.modality == modality for member in sorted(file.members, key=lambda m: m[1])
        ]
        columns = [f"{modality}_{name}" for name in ("offset", "bytes", "sha256")]
        located = pd.DataFrame([member[1:] for member in listing], columns=columns, index=[m[0] for m in listing])
        index = index.join(located, on="key", validate="one_to_one")
    return index


def _column(modality: str, files: Sequence[ShardFile], found: Sequence[Sample]) -> dict[str, Any]:
    column: dict[str, Any] = {
        "ext": EXTENSION[modality],
        "files": [
            {"name": Path(f.path).name, "sha256": f.sha256, "bytes": f.bytes, "clips": len(f.members)}
            for f in files
            if f.modality == modality
        ],
    }
    if modality != "label":
        details = [sample.payloads[modality].detail for sample in found]
        shared = {k: v for k, v in details[0].items() if all(d.get(k) == v for d in details)} if details else {}
        column["detail"] = {k: v for k, v in shared.items() if k != "found"}
    return column
