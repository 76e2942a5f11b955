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
