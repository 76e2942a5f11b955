"""From a track to arrays with one row a frame, and what happens where the person is not seen."""

from __future__ import annotations

import itertools

import numpy as np

from pipeline.pose.people import Track


def as_arrays(track: Track, frames: int, joints: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """joints [T, V, 3] and boxes [T, 4] float32, zero where the person is not seen; found [T] bool."""
    places = np.zeros((frames, joints, 3), np.float32)
    boxes = np.zeros((frames, 4), np.float32)
    found = np.zeros(frames, bool)
    for number, person in track.items():
        places[number], boxes[number], found[number] = person.joints, person.box, True
    return places, boxes, found


def interpolate(values: np.ndarray, found: np.ndarray, max_gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Fills gaps of at most `max_gap` frames between two seen ones, linearly; longer ones are left alone.

    values [T, ...] → values with the gaps filled, and which frames were filled [T] bool.
    """
    values, filled = values.copy(), np.zeros(len(found), bool)
    for before, after in itertools.pairwise(np.flatnonzero(found)):
        if after - before - 1 > max_gap:
            continue
        for frame in range(before + 1, after):
            share = (frame - before) / (after - before)
            values[frame] = (1 - share) * values[before] + share * values[after]
            filled[frame] = True
    return values, filled


def smooth(joints: np.ndarray, here: np.ndarray, sigma: float) -> np.ndarray:
    """Places of joints [T, V, 3] as means over time, weighted by score and a Gaussian of `sigma` frames.

    Only frames that are `here` [T] bool take part and change, and nothing is carried over a gap. Scores stay.
    """
    joints = joints.copy()
    if sigma == 0:
        return joints
    edges = np.flatnonzero(np.diff(here.astype(int), prepend=0, append=0))
    for start, end in edges.reshape(-1, 2):
        times = np.arange(end - start)
        near = np.exp(-((times[:, None] - times) ** 2) / (2 * sigma**2))
        weights = np.maximum(joints[start:end, :, 2:], 1e-3)
        places = np.einsum("st,tvc->svc", near, weights * joints[start:end, :, :2])
        joints[start:end, :, :2] = places / np.einsum("st,tvc->svc", near, weights)
    return joints
