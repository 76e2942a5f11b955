"""A tiny dataset folder, by plain tarfile and pandas: a stick figure whose moving limbs tell its label."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import media
from pipeline.pose import codec
from pipeline.pose.layouts import COCO_17

WIDTH, HEIGHT, FPS = 64, 48, 20.0
ACTIVITIES = {"wave": (2, 3), "kick": (13, 17), "bow": (9, 11), "star": (2, 3, 13, 17), "march": (9, 13)}
NEW = ("star", "march")
MOVING = {"wave": (7, 8, 9, 10), "kick": (13, 14, 15, 16), "bow": (0, 1, 2, 3, 4, 5, 6)}
MOVING |= {"star": MOVING["wave"] + MOVING["kick"], "march": (0, 5, 6, 13, 15)}
STANDING = [
    (32, 6),
    (33, 5),
    (31, 5),
    (34, 6),
    (30, 6),
    (37, 13),
    (27, 13),
    (40, 19),
    (24, 19),
    (41, 25),
    (23, 25),
]
STANDING += [(35, 25), (29, 25), (35, 34), (29, 34), (35, 43), (29, 43)]
SPLIT = ["train"] * 6 + ["val", "val", "test", "test"]
"""Of source number i."""


@dataclass(frozen=True)
class Clip:
    key: str
    source: str
    activity: str
    split: str
    joints: np.ndarray


def figure(activity: str, rng: np.random.Generator, frames: int = 24) -> np.ndarray:
    """Joints [T, 17, 3] in pixels: some of them swing, the whole is a little off centre."""
    joints = np.ones((frames, 17, 3), np.float32)
    joints[..., :2] = np.array(STANDING) + rng.normal(0, 1.5, 2) + rng.normal(0, 0.3, (frames, 17, 2))
    swing = 5 * np.sin(np.arange(frames) * rng.uniform(0.4, 0.6) + rng.uniform(0, 6))
    for joint in MOVING[activity]:
        joints[:, joint, 0] += swing
        joints[:, joint, 1] -= np.abs(swing)
    return joints


def toy_clips(splits: Sequence[str] = tuple(SPLIT)) -> list[Clip]:
    """For each source one clip of each known activity, and outside train one of each new one."""
    clips = []
    for number, side in enumerate(splits):
        for activity in ACTIVITIES:
            if side == "train" and activity in NEW:
                continue
            split = side if side == "train" else f"{'new' if activity in NEW else 'known'}-{side}"
            rng = np.random.default_rng([number, list(ACTIVITIES).index(activity)])
            clips.append(Clip(f"s{number}-{activity}", f"s{number}", activity, split, figure(activity, rng)))
    return sorted(clips, key=lambda clip: clip.key)


def write_dataset(root: Path, clips: Sequence[Clip], modalities: Sequence[str] = ("skeleton",)) -> Path:
    """The folder of one version, with these modalities and the labels, in one shard."""
    root.mkdir(parents=True)
    writers: dict[str, Callable[[Clip, Path], bytes]] = {"skeleton": _skeleton, "rgb": _rgb, "label": _label}
    index = pd.DataFrame([_index_row(clip) for clip in clips])
    columns = {}
    for modality in (*modalities, "label"):
        ext = {"skeleton": "npz", "rgb": "mp4", "label": "json"}[modality]
        path = root / f"{modality}-000000.tar"
        payloads = [writers[modality](clip, root) for clip in clips]
        with tarfile.open(path, "w") as tar:
            for clip, payload in zip(clips, payloads, strict=True):
                member = tarfile.TarInfo(f"{clip.key}.{modality}.{ext}")
                member.size = len(payload)
                tar.addfile(member, io.BytesIO(payload))
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        index[f"{modality}_offset"] = [member.offset_data for member in members]
        index[f"{modality}_bytes"] = [member.size for member in members]
        index[f"{modality}_frames"] = [len(clip.joints) for clip in clips]
        files = [{"name": path.name, "sha256": _sha(path), "bytes": path.stat().st_size, "clips": len(clips)}]
        columns[modality] = {"ext": ext, "files": files, "detail": {"layout": COCO_17.name}}
    index.to_parquet(root / "index.parquet")
    about = {
        "index": {"name": "index.parquet", "sha256": _sha(root / "index.parquet")},
        "name": "toy",
        "version": "0.0.1",
        "modalities": columns,
        "muscles": [f"muscle-{i}" for i in range(20)],
    }
    (root / "manifest.json").write_text(json.dumps(about))
    return root


def _index_row(clip: Clip) -> dict[str, object]:
    facts = {"key": clip.key, "source": clip.source, "activity": clip.activity, "new": clip.activity in NEW}
    size = {"width": WIDTH, "height": HEIGHT, "fps": FPS, "frames": len(clip.joints), "shard": 0}
    return facts | size | {"split_video_disjoint": clip.split, "split_paper": clip.split}


def _label(clip: Clip, root: Path) -> bytes:
    muscles = [int(i in ACTIVITIES[clip.activity]) for i in range(20)]
    return json.dumps({"activity": clip.activity, "muscles": muscles}).encode()


def _skeleton(clip: Clip, root: Path) -> bytes:
    frames = len(clip.joints)
    nothing, boxes = np.zeros(frames, bool), np.zeros((frames, 4), np.float32)
    return codec.encode(codec.Skeleton(clip.joints, boxes, ~nothing, nothing, COCO_17.name, "none", "", 1))


def _rgb(clip: Clip, root: Path) -> bytes:
    """Each joint as a 3x3 square, its colour by its number."""
    frames = np.zeros((len(clip.joints), HEIGHT, WIDTH, 3), np.uint8)
    for frame, joints in zip(frames, clip.joints, strict=True):
        for joint, (x, y) in enumerate(np.nan_to_num(joints[:, :2]).astype(int)):
            frame[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = (255, 15 * joint, 255 - 15 * joint)
    path = root / "frames.mp4"
    media.encode(frames, path, FPS, crf=10, gop=12)
    payload = path.read_bytes()
    path.unlink()
    return payload


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
