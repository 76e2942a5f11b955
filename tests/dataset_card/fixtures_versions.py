"""Small versions of the dataset, written by the pipeline's own shard and manifest writers.

As a program it writes dataset_card/example/, the card of a version with skeletons and labels.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from annotations.tables import Segment, read_tables
from dataset_card import card
from dataset_card.version import open_version
from pipeline import manifest, media, shard
from pipeline.config import Config, FlowConfig, ShardConfig
from pipeline.errors import Failure, Reason
from pipeline.flow import codec as flow_codec
from pipeline.pose import codec as pose_codec
from pipeline.pose.layouts import COCO_17
from pipeline.records import EXTENSION, Payload, file_sha256
from pipeline.rgbdiff import rgb_difference

WIDTH, HEIGHT, FPS = 64, 48, 20.0
MOVENET = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
CONFIG = replace(Config(), flow=FlowConfig("dis", 10.0), shard=ShardConfig("0.3.0"))


@dataclass(frozen=True)
class Toy:
    """One clip: a grey picture that brightens by one level a frame, and everything in it moves right by 5 pixels."""

    key: str
    source: str
    activity: str
    new: bool
    muscles: tuple[int, ...]
    splits: tuple[str, str]
    """Under video-disjoint and paper."""
    frames: int
    level: int
    """Of grey, in the first frame."""
    provenance: str = "draft: anatomy"


CLIPS = (
    Toy("ann-0000000-0001000", "ann", "squat", False, (12, 13, 17), ("train", "train"), 12, 40),
    Toy("ann-0001000-0002000", "ann", "v-up", True, (9, 10), ("unused", "new-val"), 20, 80),
    Toy("bob-0000000-0001000", "bob", "squat", False, (12, 13, 17), ("known-val", "known-test"), 12, 120),
    Toy("cat-0000000-0001000", "cat", "plank", False, (8, 9, 10, 17), ("known-test", "train"), 20, 160),
    Toy("cat-0001000-0002000", "cat", "v-up", True, (9, 10), ("new-test", "new-test"), 12, 200),
)
FAILURES = {
    "dan-0000000-0001000": Failure(Reason.PRIVATE, "Private video"),
    "dan-0001000-0002000": Failure(Reason.PRIVATE, "Private video"),
    "eve-0000000-0001000": Failure(Reason.NO_PERSON, "nobody there"),
}
HOSTILE = r'<script>alert("1")</script>|`$\frac$`'
"""Markup of HTML, of a Markdown table, and of a formula that does not parse."""

HOSTILE_CLIPS = (
    replace(CLIPS[0], key='x"><img src=x>-0000000-0001000', activity=HOSTILE, provenance=f"draft: {HOSTILE}"),
    replace(CLIPS[3], source="<b>|", splits=("train", "train")),
)


def write_version(work: Path, clips: Sequence[Toy], modalities: Sequence[str]) -> Path:
    """Writes a version of these clips and modalities under `work`, three clips a shard, and returns its folder."""
    folder = work / "dataset" / CONFIG.shard.version
    samples = [_sample(clip, modalities, work) for clip in clips]
    shards = [samples[i : i + 3] for i in range(0, len(samples), 3)]
    columns = (*modalities, "label")
    files = []
    for number, members in enumerate(shards):
        for modality in columns:
            path = folder / shard.shard_name(modality, number)
            files.append(shard.write_shard(path, str(path), modality, number, members, work))
    manifest.write(folder, shards, files, FAILURES, read_tables(), CONFIG, columns)
    return folder


def _sample(clip: Toy, modalities: Sequence[str], work: Path) -> shard.Sample:
    label = {
        "activity": clip.activity,
        "new": clip.new,
        "equipment": "none",
        "muscles": [int(i in clip.muscles) for i in range(20)],
        "names": [muscle.slug for muscle in read_tables().muscles if muscle.index in clip.muscles],
        "provenance": clip.provenance,
        "source": clip.source,
        "start": 0.0,
        "end": clip.frames / FPS,
        "splits": dict(zip(("video-disjoint", "paper"), clip.splits, strict=True)),
    }
    payloads = {modality: _payload(clip, modality, work) for modality in modalities}
    return shard.Sample(clip.key, Segment(clip.source, 0.0, clip.frames / FPS, clip.activity), label, payloads)


def _payload(clip: Toy, modality: str, work: Path) -> Payload:
    path = work / f"{modality}-{clip.frames}-{clip.level}.{EXTENSION[modality]}"
    grey = [np.full((HEIGHT, WIDTH, 3), clip.level + i, np.uint8) for i in range(clip.frames)]
    count, detail = clip.frames, {}
    match modality:
        case "rgb":
            media.encode(grey, path, FPS, crf=5, gop=12)
        case "rgbdiff":
            media.encode(rgb_difference(np.stack(grey)), path, FPS, crf=5, gop=12)
        case "flow":
            count, detail = clip.frames - 1, {"backend": "dis", "bound": 10.0}
            field = np.zeros((count, HEIGHT, WIDTH, 2), np.float32)
            field[..., 0] = 5
            path.write_bytes(flow_codec.encode(flow_codec.quantise(field, 10.0), FPS))
        case "skeleton":
            joints = np.ones((clip.frames, 17, 3), np.float32)
            joints[..., 0], joints[..., 1] = np.linspace(10, 54, 17), 24
            nothing = np.zeros(clip.frames, bool)
            skeleton = pose_codec.Skeleton(
                joints, np.zeros((clip.frames, 4), np.float32), ~nothing, nothing, COCO_17.name, "movenet", MOVENET, 1
            )
            path.write_bytes(pose_codec.encode(skeleton))
            detail = {"layout": COCO_17.name, "backend": "movenet", "weights": MOVENET, "found": clip.frames}
    size = path.stat().st_size
    return Payload(clip.key, modality, path.name, file_sha256(path), size, count, WIDTH, HEIGHT, FPS, detail)


def write_example(folder: Path) -> None:
    """The card and its figures; Croissant is left out: its digests follow the library that writes Parquet."""
    with tempfile.TemporaryDirectory() as work:
        version = open_version(write_version(Path(work), CLIPS, ("skeleton",)))
        card.write(version)
        version.close()
        shutil.copy(version.root / card.CARD, folder)
        shutil.copytree(version.root / "figures", folder / "figures", dirs_exist_ok=True)


if __name__ == "__main__":
    write_example(Path(card.__file__).parent / "example")
