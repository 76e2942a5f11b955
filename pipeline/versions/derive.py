"""A version made out of another one's tars: without some columns, or without some sources. Nothing is decoded."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.changes import changes, tombstone
from pipeline.errors import UserError
from pipeline.files import replacing, share
from pipeline.layout import assign
from pipeline.manifest import describe
from pipeline.records import EXTENSION
from pipeline.release import Member, Release, read_release
from pipeline.tar import TarWriter


@dataclass(frozen=True)
class Row:
    key: str
    source: str


def without_columns(release: Release, left_out: Collection[str], folder: Path) -> Release:
    """The same version without some modalities; index and manifest hold nothing of them. Raises UserError."""
    if unknown := [m for m in left_out if m not in release.modalities or m == "label"]:
        held = ", ".join(m for m in release.modalities if m != "label")
        raise UserError(f"{release.root}: cannot leave out {unknown[0]!r}; it has {held}")
    kept = [m for m in release.modalities if m not in left_out]
    for tar in release.files(kept)[1:]:
        share(release.root / tar["name"], folder / tar["name"])
    index = release.index.drop(columns=[c for c in release.index if str(c).split("_")[0] in left_out])
    about = dict(release.manifest)
    about["config"] = {name: value for name, value in about["config"].items() if name not in left_out}
    if about.get("changes"):
        extracted = {m: n for m, n in about["changes"]["re-extracted"].items() if m not in left_out}
        about["changes"] = {**about["changes"], "re-extracted": extracted}
    describe(folder, index, {m: about["modalities"][m] for m in kept}, about)
    return read_release(folder)


def without_sources(release: Release, sources: Collection[str], version: str, folder: Path) -> Release:
    """The next version, which lacks these sources. Only tars that held their clips are written, others are shared."""
    found = [Row(k, s) for k, s in zip(release.index["key"], release.index["source"], strict=True) if s not in sources]
    if not found:
        raise UserError(f"{release.root}: nothing would be left; remove the version instead")
    held = {row.key: release.shard_of(row.key) for row in found}
    shards = assign(found, size=lambda rows: 0, target_bytes=1, held=held)
    index = release.index.set_index("key").loc[[row.key for rows in shards for row in rows]]
    index["shard"] = [number for number, rows in enumerate(shards) for _ in rows]
    columns: dict[str, Any] = {}
    for modality in release.modalities:
        files = []
        for number, rows in enumerate(shards):
            keys = [row.key for row in rows]
            tar, members = _column_tar(release, modality, held[keys[0]], keys, folder / f"{modality}-{number:06d}.tar")
            files.append(tar)
            for place, name in enumerate(("offset", "bytes", "sha256"), start=1):
                index.loc[keys, f"{modality}_{name}"] = [member[place] for member in members]
        columns[modality] = {**release.manifest["modalities"][modality], "files": files}
    table = index.reset_index()[list(release.index.columns)]
    buried = sorted({*release.manifest.get("tombstones", ()), *map(tombstone, sources)})
    about = {
        **release.manifest,
        "version": version,
        "parent": release.version,
        "changes": changes(release.index, table, buried).counts,
        "tombstones": buried,
    }
    describe(folder, table, columns, about)
    return read_release(folder)


def _column_tar(
    release: Release, modality: str, shard: int, keys: list[str], path: Path
) -> tuple[dict[str, Any], list[Member]]:
    """One tar with these clips of a shard, shared if they are all of it; its manifest entry and its members."""
    tar, members = release.tars(modality)[shard], release.members(modality, shard)
    if [member[0] for member in members] == keys:
        share(release.root / tar["name"], path)
        return {**tar, "name": path.name}, members
    wanted, ending = set(keys), f"{modality}.{EXTENSION[modality]}"
    listing: list[Member] = []
    with tarfile.open(release.root / tar["name"]) as old, replacing(path) as part, part.open("wb") as stream:
        writer = TarWriter(stream)
        for member in old:
            key, _, rest = member.name.partition(f".{modality}.")
            if key in wanted:
                content = old.extractfile(member)
                assert content is not None
                data = content.read()
                offset = writer.add(member.name, data)
                if f"{modality}.{rest}" == ending:
                    listing.append((key, offset, len(data), hashlib.sha256(data).hexdigest()))
        writer.close()
    return {"name": path.name, "sha256": writer.sha256, "bytes": writer.bytes, "clips": len(listing)}, listing
