"""One clip as pictures: frame, RGB difference, flow in colours, and the skeleton over its frame."""

from __future__ import annotations

import av
import cv2
import numpy as np

from dataset_card.version import Version
from pipeline import media
from pipeline.errors import Failure, Reason
from pipeline.flow import codec as flow_codec
from pipeline.flow.picture import picture
from pipeline.pose import codec as pose_codec
from pipeline.pose.codec import Skeleton
from pipeline.pose.layouts import LAYOUTS
from pipeline.pose.overlay import draw

CAPTIONS = {"rgb": "frame", "rgbdiff": "RGB difference", "flow": "optical flow", "skeleton": "skeleton"}
"""Modality → what its picture is called."""

BACKDROP = 40
"""Grey level behind a skeleton whose frame is not in the version."""

FLOW_RADIUS = 4.0
"""Slower fields than this many pixels per frame are shown paler, so that a still clip does not look like a fast one."""


def moments(version: Version, row: int, count: int) -> list[int]:
    """Frames spread evenly over the clip, without its ends."""
    frames = int(version.index["frames"].iloc[row])
    return [int((i + 0.5) * frames / count) for i in range(count)]


def liveliest(version: Version, row: int) -> int:
    """The frame in which most joints move fastest, by the skeleton; the middle one where there is none."""
    middle = int(version.index["frames"].iloc[row]) // 2
    if "skeleton" not in version.dataset.modalities:
        return middle
    try:
        skeleton = pose_codec.decode(version.dataset.read(row, "skeleton"))
    except ValueError:
        return middle
    steps = np.median(np.linalg.norm(np.diff(skeleton.joints[..., :2], axis=0), axis=-1), axis=1)
    seen = skeleton.found[1:] & skeleton.found[:-1]
    # A skeleton jitters: only a mean over some frames tells motion from noise.
    speed = np.convolve(np.where(seen, steps, 0), np.ones(5) / 5, "same") if len(steps) >= 5 else steps
    return int(speed.argmax()) if seen.any() else middle


def of_clip(version: Version, row: int, frames: list[int], short_side: int) -> dict[str, list[np.ndarray] | Failure]:
    """modality → a uint8 RGB picture [H, W, 3] at each frame number; a payload that cannot be read is a Failure."""
    found: dict[str, list[np.ndarray] | Failure] = {}
    height, width = _size(version, row)
    for modality in version.dataset.modalities:
        try:
            shown = _pictures(version, row, modality, frames)
        except (av.error.FFmpegError, ValueError, IndexError, KeyError) as error:
            found[modality] = Failure(Reason.DECODE_ERROR, str(error))
        else:
            found[modality] = [_resize(image, media.fit(width, height, short_side)) for image in shown]
    return found


def _pictures(version: Version, row: int, modality: str, frames: list[int]) -> list[np.ndarray]:
    data = version.dataset.read(row, modality)
    match modality:
        case "flow":
            last = int(version.index["flow_frames"].iloc[row]) - 1
            fields = flow_codec.decode(data, _bound(version), [min(frame, last) for frame in frames])
            return [picture(field, _radius(field)) for field in fields]
        case "skeleton":
            return _overlays(version, row, pose_codec.decode(data), frames)
        case _:
            return list(media.decode_video(data, frames))


def _overlays(version: Version, row: int, skeleton: Skeleton, frames: list[int]) -> list[np.ndarray]:
    if "rgb" in version.dataset.modalities:
        behind = media.decode_video(version.dataset.read(row, "rgb"), frames)
    else:
        behind = np.full((len(frames), *_size(version, row), 3), BACKDROP, np.uint8)
    layout = LAYOUTS[skeleton.layout]
    return [draw(image, skeleton.joints[frame], layout) for image, frame in zip(behind, frames, strict=True)]


def _size(version: Version, row: int) -> tuple[int, int]:
    """Height and width of the clip's frames in pixels."""
    return int(version.index["height"].iloc[row]), int(version.index["width"].iloc[row])


def _radius(field: np.ndarray) -> float:
    """The speed with full colour: nearly the largest, so that a few wild pixels do not make all others pale."""
    return max(FLOW_RADIUS, float(np.quantile(np.hypot(field[..., 0], field[..., 1]), 0.995)))


def _bound(version: Version) -> float:
    """The bound of all clips, which the configuration sets."""
    return float(version.manifest["config"]["flow"]["bound"])


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """To (width, height) in pixels."""
    return image if image.shape[1::-1] == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
