"""From the frames of a clip to the skeleton of the one who exercises."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from pipeline.config import SkeletonConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.pose.backends import backend
from pipeline.pose.codec import Skeleton
from pipeline.pose.gaps import as_arrays, interpolate, smooth
from pipeline.pose.people import Person, Track, choose, doubts, link


@functools.cache
def estimator(config: SkeletonConfig) -> Callable[..., Skeleton | Failure]:
    """A function (frames [T, H, W, 3] uint8 RGB, frames per second, clip key) → Skeleton of T frames.

    Fails with rejected/no-person if fewer than `config.min_found` of the frames show somebody, with broken/decode-error
    if a file of boxes or results for the clip cannot be read. The network is
    loaded once for each configuration and process. Raises UserError if its file is missing.
    """
    used = backend(config)

    def estimate(frames: np.ndarray, fps: float, key: str = "") -> Skeleton | Failure:
        count, height, width = frames.shape[:3]
        try:
            detected = used.people(frames, key)
        except UserError as error:  # of the files that somebody else's run left for this clip
            return Failure(Reason.DECODE_ERROR, str(error))
        tracks = link([_certain(people, config.min_score) for people in detected])
        track = choose(tracks, width, height) if tracks else {}
        if not track or len(track) < config.min_found * count:
            return Failure(Reason.NO_PERSON, f"found in {len(track)} of {count} frames")
        joints, boxes, found = as_arrays(track, count, len(used.layout.joints))
        joints, filled = interpolate(joints, found, config.max_gap)
        joints = smooth(joints, found | filled, config.smooth)
        boxes, _ = interpolate(boxes, found, config.max_gap)
        return Skeleton(
            joints=joints,
            boxes=boxes,
            found=found,
            interpolated=filled,
            layout=used.layout.name,
            backend=config.backend,
            weights=used.weights,
            people=len(tracks),
            track=next(i for i, one in enumerate(tracks) if one is track),
            others=_others(tracks, track, count, joints.shape[1]) if config.others else None,
            doubts="; ".join(doubts(tracks, track, count, width, height)),
        )

    return estimate


def _certain(people: list[Person], min_score: float) -> list[Person]:
    return [person for person in people if person.score >= min_score]


def _others(tracks: list[Track], chosen: Track, frames: int, joints: int) -> np.ndarray:
    rest = [as_arrays(track, frames, joints)[0] for track in tracks if track is not chosen]
    return np.stack(rest) if rest else np.zeros((0, frames, joints, 3), np.float32)
