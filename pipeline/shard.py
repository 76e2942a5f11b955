"""Shard: payloads and labels → numbered tars, one column per modality, the same keys in the same order in each.

A clip enters a version when every modality of the version is done and they agree in frames, size and rate. Members are
written with fixed headers, so equal payloads give equal bytes. A tar with the payloads of one of the parent version's
is not written again: both versions share one file.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotations.splits import PROTOCOLS
from annotations.tables import Segment, Tables
from pipeline.cut import key_of
from pipeline.errors import Failure, Reason, UserError, from_exception
from pipeline.files import replacing, share
from pipeline.layout import assign
from pipeline.ledger import Ledger
from pipeline.records import EXTENSION, EXTRACTED, Attempt, Payload, as_dict, canonical_json, digest
from pipeline.release import Release
from pipeline.run import Goal, Plan, Task
from pipeline.tar import TarWriter, padded

STAGE = "shard"
VERSION = 2


@dataclass(frozen=True)
class Sample:
    """One clip that enters the version: its segment, its label and its payloads by modality."""

    key: str
    segment: Segment
    label: dict[str, Any]
    payloads: dict[str, Payload]

    @property
    def source(self) -> str:
        return self.segment.source

    def sha256(self, modality: str) -> str:
        """Of the payload, or of the label as it is stored."""
        if modality == "label":
            return hashlib.sha256(_label_bytes(self.label)).hexdigest()
        return self.payloads[modality].sha256

    def bytes(self, modality: str) -> int:
        """What the clip takes in a column's tar; a few bytes more or less for the facts beside the payload."""
        if modality == "label":
            return padded(len(_label_bytes(self.label)))
        return padded(self.payloads[modality].bytes) + padded(len(canonical_json(self.payloads[modality].detail)))


@dataclass(frozen=True)
class ShardFile:
    """One tar. `members` lists (key, offset of the payload, bytes, sha256) in order."""

    path: str
    modality: str
    number: int
    sha256: str
    bytes: int
    members: list[tuple[str, int, int, str]]


def shard_name(modality: str, number: int) -> str:
    return f"{modality}-{number:06d}.tar"


def samples(
    tables: Tables, splits: dict[str, dict[str, str]], plans: dict[str, Plan]
) -> tuple[list[Sample], dict[str, Failure]]:
    """All segments sorted into samples (by key) and failures (by key); what is not there yet is in neither.

    `splits` maps protocol → key → split; `plans` maps modality → its plan.
    """
    found: list[Sample] = []
    failed: dict[str, Failure] = {}
    for segment in sorted(tables.segments, key=key_of):
        key = key_of(segment)
        failure = next((plan.failed[key] for plan in plans.values() if key in plan.failed), None)
        if failure is None and all(key in plan.done for plan in plans.values()):
            payloads = {m: plan.record(key, Payload) for m, plan in plans.items()}
            failure = misaligned(payloads)
            if failure is None:
                label = _label(segment, tables, {protocol: splits[protocol][key] for protocol in PROTOCOLS})
                found.append(Sample(key, segment, label, payloads))
        if failure is not None:
            failed[key] = failure
    return found, failed


def misaligned(payloads: dict[str, Payload]) -> Failure | None:
    """The failure of a clip whose modalities disagree; flow has one field less than the others have frames."""
    facts = {m: (p.frames + (1 if m == "flow" else 0), p.width, p.height, p.fps) for m, p in sorted(payloads.items())}
    if len(set(facts.values())) <= 1:
        return None
    words = ", ".join(f"{m} {frames} frames {w}x{h} at {fps:g}" for m, (frames, w, h, fps) in facts.items())
    return Failure(Reason.MISALIGNED, words)


def lay_out(
    found: Sequence[Sample], modalities: Sequence[str], target_bytes: int, parent: Release | None
) -> list[list[Sample]]:
    """The samples of each shard; those that the parent holds stay in their shard."""
    sizes = {sample.key: [sample.bytes(modality) for modality in modalities] for sample in found}

    def size(samples: Sequence[Sample]) -> int:
        return max(map(sum, zip(*(sizes[sample.key] for sample in samples), strict=True)))

    held = dict(zip(parent.index["key"], parent.index["shard"].tolist(), strict=True)) if parent else {}
    return assign(found, size, target_bytes, held)


def plan(
    shards: Sequence[Sequence[Sample]], modalities: Sequence[str], ledger: Ledger, work: Path, folder: str
) -> Plan:
    """The tars of a version under work/<folder>, by state; an item is a tar's path relative to the work folder."""
    latest = ledger.latest(STAGE)
    result = Plan(STAGE)
    for number, members in enumerate(shards):
        for modality in modalities:
            item = f"{folder}/{shard_name(modality, number)}"
            result.sort(item, _work(modality, members), latest.get(item), work)
    return result


def tasks(
    plan: Plan, shards: Sequence[Sequence[Sample]], modalities: Sequence[str], work: Path, folder: str
) -> list[Task]:
    """One task a tar that is left."""
    return [
        Task({(STAGE, item): plan.ready[item]}, functools.partial(_call, item, modality, number, list(members), work))
        for number, members in enumerate(shards)
        for modality in modalities
        if (item := f"{folder}/{shard_name(modality, number)}") in plan.ready
    ]


def adopt(
    plan: Plan, shards: Sequence[Sequence[Sample]], modalities: Sequence[str], parent: Release, work: Path, folder: str
) -> list[Attempt]:
    """Takes over the parent's tars that hold what is left to write; gives the attempts for the ledger."""
    attempts = []
    for modality in [m for m in modalities if m in parent.manifest["modalities"]]:
        for number, members in enumerate(shards):
            item = f"{folder}/{shard_name(modality, number)}"
            if item in plan.ready and (file := _same(members, modality, parent, item, number)):
                share(parent.root / parent.tars(modality)[parent.shard_of(members[0].key)]["name"], work / item)
                attempts.append(Attempt(STAGE, item, plan.ready[item], "", "", as_dict(file), time.time(), 0.0))
    return attempts


def _same(members: Sequence[Sample], modality: str, parent: Release, item: str, number: int) -> ShardFile | None:
    """The parent's tar that holds exactly these payloads, if it is there."""
    if members[0].key not in parent.rows:
        return None
    shard = parent.shard_of(members[0].key)
    tar, listing = parent.tars(modality)[shard], parent.members(modality, shard)
    if [(s.key, s.sha256(modality)) for s in members] != [(key, sha) for key, _, _, sha in listing]:
        return None
    if not (parent.root / tar["name"]).is_file():
        return None
    return ShardFile(item, modality, number, tar["sha256"], tar["bytes"], listing)


def check_modalities(names: Sequence[str]) -> tuple[str, ...]:
    """The modalities of a version in their fixed order, label always among them. Raises UserError for others."""
    if unknown := [name for name in names if name not in (*EXTRACTED, "label")]:
        raise UserError(f"unknown modality {unknown[0]!r}; known: {', '.join(EXTRACTED)}, label")
    return (*(m for m in EXTRACTED if m in names), "label")


def _work(modality: str, members: Sequence[Sample]) -> str:
    contents = [(s.key, s.label) if modality == "label" else (s.key, s.payloads[modality].sha256) for s in members]
    return digest(STAGE, VERSION, modality, contents)


def _call(item: str, modality: str, number: int, members: list[Sample], work: Path) -> dict[Goal, Any]:
    try:
        return {(STAGE, item): write_shard(work / item, item, modality, number, members, work)}
    except OSError as error:
        return {(STAGE, item): from_exception(error)}


def write_shard(path: Path, item: str, modality: str, number: int, members: list[Sample], work: Path) -> ShardFile:
    """Writes one tar and returns where its payloads lie. Raises OSError."""
    listing = []
    with replacing(path) as part, part.open("wb") as stream:
        writer = TarWriter(stream)
        for sample in members:
            for name, data in _tar_members(sample, modality, work):
                offset = writer.add(f"{sample.key}.{name}", data)
            listing.append((sample.key, offset, len(data), hashlib.sha256(data).hexdigest()))
        writer.close()
    return ShardFile(item, modality, number, writer.sha256, writer.bytes, listing)


def _tar_members(sample: Sample, modality: str, work: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of one clip in a column: the facts of the payload, then the payload itself."""
    if modality == "label":
        yield "label.json", _label_bytes(sample.label)
        return
    payload = sample.payloads[modality]
    facts = {"frames": payload.frames, "width": payload.width, "height": payload.height, "fps": payload.fps}
    yield f"{modality}.json", canonical_json(facts | payload.detail).encode()
    yield f"{modality}.{EXTENSION[modality]}", (work / payload.path).read_bytes()


def _label(segment: Segment, tables: Tables, splits: dict[str, str]) -> dict[str, Any]:
    activity = tables.activities[segment.activity]
    muscles = tables.labels[segment.activity]
    return {
        "activity": activity.slug,
        "new": activity.new,
        "equipment": activity.equipment,
        "muscles": list(muscles),
        "names": [muscle.slug for muscle in tables.muscles if muscles[muscle.index]],
        "provenance": tables.provenance[segment.activity],
        "source": segment.source,
        "start": segment.start,
        "end": segment.end,
        "splits": splits,
    }


def _label_bytes(label: dict[str, Any]) -> bytes:
    return canonical_json(label).encode()
