"""Who finds the people of a clip: one small protocol, four ways, chosen by the configuration."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.config import SkeletonConfig
from pipeline.errors import UserError
from pipeline.pose import formats
from pipeline.pose.blazepose import BlazePose
from pipeline.pose.layouts import BLAZEPOSE_33, COCO_17, HALPE_26, Layout
from pipeline.pose.models import checked, model_path, read_lock
from pipeline.pose.movenet import MoveNet
from pipeline.pose.people import Person


class FindsPeople(Protocol):
    """(frames [T, H, W, 3] uint8 RGB, key of the clip) → the people in each frame."""

    def __call__(self, frames: np.ndarray, key: str) -> list[list[Person]]: ...


@dataclass(frozen=True)
class Backend:
    """`weights` is the SHA-256 of the model file; empty for results that somebody else computed."""

    people: FindsPeople
    layout: Layout
    weights: str


def backend(config: SkeletonConfig) -> Backend:
    """Loads what `config.backend` names. Raises UserError if a file is missing or not the one expected."""
    match config.backend:
        case "movenet":
            detect = MoveNet(model_path("movenet"), config.input_size)
            return Backend(lambda frames, key: [detect(frame) for frame in frames], COCO_17, _digest("movenet"))
        case "blazepose":
            files = model_path("blazepose-detector"), model_path("blazepose")
            return Backend(lambda frames, key: BlazePose(*files).follow(frames), BLAZEPOSE_33, _digest("blazepose"))
        case "alphapose":
            return _alphapose(config)
        case _:
            return Backend(*_results(Path(config.results)), weights="")


def check(config: SkeletonConfig) -> None:
    """Raises UserError for a file that is missing or not the one expected, or boxes from nowhere; takes no GPU."""
    if config.backend == "alphapose":
        import torch

        from pipeline.pose.fastpose import load

        load(checked(Path(config.weights), config.weights_sha256), torch.device("cpu"))
        _boxes(config)
    elif config.backend == "alphapose-json":
        _results(Path(config.results))
    else:
        model_path(config.backend)


def _digest(model: str) -> str:
    return read_lock()[model].sha256


def _alphapose(config: SkeletonConfig) -> Backend:
    from pipeline.pose.alphapose import AlphaPose  # torch takes seconds to load, and the others do not need it

    boxes = _boxes(config)
    network = AlphaPose(checked(Path(config.weights), config.weights_sha256), config.decoding)
    return Backend(lambda frames, key: network(frames, boxes(frames, key)), network.layout, config.weights_sha256)


Boxes = Callable[[np.ndarray, str], list[np.ndarray]]
"""(frames, key of the clip) → boxes [N, 4] of the people in each frame."""


def _boxes(config: SkeletonConfig) -> Boxes:
    if config.boxes == "movenet":
        detect = MoveNet(model_path("movenet"), config.input_size)
        return lambda frames, key: [_stacked([person.box for person in detect(frame)]) for frame in frames]
    if Path(config.boxes).is_dir():
        return lambda frames, key: _boxes_of_file(Path(config.boxes) / f"{key}.json", len(frames))
    return _boxes_of_detector(config.boxes)


def _boxes_of_detector(named: str) -> Boxes:
    module, _, name = named.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UserError(
            f"skeleton.boxes = {named!r}: movenet, a folder that is there, or module:function ({error})"
        ) from None
    if not callable(function):
        raise UserError(f"skeleton.boxes = {named!r} is no function")

    def boxes(frames: np.ndarray, key: str) -> list[np.ndarray]:
        found = [function(frame) for frame in frames]
        try:
            return [_valid(one) for one in found]
        except (ValueError, TypeError) as error:
            raise UserError(
                f"skeleton.boxes = {named!r} must give [x0, y0, x1, y1] for each person ({error})"
            ) from None

    return boxes


def _boxes_of_file(path: Path, frames: int) -> list[np.ndarray]:
    try:
        found = [_valid(boxes) for boxes in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: no boxes of a clip, a list of [x0, y0, x1, y1] for each frame ({error})") from None
    if len(found) != frames:
        raise UserError(f"{path}: boxes of {len(found)} frames, the clip has {frames}")
    return found


def _stacked(boxes: object) -> np.ndarray:
    return np.asarray(boxes, np.float32).reshape(-1, 4)


def _valid(boxes: object) -> np.ndarray:
    """Boxes [N, 4] that somebody else gives. Raises ValueError for one without a size, or TypeError."""
    found = _stacked(boxes)
    if not (np.isfinite(found).all() and (found[:, :2] < found[:, 2:]).all()):
        raise ValueError("x0 must be less than x1, y0 less than y1, and all finite")
    return found


def _results(folder: Path) -> tuple[FindsPeople, Layout]:
    """The layout is that of the folder's first file that names a person."""
    joints = next((size for path in sorted(folder.glob("*.json")) if (size := formats.joint_count(path))), 0)
    layout = next((layout for layout in (COCO_17, HALPE_26) if len(layout.joints) == joints), None)
    if layout is None:
        raise UserError(f"{folder}: no <clip>.json of AlphaPose with 17 or 26 joints")

    def people(frames: np.ndarray, key: str) -> list[list[Person]]:
        path = folder / f"{key}.json"
        return formats.read_alphapose(path, len(frames), layout) if path.is_file() else [[] for _ in frames]

    return people, layout
