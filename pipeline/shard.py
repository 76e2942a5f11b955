"""Shard: payloads and labels → numbered tars, one column per modality, the same keys in the same order in each.

A clip enters a version when every modality of the version is done and they agree in frames, size and rate. Members
are written by webdataset's TarWriter with fixed headers, so equal payloads give equal bytes.
"""

from __future__ import annotations

import functools
import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import webdataset

from annotations.splits import PROTOCOLS
from annotations.tables import Segment, Tables
from pipeline.cut import key_of
from pipeline.errors import Failure, Reason, UserError, from_exception
from pipeline.files import replacing
from pipeline.ledger import Ledger
from pipeline.records import EXTENSION, EXTRACTED, Payload, canonical_json, digest, file_sha256
from pipeline.run import Goal, Plan, Task

STAGE = "shard"
VERSION = 1


@dataclass(frozen=True)
class Sample:
    """One clip that enters the version: its segment, its label and its payloads by modality."""

    key: str
    segment: Segment
    label: dict[str, Any]
    payloads: dict[str, Payload]

    def bytes(self, modality: str) -> int:
        return len(_label_bytes(self.label)) if modality == "label" else self.payloads[modality].bytes


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


def assign(found: Sequence[Sample], modalities: Sequence[str], target_bytes: int) -> list[list[Sample]]:
    """Samples in key order, cut into shards whose largest column reaches the target size."""
    shards: list[list[Sample]] = []
    sizes = dict.fromkeys(modalities, 0)
    for sample in found:
        if not shards or max(sizes.values()) >= target_bytes:
            shards.append([])
            sizes = dict.fromkeys(modalities, 0)
        shards[-1].append(sample)
        for modality in modalities:
            sizes[modality] += sample.bytes(modality)
    return shards


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
    with replacing(path) as part:
        with part.open("wb") as stream:
            writer = webdataset.TarWriter(stream, user="", group="", mode=0o644, mtime=0, encoder=False)
            for sample in members:
                writer.write(_tar_sample(sample, modality, work))
            writer.close()
        listing = _listing(part, modality)
        return ShardFile(item, modality, number, file_sha256(part), part.stat().st_size, listing)


def _tar_sample(sample: Sample, modality: str, work: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"__key__": sample.key}
    if modality == "label":
        return entry | {"label.json": _label_bytes(sample.label)}
    payload = sample.payloads[modality]
    facts = {
        "frames": payload.frames,
        "width": payload.width,
        "height": payload.height,
        "fps": payload.fps,
        **payload.detail,
    }
    return entry | {
        f"{modality}.{EXTENSION[modality]}": (work / payload.path).read_bytes(),
        f"{modality}.json": canonical_json(facts).encode(),
    }


def _listing(path: Path, modality: str) -> list[tuple[str, int, int, str]]:
    ending = f".{modality}.{EXTENSION[modality]}"
    listing = []
    with tarfile.open(path) as tar:
        for member in tar:
            if member.name.endswith(ending):
                content = tar.extractfile(member)
                assert content is not None
                sha = hashlib.sha256(content.read()).hexdigest()
                listing.append((member.name.removesuffix(ending), member.offset_data, member.size, sha))
    return listing


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
