"""From joint angles to where every frame of a body is, with its weight on the floor.

Angles are degrees (flexion, abduction, rotation) in each frame, zero when standing with hanging arms. Flexion bends
the trunk and neck forward, lifts thigh, arm, forearm and hand forward, folds the shank back and pulls the toes up;
abduction leads away from the middle; for the trunk it is a bend to the right. Rotation is about the segment's own
length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.sample.body import FRAME, FRAMES, PARENT, SIDES, Body

_LEVELLING_STEPS = 6

_FOLDS_FORWARD = {"pelvis", "waist", "chest", "neck", "head", "left_knee", "right_knee"}
_FLEXION = np.array([1.0 if name in _FOLDS_FORWARD else -1.0 for name in FRAMES])
_SIDE = np.array([-1.0 if name.startswith("right") else 1.0 for name in FRAMES])


@dataclass(frozen=True)
class Poses:
    """Where the frames are at T times: `rotation` [T, 17, 3, 3] (columns are the frame's axes), `origin` [T, 17, 3]."""

    rotation: np.ndarray
    origin: np.ndarray

    def points(self, frames: Sequence[int] | np.ndarray, local: np.ndarray) -> np.ndarray:
        """World positions [T, N, 3] of points fixed in frames: `frames` [N], `local` [N, 3]."""
        index = np.asarray(frames)
        return self.origin[:, index] + np.einsum("tnij,nj->tni", self.rotation[:, index], local)

    def turned(self, degrees: float) -> Poses:
        """The same poses turned to the left about the world's vertical."""
        turn = rotation_about("y", np.radians(degrees))
        return Poses(turn @ self.rotation, self.origin @ turn.T)

    def moved(self, offset: np.ndarray) -> Poses:
        """The same poses shifted by `offset` [T, 3] or [3]."""
        return Poses(self.rotation, self.origin + np.broadcast_to(offset, (len(self.origin), 3))[:, None])


def rotation_about(axis: str, angle: np.ndarray | float) -> np.ndarray:
    """Right-handed rotations [..., 3, 3] about the axis x, y or z by radians."""
    angle = np.asarray(angle, dtype=np.float64)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix


def forward(body: Body, angles: np.ndarray) -> Poses:
    """Joint angles [T, 17, 3] → poses with the pelvis at its standing height above the origin."""
    radians = np.radians(angles)
    local = (
        rotation_about("x", radians[..., 0] * _FLEXION)
        @ rotation_about("z", radians[..., 1] * _SIDE)
        @ rotation_about("y", radians[..., 2] * _SIDE)
    )
    rotation, origin = local.copy(), np.broadcast_to(body.offsets, (*angles.shape[:2], 3)).copy()
    for frame, parent in enumerate(PARENT):
        if parent >= 0:
            rotation[:, frame] = rotation[:, parent] @ local[:, frame]
            origin[:, frame] = origin[:, parent] + rotation[:, parent] @ body.offsets[frame]
    return Poses(rotation, origin)


def undersides(body: Body, poses: Poses) -> np.ndarray:
    """Height of the lowest point of each part, [T, P]."""
    ends = poses.points(np.repeat(body.frame, 2), body.ends.reshape(-1, 3))[..., 1].reshape(len(poses.origin), -1, 2)
    # A stretched sphere reaches |stretch * down| radii below its centre, `down` being the vertical in its frame.
    down = poses.rotation[:, body.frame, 1, :] * body.stretch
    return (ends - np.linalg.norm(down, axis=-1)[..., None] * body.radius).min(axis=-1)


def level(body: Body, poses: Poses, front: Sequence[str], back: Sequence[str], lift: np.ndarray) -> Poses:
    """Tilts the whole body so that the lowest points of two groups of frames are at one height.

    `lift` [T] metres is how far the `back` group is above the `front` group instead (feet that jump).
    """
    for _ in range(_LEVELLING_STEPS):
        heights = undersides(body, poses)
        rise = _lowest(body, heights, back) - lift - _lowest(body, heights, front)
        reach = (_middle(poses, back) - _middle(poses, front)) * (1, 0, 1)
        pitch = _turn(reach, reach - [0, 1, 0] * rise[:, None])
        pivot = poses.origin[:, :1]
        poses = Poses(
            pitch[:, None] @ poses.rotation,
            pivot + np.einsum("tij,tnj->tni", pitch, poses.origin - pivot),
        )
    return poses


def stand(body: Body, poses: Poses, anchor: Sequence[str], lift: np.ndarray) -> Poses:
    """Puts the lowest point `lift` [T] metres over the floor, and the middle of the anchor frames over the origin."""
    offset = -_middle(poses, anchor)
    offset[:, 1] = lift - undersides(body, poses).min(axis=1)
    return poses.moved(offset)


def plant(poses: Poses, frame: str, target: np.ndarray, orientation: np.ndarray) -> Poses:
    """Bends one limb so that its last frame (a wrist or an ankle) is at `target` [3] or [T, 3] with `orientation`.

    The knee or elbow stays in the plane it was in. A target out of reach is approached along the straight limb.
    """
    side, _, joint = frame.rpartition("_")
    upper, lower = ("shoulder", "elbow") if joint == "wrist" else ("hip", "knee")
    root, middle, last = (FRAME[f"{side}_{name}"] for name in (upper, lower, joint))
    origin, rotation = poses.origin.copy(), poses.rotation.copy()

    first = np.linalg.norm(origin[:, middle] - origin[:, root], axis=-1)
    second = np.linalg.norm(origin[:, last] - origin[:, middle], axis=-1)
    reach = np.broadcast_to(target, origin[:, root].shape) - origin[:, root]
    distance = np.linalg.norm(reach, axis=-1)
    along = reach / distance[:, None]
    distance = np.clip(distance, np.abs(first - second) + 1e-6, first + second - 1e-6)
    # The law of cosines gives the foot of the middle joint on the line from root to target.
    foot = (first**2 - second**2 + distance**2) / (2 * distance)
    side_step = np.sqrt(np.maximum(first**2 - foot**2, 0))
    # A straight limb has no plane of its own: then it bends the way its joint does.
    hinge = rotation[:, root, :, 2] * (-1.0 if joint == "wrist" else 1.0)
    bend = origin[:, middle] - origin[:, root] + 1e-3 * hinge
    bend -= np.einsum("ti,ti->t", bend, along)[:, None] * along
    bend /= np.linalg.norm(bend, axis=-1)[:, None]

    new_middle = origin[:, root] + foot[:, None] * along + side_step[:, None] * bend
    new_last = origin[:, root] + distance[:, None] * along
    rotation[:, root] = _turn(origin[:, middle] - origin[:, root], new_middle - origin[:, root]) @ rotation[:, root]
    rotation[:, middle] = _turn(origin[:, last] - origin[:, middle], new_last - new_middle) @ rotation[:, middle]
    rotation[:, last] = orientation
    origin[:, middle], origin[:, last] = new_middle, new_last
    return Poses(rotation, origin)


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotations [..., 3, 3] nearest to matrices, such as means of rotations."""
    left, _, right = np.linalg.svd(matrix)
    left[..., -1] *= np.linalg.det(left @ right)[..., None]
    return left @ right


def _turn(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The smallest rotations [T, 3, 3] that turn the vectors `before` [T, 3] into the directions of `after`."""
    a = before / np.linalg.norm(before, axis=-1)[:, None]
    b = after / np.linalg.norm(after, axis=-1)[:, None]
    x, y, z = np.moveaxis(np.cross(a, b), -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    cosine = np.einsum("ti,ti->t", a, b)[:, None, None]
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def group(frames: Sequence[str]) -> list[int]:
    """Indices of frames, where `wrist` stands for both wrists."""
    return [
        FRAME[name] for frame in frames for name in ([frame] if frame in FRAME else [f"{s}_{frame}" for s in SIDES])
    ]


def _lowest(body: Body, heights: np.ndarray, frames: Sequence[str]) -> np.ndarray:
    return heights[:, np.isin(body.frame, group(frames))].min(axis=1)


def _middle(poses: Poses, frames: Sequence[str]) -> np.ndarray:
    return poses.origin[:, group(frames)].mean(axis=1)
