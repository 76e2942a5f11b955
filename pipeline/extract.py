"""Extract: one clip → a payload for each modality that is asked for. The clip is decoded once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline import media
from pipeline.config import Config, to_dict
from pipeline.errors import Failure, Reason, from_exception
from pipeline.files import replacing, write_bytes
from pipeline.flow import codec as flow_codec
from pipeline.flow import denseflow, solvers
from pipeline.ledger import Ledger
from pipeline.pose import backends
from pipeline.pose import codec as pose_codec
from pipeline.pose.estimate import estimator
from pipeline.records import EXTENSION, Clip, Payload, digest, file_sha256
from pipeline.rgbdiff import rgb_difference
from pipeline.run import Goal, Plan, Task

GPU_FLOW = ("tvl1", "denseflow")
"""Flow backends that run on a GPU where a worker has one."""

VERSIONS = {"rgb": 1, "rgbdiff": 1, "flow": 1, "skeleton": 4}


def plan(modality: str, cut: Plan, ledger: Ledger, work: Path, config: Config) -> Plan:
    """All clips by their state in one modality; the stage has the modality's name."""
    latest = ledger.latest(modality)
    result = Plan(modality)
    for key in [*cut.done, *cut.failed, *cut.waiting, *cut.ready]:
        if not result.follow(key, cut, key):
            clip = cut.record(key, Clip)
            goal = digest(modality, VERSIONS[modality], clip.sha256, _settings(modality, config))
            result.sort(key, goal, latest.get(key), work)
    return result


def check(modalities: Sequence[str], config: Config) -> None:
    """Raises UserError for what a person must mend before any clip is worth decoding."""
    if "flow" in modalities and config.flow.backend == "denseflow":
        denseflow.check(Path(config.flow.binary))
    if "skeleton" in modalities:
        backends.check(config.skeleton)


def unit(modalities: Sequence[str]) -> str:
    """What the tasks of `tasks` are counted in: flow alone in pairs of frames."""
    return "pairs" if list(modalities) == ["flow"] else "payloads"


def tasks(plans: Sequence[Plan], cut: Plan, work: Path, config: Config, flow_on_gpu: bool) -> list[Task]:
    """One task a clip, for all modalities that are left of it, and one more where flow has the GPU to itself; longest
    clips first, so that workers end together."""
    works: dict[tuple[str, str], dict[Goal, str]] = {}
    for plan in plans:
        resource = "GPU" if flow_on_gpu and plan.stage == "flow" else "CPU"
        for key, goal in plan.ready.items():
            works.setdefault((key, resource), {})[(plan.stage, key)] = goal
    in_pairs = unit([plan.stage for plan in plans]) == "pairs"
    clips = {key: cut.record(key, Clip) for key, _ in works}
    return [
        Task(
            goals := works[key, resource],
            functools.partial(_call, clips[key], list(goals), work, config),
            resource,
            size=clips[key].frames - 1 if in_pairs else 0,
        )
        for key, resource in sorted(works, key=lambda name: -clips[name[0]].frames)
    ]


def _settings(modality: str, config: Config) -> dict[str, Any]:
    return {} if modality == "rgb" else to_dict(getattr(config, modality))


def _call(clip: Clip, goals: list[Goal], work: Path, config: Config) -> dict[Goal, Any]:
    results = extract(clip, [stage for stage, _ in goals], work, config)
    return {(modality, clip.key): result for modality, result in results.items()}


def extract(clip: Clip, modalities: Sequence[str], work: Path, config: Config) -> dict[str, Payload | Failure]:
    """Payloads under work/payloads/<modality>/; rgb is the clip file itself."""
    try:
        frames = np.stack([frame for _, frame in media.decode(work / clip.path)])
    except (av.error.FFmpegError, ValueError) as error:
        return dict.fromkeys(modalities, Failure(Reason.DECODE_ERROR, f"{clip.path}: {error}"))
    if frames.shape != (clip.frames, clip.height, clip.width, 3):
        failure = Failure(Reason.MISALIGNED, f"{clip.path}: decoded {frames.shape[:3]}, cut {clip.frames} frames")
        return dict.fromkeys(modalities, failure)
    return {modality: _payload(modality, clip, frames, work, config) for modality in modalities}


def _payload(modality: str, clip: Clip, frames: np.ndarray, work: Path, config: Config) -> Payload | Failure:
    path = work / "payloads" / modality / f"{clip.key}.{EXTENSION[modality]}"
    count, detail = clip.frames, {}
    try:
        match modality:
            case "rgb":
                path = work / clip.path
            case "rgbdiff":
                with replacing(path) as part:
                    media.encode(rgb_difference(frames), part, clip.fps, crf=config.rgbdiff.crf, gop=config.rgbdiff.gop)
            case "flow":
                levels = solvers.levels(config.flow, frames, work / clip.path)
                write_bytes(path, flow_codec.encode(levels, clip.fps))
                count, detail = len(levels), {"backend": config.flow.backend, "bound": config.flow.bound}
            case "skeleton":
                skeleton = estimator(config.skeleton)(frames, clip.fps, clip.key)
                if isinstance(skeleton, Failure):
                    return skeleton
                write_bytes(path, pose_codec.encode(skeleton))
                count = len(skeleton.joints)
                detail = {
                    "layout": skeleton.layout,
                    "backend": skeleton.backend,
                    "weights": skeleton.weights,
                    "found": int(skeleton.found.sum()),
                }
    except (media.EncodeError, denseflow.DenseflowError, FloatingPointError, MemoryError, OSError) as error:
        return from_exception(error)
    return Payload(
        key=clip.key,
        modality=modality,
        path=str(path.relative_to(work)),
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        frames=count,
        width=clip.width,
        height=clip.height,
        fps=clip.fps,
        detail=detail,
    )
