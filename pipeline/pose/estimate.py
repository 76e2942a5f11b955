"""From the frames of a clip to the skeleton of the one who exercises."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from pipeline.config import SkeletonConfig
from pipeline.errors import Failure, Reason
from pipeline.pose.codec import Skeleton
from pipeline.pose.gaps import as_arrays, interpolate
from pipeline.pose.layouts import COCO_17
from pipeline.pose.models import model_path, read_lock
from pipeline.pose.movenet import MoveNet
from pipeline.pose.people import Person, choose, link


@functools.cache
def estimator(config: SkeletonConfig) -> Callable[[np.ndarray, float], Skeleton | Failure]:
    """A function (frames [T, H, W, 3] uint8 RGB, frames per second) → Skeleton of T frames.

    Fails with rejected/no-person if fewer than `config.min_found` of the frames show somebody. The network is
    loaded once for each configuration and process. Raises UserError if its file is missing.
    """
    detect = MoveNet(model_path(config.backend), config.input_size)
    weights = read_lock()[config.backend].sha256

    def estimate(frames: np.ndarray, fps: float) -> Skeleton | Failure:
        count, height, width = frames.shape[:3]
        tracks = link([_certain(detect(frame), config.min_score) for frame in frames])
        track = choose(tracks, width, height) if tracks else {}
        if not track or len(track) < config.min_found * count:
            return Failure(Reason.NO_PERSON, f"found in {len(track)} of {count} frames")
        joints, boxes, found = as_arrays(track, count, len(COCO_17.joints))
        joints, filled = interpolate(joints, found, config.max_gap)
        boxes, _ = interpolate(boxes, found, config.max_gap)
        return Skeleton(
            joints=joints,
            boxes=boxes,
            found=found,
            interpolated=filled,
            layout=COCO_17.name,
            backend=config.backend,
            weights=weights,
            people=len(tracks),
        )

    return estimate


def _certain(people: list[Person], min_score: float) -> list[Person]:
    return [person for person in people if person.score >= min_score]
