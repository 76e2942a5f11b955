"""What has been extracted, for people and for other tools: a clip's video with its skeleton, and files of all clips."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np

from pipeline import media
from pipeline.config import SkeletonConfig
from pipeline.errors import Failure, UserError
from pipeline.files import replacing, write_bytes, write_text
from pipeline.pose import codec, formats
from pipeline.pose.codec import Skeleton
from pipeline.pose.estimate import estimator
from pipeline.pose.layouts import LAYOUTS, Layout
from pipeline.pose.overlay import draw
from pipeline.records import Clip

FORMATS = ("alphapose", "coco", "pyskl")


def payload(work: Path, key: str) -> Path:
    """Where the skeleton of a clip lies."""
    return work / "payloads" / "skeleton" / f"{key}.npz"


def skeleton_video(clip: str, work: Path, config: SkeletonConfig, short_side: int) -> Path:
    """Writes work/skeletons/<clip>.mp4: the clip with its skeleton.

    `clip` is the key of a clip whose skeleton is extracted, or a video file, whose skeleton is computed.
    Raises UserError if it is neither, or shows nobody.
    """
    key, skeleton = clip, None
    path = work / "clips" / f"{clip}.mp4"
    if path.is_file() and payload(work, clip).is_file():
        skeleton = codec.decode(payload(work, clip).read_bytes())
    elif Path(clip).is_file():
        key, path = Path(clip).stem, Path(clip)
    else:
        raise UserError(f"CLIP={clip}: no clip with a skeleton in {work}, and no video file; `make extract-skeletons`?")
    info = media.probe(path)
    if isinstance(info, Failure):
        raise UserError(f"{path}: {info}")
    try:
        frames = [frame for _, frame in media.decode(path, short_side)]
    except av.error.FFmpegError as error:
        raise UserError(f"{path}: cannot be decoded ({error})") from None
    found = skeleton or estimator(config)(np.stack(frames), info.fps, key)
    if isinstance(found, Failure):
        raise UserError(f"{path}: {found}")
    layout = LAYOUTS[found.layout]
    out = work / "skeletons" / f"{key}.mp4"
    with replacing(out) as part:
        shown = (draw(frame, joints, layout) for frame, joints in zip(frames, found.joints, strict=True))
        media.encode(shown, part, info.fps, crf=18, gop=12)
    return out


def export(
    form: str, clips: Mapping[str, Clip], labels: Mapping[str, int], splits: Mapping[str, str], work: Path
) -> Path:
    """Writes the extracted skeletons of the clips under work/skeletons/; returns the file or folder.

    `labels` and `splits` are by clip key, for pyskl. Raises UserError where nothing is extracted.
    """
    skeletons = {key: codec.decode(payload(work, key).read_bytes()) for key in clips if payload(work, key).is_file()}
    if not skeletons:
        raise UserError(f"{work}: no clip has a skeleton; run `make extract-skeletons`")
    folder = work / "skeletons"
    sizes = {key: (clips[key].width, clips[key].height) for key in skeletons}
    match form:
        case "alphapose":
            for key, skeleton in skeletons.items():
                write_text(folder / "alphapose" / f"{key}.json", json.dumps(formats.to_alphapose(skeleton)))
            return folder / "alphapose"
        case "coco":
            write_text(folder / "coco.json", json.dumps(formats.to_coco(skeletons, _layout(skeletons), sizes)))
            return folder / "coco.json"
        case "pyskl":
            sides = {side: [k for k in skeletons if splits[k] == side] for side in sorted(set(splits.values()))}
            write_bytes(folder / "pyskl.pkl", formats.to_pyskl(skeletons, labels, sides, sizes))
            return folder / "pyskl.pkl"
        case _:
            raise UserError(f"FORMAT={form}: one of {', '.join(FORMATS)}")


def _layout(skeletons: Mapping[str, Skeleton]) -> Layout:
    names = {skeleton.layout for skeleton in skeletons.values()}
    if len(names) > 1:
        raise UserError(f"clips have skeletons of several layouts ({', '.join(sorted(names))}); extract them again")
    return LAYOUTS[names.pop()]
