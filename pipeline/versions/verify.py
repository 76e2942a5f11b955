"""Verify: every promise of a version, checked on its bytes, here or at a URL. Problems are lines: where, what."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from annotations.splits import PROTOCOLS, side_of
from pipeline.changes import tombstone
from pipeline.manifest import split_column
from pipeline.records import EXTENSION
from pipeline.release import MANIFEST, Release
from pipeline.versions.store import Store


def verify(place: Store, absent: str = "") -> list[str]:
    """What is wrong with a version; columns of which no tar is here were not copied, and are skipped.

    `absent` is a source of which nothing may be found.
    """
    release = place.release()
    problems = [*_promises(release)]
    present = [m for m in release.modalities if any(place.fs.exists(place.path(t["name"])) for t in release.tars(m))]
    jobs = [(modality, shard) for modality in present for shard in range(len(release.tars(modality)))]
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda job: [*_check_tar(place, release, job[0], job[1], absent)], jobs):
            problems += found
    for path in place.fs.glob(place.path("*.tar")) if "file" in place.fs.protocol else ():
        if path.rsplit("/", 1)[-1] not in {tar["name"] for m in release.modalities for tar in release.tars(m)}:
            problems.append(f"{path}: a tar that the manifest does not name")
    if absent:
        problems += _mentions(place, release, absent)
    return problems


def _promises(release: Release) -> Iterator[str]:
    """Manifest against index, splits, tombstones."""
    index, about, where = release.index, release.manifest, release.root
    if index["key"].duplicated().any():
        yield f"{where}: {index['key'][index['key'].duplicated()].iloc[0]} is in the index twice"
    if (len(index), index["source"].nunique()) != (about["clips"], about["sources"]):
        yield f"{where}: {len(index)} clips of {index['source'].nunique()} sources, not as the manifest says"
    for protocol in PROTOCOLS:
        counts = index[split_column(protocol)].value_counts().to_dict()
        if counts != about["splits"][protocol]:
            yield f"{where}: the splits under {protocol} are not those of the manifest"
    sides = index[split_column("video-disjoint")].map(side_of)
    sides = sides[sides != ""].groupby(index["source"]).nunique()
    for source in sides.index[sides > 1]:
        yield f"{where}: source {source} is on two sides of video-disjoint"
    trained = index[index["new"] & (index[[split_column(p) for p in PROTOCOLS]] == "train").any(axis=1)]
    for key in trained["key"]:
        yield f"{where}: {key} is of a new activity and in train"
    frames = {m: index[f"{m}_frames"] + (m == "flow") for m in release.modalities if f"{m}_frames" in index}
    for modality, fields in frames.items():
        for key in index["key"][fields != next(iter(frames.values()))]:
            yield f"{where}: {key} has another number of frames in {modality}"
    for source in index["source"].unique():
        if tombstone(source) in about.get("tombstones", ()):
            yield f"{where}: source {source} was taken down and is here"


class _Hashing:
    """A stream that hashes what is read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self.hash.update(data)
        return data


def _check_tar(place: Store, release: Release, modality: str, shard: int, absent: str) -> Iterator[str]:
    tar, members = release.tars(modality)[shard], release.members(modality, shard)
    where, ending = f"{place.url}/{tar['name']}", f".{modality}.{EXTENSION[modality]}"
    listing = []
    try:
        with place.open(tar["name"]) as raw:
            stream = _Hashing(raw)
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
                for member in archive:
                    content = archive.extractfile(member)
                    data = content.read() if content else b""
                    key = member.name.partition(f".{modality}.")[0]
                    if absent and _source_of(key) == absent:
                        yield f"{where}: {member.name} is of {absent}"
                    if (member.mtime, member.uid, member.gid, member.mode) != (0, 0, 0, 0o644):
                        yield f"{where}: {member.name} has a date or an owner"
                    if member.name.endswith(ending):
                        sha = hashlib.sha256(data).hexdigest()
                        listing.append((key, member.offset_data, member.size, sha))
                        if modality == "label":
                            yield from _check_label(release, where, key, data)
            while stream.read(2**20):
                pass
    except (OSError, tarfile.TarError, ValueError) as error:
        yield f"{where}: cannot be read ({error})"
        return
    if stream.hash.hexdigest() != tar["sha256"]:
        yield f"{where}: SHA-256 is not that of the manifest"
    if len(listing) != len(members):
        yield f"{where}: {len(listing)} clips, the index has {len(members)}"
    for found, wanted in zip(listing, members, strict=False):
        if found != wanted:
            yield f"{where}: {wanted[0]} is not where or what the index says"


def _check_label(release: Release, where: str, key: str, data: bytes) -> Iterator[str]:
    label, row = json.loads(data), release.rows.get(key)
    if row is None:
        return
    indexed = release.index.iloc[row]
    splits = {split_column(protocol): split for protocol, split in label["splits"].items()}
    said = {"muscles": "".join(map(str, label["muscles"])), **splits, **{n: label[n] for n in ("activity", "source")}}
    if any(indexed.get(name) != value for name, value in said.items()):
        yield f"{where}: the label of {key} is not that of the index"


def _source_of(key: str) -> str:
    """The source in a clip's key (`records.clip_key`)."""
    return key.rsplit("-", 2)[0]


def _mentions(place: Store, release: Release, source: str) -> Iterator[str]:
    """Files beside the tars that name a source."""
    if source in set(release.index["source"]):
        yield f"{release.root}: source {source} is in the index"
    for name in (MANIFEST, "README.md", "croissant.json"):  # the last two only where there is a card
        if not place.patiently(name, partial(place.fs.exists, place.path(name))):
            continue
        if re.search(rb"(?<![\w-])" + re.escape(source.encode()) + rb"(?![\w])", place.read(name)):
            yield f"{place.url}/{name}: names {source}"
