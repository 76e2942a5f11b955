"""Who is in the frames, and who exercises: detections are linked into tracks, and one track is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

LINK_DISTANCE = 0.5
"""Two detections can be one person up to this mean distance between equal joints, in diagonals of the box."""


EQUAL = 0.6
"""From this share of the exerciser's prominence on, somebody else may be the one."""

ABSENT = 0.1
"""Somebody who is not seen in this share of the frames, at the start or the end, was not there yet or has left."""


@dataclass(frozen=True, eq=False)
class Person:
    """One detection in one frame: joints [V, 3] (x, y in pixels, score 0..1) and box [4] (x0, y0, x1, y1).

    `identity` is who it is, where whoever detected it has tracked people too.
    """

    joints: np.ndarray
    box: np.ndarray
    identity: str = ""

    @property
    def score(self) -> float:
        """Mean score of the joints, 0 to 1."""
        return float(self.joints[:, 2].mean())

    @property
    def size(self) -> float:
        """Diagonal of the box in pixels: unlike height and area it is alike for upright and lying people."""
        return float(np.hypot(self.box[2] - self.box[0], self.box[3] - self.box[1]))


Track = dict[int, Person]
"""One person through a clip: detections by frame number, in order."""


def link(frames: Iterable[Sequence[Person]]) -> list[Track]:
    """Joins the detections of all frames into tracks; nearest pairs first, each detection in one track.

    A track that is lost waits for good: whoever appears near its last place continues it.
    """
    tracks: list[Track] = []
    for number, people in enumerate(frames):
        last = [track[max(track)] for track in tracks]
        distances = [(_distance(a, b), i, j) for i, a in enumerate(last) for j, b in enumerate(people)]
        linked: dict[int, int] = {}
        for distance, i, j in sorted(distances):
            if distance <= LINK_DISTANCE and i not in linked.values() and j not in linked:
                linked[j] = i
        for j, person in enumerate(people):
            if j in linked:
                tracks[linked[j]][number] = person
            else:
                tracks.append({number: person})
    return tracks


def _distance(a: Person, b: Person) -> float:
    """Mean distance between equal joints in units of the larger person's size; infinite between points, and between
    people who are known to be others; none between those known to be the same."""
    if a.identity or b.identity:
        return 0.0 if a.identity == b.identity else np.inf
    size = max(a.size, b.size)
    if size == 0:
        return np.inf
    return float(np.hypot(*(a.joints - b.joints)[:, :2].T).mean()) / size


def choose(tracks: Sequence[Track], width: int, height: int) -> Track:
    """The exerciser: the track with the largest `prominence` in frames of this size; needs at least one."""
    return max(tracks, key=lambda track: prominence(track, width, height))


def doubts(tracks: Sequence[Track], chosen: Track, frames: int, width: int, height: int) -> list[str]:
    """Why the choice may be wrong: somebody nearly as prominent, or the person comes late or leaves."""
    own = prominence(chosen, width, height)
    equal = sum(prominence(track, width, height) > EQUAL * own for track in tracks if track is not chosen)
    reasons = [f"{equal + 1} people are nearly equal"] if equal else []
    if min(chosen) > ABSENT * frames:
        reasons.append(f"the person comes in frame {min(chosen)}")
    if max(chosen) < frames - 1 - ABSENT * frames:
        reasons.append(f"the person leaves after frame {max(chosen)}")
    return reasons


def prominence(track: Track, width: int, height: int) -> float:
    """How likely a track is the exerciser's: frames times size², times factors for place and motion.

    Size is relative to the diagonal of the frame. Someone at its edge counts half of someone in its centre;
    someone who stands still counts half of someone whose joints swing by a quarter of the body size or more.
    """
    boxes = np.stack([person.box for person in track.values()])
    joints = np.stack([person.joints[:, :2] for person in track.values()])
    size = float(np.mean([person.size for person in track.values()]))
    centre = (boxes[:, :2] + boxes[:, 2:]).mean(0) / 2
    off_centre = np.hypot(*(2 * centre / (width, height) - 1)) / np.sqrt(2)
    swing = float(np.hypot(*joints.std(0).T).mean()) / max(size, 1.0)
    place, motion = 1 - off_centre / 2, 0.5 + min(1.0, swing / 0.25) / 2
    return len(track) * (size / np.hypot(width, height)) ** 2 * float(place) * motion
