"""Skeletons in the formats of other tools, written and read: AlphaPose JSON, COCO key points, pyskl's pickle."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.pickles import load_arrays
from pipeline.pose.codec import Skeleton
from pipeline.pose.layouts import Layout
from pipeline.pose.people import Person

Sizes = Mapping[str, tuple[int, int]]
"""Width and height in pixels of each clip's frames, by key."""


def to_alphapose(skeleton: Skeleton) -> list[dict[str, Any]]:
    """The list of alphapose-results.json: an entry a person and frame, `image_id` being "<frame>.jpg".

    Frames that were filled are left out: AlphaPose's results hold what was seen.
    """
    return [
        {
            "image_id": f"{frame}.jpg",
            "category_id": 1,
            "keypoints": skeleton.joints[frame].ravel().tolist(),
            "score": float(skeleton.joints[frame, :, 2].mean()),
            "box": _corner_and_size(skeleton.boxes[frame]),
            "idx": skeleton.track,
        }
        for frame in np.flatnonzero(skeleton.found).tolist()
    ]


def read_alphapose(path: Path, frames: int, layout: Layout) -> list[list[Person]]:
    """The people in each frame; frame numbers are the digits of `image_id`. Raises UserError for another file.

    `idx` tells who it is only in results of a run that tracked: others have the same one for everybody.
    """
    people: list[list[Person]] = [[] for _ in range(frames)]
    for entry in _entries(path):
        try:
            number = int(re.findall(r"\d+", str(entry["image_id"]))[-1])
            joints = np.asarray(entry["keypoints"], np.float32).reshape(len(layout.joints), 3)
            box = _box(entry.get("box"), joints)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise UserError(f"{path}: an entry is not AlphaPose's with {layout.name} ({error!r})") from None
        if not 0 <= number < frames:
            raise UserError(f"{path}: image_id {entry['image_id']!r}, the clip has {frames} frames")
        if not (np.isfinite(joints).all() and np.isfinite(box).all()):
            raise UserError(f"{path}: image_id {entry['image_id']!r} has a number that is not finite")
        joints[:, 2] = np.clip(joints[:, 2], 0, 1)
        people[number].append(Person(joints, box, identity=str(entry.get("idx", ""))))
    tracked = all(len({person.identity for person in seen}) == len(seen) for seen in people)
    return people if tracked else [[replace(person, identity="") for person in seen] for seen in people]


def joint_count(path: Path) -> int:
    """How many joints the people of an AlphaPose file have; 0 for a file without people, or another one."""
    try:
        entries = _entries(path)
    except UserError:
        return 0
    joints = entries[0].get("keypoints") if entries and isinstance(entries[0], dict) else None
    return len(joints) // 3 if isinstance(joints, list) else 0


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no AlphaPose results ({error})") from None
    if not isinstance(entries, list):
        raise UserError(f"{path}: no AlphaPose results (a list of people is expected)")
    return entries


def _corner_and_size(box: np.ndarray) -> list[float]:
    x0, y0, x1, y1 = box.tolist()
    return [x0, y0, x1 - x0, y1 - y0]


def _box(given: Any, joints: np.ndarray) -> np.ndarray:
    if given is None:
        return np.concatenate([joints[:, :2].min(0), joints[:, :2].max(0)])
    x, y, width, height = np.asarray(given, np.float32)
    return np.array([x, y, x + width, y + height], np.float32)


def to_coco(skeletons: Mapping[str, Skeleton], layout: Layout, sizes: Sizes) -> dict[str, Any]:
    """COCO's annotation file: a picture a frame, visibility 2 where the person was seen.

    The scores are kept in `keypoint_scores`, for COCO has none.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for key, skeleton in skeletons.items():
        width, height = sizes[key]
        for frame, joints in enumerate(skeleton.joints):
            number = len(images) + 1
            images.append({"id": number, "file_name": f"{key}/{frame}.jpg", "width": width, "height": height})
            if not skeleton.found[frame]:
                continue
            seen = np.concatenate([joints[:, :2], np.full((len(joints), 1), 2)], axis=1)
            corner = _corner_and_size(skeleton.boxes[frame])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "keypoints": seen.ravel().tolist(),
                    "keypoint_scores": joints[:, 2].tolist(),
                    "num_keypoints": len(joints),
                    "bbox": corner,
                    "area": corner[2] * corner[3],
                    "iscrowd": 0,
                }
            )
    edges = [[child + 1, parent + 1] for child, parent in layout.edges]
    person = {"id": 1, "name": "person", "keypoints": list(layout.joints), "skeleton": edges}
    return {"images": images, "annotations": annotations, "categories": [person]}


def from_coco(data: Mapping[str, Any], key: str, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """joints [T, V, 3] and found [T] of one clip in what `to_coco` made."""
    frames = {
        image["id"]: int(Path(image["file_name"]).stem)
        for image in data["images"]
        if Path(image["file_name"]).parent.as_posix() == key
    }
    joints = np.zeros((len(frames), len(layout.joints), 3), np.float32)
    found = np.zeros(len(frames), bool)
    for entry in data["annotations"]:
        if entry["image_id"] in frames:
            frame = frames[entry["image_id"]]
            joints[frame, :, :2] = np.reshape(entry["keypoints"], (-1, 3))[:, :2]
            joints[frame, :, 2], found[frame] = entry["keypoint_scores"], True
    return joints, found


def to_pyskl(
    skeletons: Mapping[str, Skeleton],
    labels: Mapping[str, int],
    splits: Mapping[str, list[str]],
    sizes: Sizes,
) -> bytes:
    """pyskl's pickle: `split` and `annotations` with keypoint [M, T, V, 2], keypoint_score [M, T, V], one person."""
    annotations = [
        {
            "frame_dir": key,
            "label": labels[key],
            "img_shape": sizes[key][::-1],
            "original_shape": sizes[key][::-1],
            "total_frames": len(skeleton.joints),
            "keypoint": skeleton.joints[None, ..., :2],
            "keypoint_score": skeleton.joints[None, ..., 2],
        }
        for key, skeleton in skeletons.items()
    ]
    return pickle.dumps({"split": dict(splits), "annotations": annotations}, protocol=4)


def from_pyskl(data: bytes) -> dict[str, np.ndarray]:
    """key → joints [T, V, 3] of the first person. Only plain data and arrays are read: UserError for anything else."""
    try:
        entries = load_arrays(data)["annotations"]
        return {
            entry["frame_dir"]: np.concatenate(
                [entry["keypoint"][0], entry["keypoint_score"][0][..., None]], axis=-1, dtype=np.float32
            )
            for entry in entries
        }
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"no skeletons in pyskl's layout ({error})") from None
