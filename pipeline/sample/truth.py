"""What is exactly known of a rendered workout, written beside its video: joints and optical flow of every frame."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.files import replacing
from pipeline.sample.kinematics import Poses
from pipeline.sample.picture import Picture, Stage, to_frame
from pipeline.sample.raycast import NOTHING

FLOW_STEP = 1 / 256
"""Pixels by which written flow is rounded; int16 then holds up to 128 pixels."""


@dataclass(frozen=True)
class FrameTruth:
    """One frame: `joints` [17, 2] of COCO in pixels (pixel centres at half integers), the person's standing
    `height` there in pixels, `pixels` [N] of the person (row * width + column) and their `flow` [N, 2] in
    pixels to the next frame. A take's last frame has no pixels: what follows is another picture."""

    joints: np.ndarray
    height: float
    pixels: np.ndarray
    flow: np.ndarray


@dataclass(frozen=True)
class Truth:
    """A whole workout of T frames: `joints` [T, 17, 2] and `height` [T] as in FrameTruth, `cuts` the numbers of the
    frames after which the picture changes, `person` [T, H, W] where the person is, False before a cut, and `flow`
    [N, 2], one after another for the N pixels of the person in all frames."""

    joints: np.ndarray
    height: np.ndarray
    cuts: np.ndarray
    person: np.ndarray
    flow: np.ndarray

    def dense_flow(self, frame: int) -> np.ndarray:
        """Flow [H, W, 2] in pixels from a frame to the next, 0 on the backdrop. The person's shadow has none.

        Raises ValueError where the next frame is another picture.
        """
        if frame in self.cuts:
            raise ValueError(f"after frame {frame} the picture changes")
        person = self.person[frame]
        start = np.count_nonzero(self.person[:frame])
        field = np.zeros((*person.shape, 2), dtype=np.float32)
        field[person] = self.flow[start : start + np.count_nonzero(person)]
        return field


def observe(stage: Stage, poses: Poses, number: int, picture: Picture) -> FrameTruth:
    """The truth of one frame of a shot, and its flow to the pose after it."""
    camera, body = stage.camera, stage.shape.body
    now = Poses(poses.rotation[number : number + 1], poses.origin[number : number + 1])
    points = camera.project(now.points(body.landmark_frames, body.landmarks))[0]
    depth = camera.project(now.origin[0, :1])[0, 2]
    height = float(camera.focal * body.build.height / depth)
    if number + 1 == len(poses.origin):
        nothing = np.zeros(0, dtype=np.int32)
        return FrameTruth(points[:, :2].astype(np.float32), height, nothing, np.zeros((0, 2), dtype=np.float32))
    pixels = np.flatnonzero(picture.part != NOTHING).astype(np.int32)
    return FrameTruth(points[:, :2].astype(np.float32), height, pixels, _flow(stage, poses, number, picture, pixels))


def _flow(stage: Stage, poses: Poses, number: int, picture: Picture, pixels: np.ndarray) -> np.ndarray:
    """Where the points of the body that show at pixel centres go [N, 2], whether they stay visible or not."""
    camera = stage.camera
    row, column = np.divmod(pixels, camera.width)
    x, y = column + np.float32(0.5), row + np.float32(0.5)
    frame = stage.shape.body.frame[picture.part[row, column]]
    depth = picture.depth[row, column]
    flow = np.empty((len(pixels), 2), dtype=np.float32)
    for index in np.unique(frame):
        at = frame == index
        u, v = camera.rays(x[at], y[at])
        place = to_frame(camera, poses.rotation[number, index], poses.origin[number, index], u, v, depth[at])
        later = place.T @ poses.rotation[number + 1, index].T + poses.origin[number + 1, index]
        flow[at] = camera.project(later)[:, :2] - np.stack([x[at], y[at]], axis=-1)
    return flow


def write_truth(frames: Sequence[FrameTruth], path: Path, width: int, height: int) -> None:
    """Writes the truth of a workout as .npz, byte-identical for equal values; flow in steps of FLOW_STEP pixels."""
    person = np.zeros((len(frames), height * width), dtype=bool)
    for row, frame in zip(person, frames, strict=True):
        row[frame.pixels] = True
    arrays = {
        "size": np.array([height, width]),
        "joints": np.stack([frame.joints for frame in frames]),
        "height": np.array([frame.height for frame in frames], dtype=np.float32),
        "cuts": np.flatnonzero([not len(frame.pixels) for frame in frames]),
        "person": np.packbits(person, axis=1),
        "flow": np.round(np.concatenate([frame.flow for frame in frames]) / FLOW_STEP).astype(np.int16),
    }
    with replacing(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as stream:
                np.save(stream, array)


def read_truth(path: Path) -> Truth:
    """Reads what `write_truth` wrote."""
    with np.load(path) as file:
        height, width = file["size"]
        person = np.unpackbits(file["person"], axis=1, count=height * width).astype(bool)
        return Truth(
            joints=file["joints"],
            height=file["height"],
            cuts=file["cuts"],
            person=person.reshape(-1, height, width),
            flow=file["flow"].astype(np.float32) * np.float32(FLOW_STEP),
        )
