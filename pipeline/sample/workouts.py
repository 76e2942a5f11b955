"""Sample workouts, like HIIT videos: a person does some exercises in a room, with a rest between them.

Everything follows from the seed; the same seed gives the same bytes on one kind of processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotations.tables import SEGMENT_COLUMNS, read_tables
from pipeline import media
from pipeline.files import replacing, write_table
from pipeline.sample import casting
from pipeline.sample.body import FRAME, make_body
from pipeline.sample.casting import Setting
from pipeline.sample.filming import HEIGHT, WIDTH, casually, from_the_best_side
from pipeline.sample.motions import BASIC, MOTIONS, REST
from pipeline.sample.movement import Motion, play
from pipeline.sample.picture import Stage, draw
from pipeline.sample.raycast import make_shape
from pipeline.sample.room import backdrop
from pipeline.sample.truth import FrameTruth, observe, write_truth

FPS = 15
EXERCISES = 4
"""Exercises in a workout."""
NEW_EVERY = 3
"""Every third workout shows new activities alone, so that a protocol that keeps videos apart still has some."""

_STEP_S = 0.2
"""Takes last a whole number of these: whole frames, and times that a table holds exactly."""
_CRF = 16


@dataclass(frozen=True)
class Take:
    """What the camera shows without a cut; `activity` is empty for a rest."""

    activity: str
    seconds: float


@dataclass(frozen=True)
class Workout:
    """One video to render."""

    id: str
    seed: int
    takes: tuple[Take, ...]
    setting: Setting | None = None
    """Who exercises where; None: drawn from the seed."""
    casual: bool = False
    """Filmed as people happen to film, and not from the best side."""


def plan(seed: int, count: int) -> list[Workout]:
    """The first `count` workouts of a seed; each activity of BASIC comes about equally often."""
    activities = read_tables().activities
    pools = [[name for name in BASIC if activities[name].new is new] for new in (False, True)]
    decks = [_deck(np.random.default_rng([seed, number]), pool) for number, pool in enumerate(pools)]
    workouts = []
    for number in range(count):
        random = np.random.default_rng([seed, 2, number])
        deck = decks[number % NEW_EVERY == NEW_EVERY - 1]
        takes = [Take("", seconds(random, 0.6, 1.0))]
        for _ in range(EXERCISES):
            takes += [Take(next(deck), seconds(random, 2.4, 3.4)), Take("", seconds(random, 0.6, 1.0))]
        workouts.append(Workout(f"workout-{seed}-{number:03d}", int(random.integers(2**31)), tuple(takes)))
    return workouts


def _deck(random: np.random.Generator, pool: Sequence[str]) -> Iterator[str]:
    """Activities dealt from a deck that is shuffled again when it is empty."""
    while True:
        yield from (pool[index] for index in random.permutation(len(pool)))


def seconds(random: np.random.Generator, low: float, high: float) -> float:
    """A length for a take between two, in seconds."""
    return round(round(random.uniform(low, high) / _STEP_S) * _STEP_S, 3)


def write_segments(workouts: Sequence[Workout], path: Path) -> None:
    """Writes segments.csv: the exercises, without the rests."""
    rows = []
    for workout in workouts:
        start = 0.0
        for take in workout.takes:
            end = round(start + take.seconds, 3)
            if take.activity:
                rows.append((workout.id, f"{start:.3f}", f"{end:.3f}", take.activity))
            start = end
    write_table(path, SEGMENT_COLUMNS, rows)


def render_workout(workout: Workout, folder: Path) -> str:
    """Renders videos/<id>.mp4 and, before it, truth/<id>.npz; returns the id. Raises OSError if the disk is full."""
    known: list[FrameTruth] = []
    with replacing(folder / "videos" / f"{workout.id}.mp4") as part:
        media.encode(_frames(workout, known), part, FPS, crf=_CRF, gop=2 * FPS)
        write_truth(known, folder / "truth" / f"{workout.id}.npz", WIDTH, HEIGHT)
    return workout.id


def _frames(workout: Workout, known: list[FrameTruth]) -> Iterator[np.ndarray]:
    """Pictures [H, W, 3], and what is true of them appended to `known`."""
    random = np.random.default_rng(workout.seed)
    setting = workout.setting or casting.draw_setting(random)
    body = make_body(setting.build)
    shape, room, facing, exposure = make_shape(body), setting.room, setting.facing, np.array(setting.exposure)
    film = casually if workout.casual else from_the_best_side
    for take in workout.takes:
        motion = MOTIONS[take.activity] if take.activity else REST
        poses = play(body, motion, *_tempo(random, motion, take.seconds), effort=random.uniform(0.9, 1.05))
        poses = poses.turned(facing)
        camera = film(random, motion, facing, body, poses)
        empty = backdrop(room, camera, *_mat(poses.origin, facing))
        stage = Stage(shape, setting.outfit, camera, empty, room.light, exposure)
        for number in range(len(poses.origin)):
            picture = draw(stage, poses.rotation[number], poses.origin[number])
            known.append(observe(stage, poses, number, picture))
            yield picture.image


def _tempo(random: np.random.Generator, motion: Motion, seconds: float) -> tuple[np.ndarray, float]:
    """The phase of each frame, and the length of a cycle in seconds."""
    period = random.uniform(*motion.period)
    phases = random.random() + np.arange(round(seconds * FPS)) / FPS / period
    return phases, period


def _mat(origin: np.ndarray, facing: float) -> tuple[tuple[float, float], float]:
    """The mat lies below the middle of the motion, along the way the person faces, or lies when lying on a side."""
    middle = (origin.min(axis=(0, 1)) + origin.max(axis=(0, 1))) / 2
    trunk = (origin[:, FRAME["neck"]] - origin[:, FRAME["pelvis"]]).mean(axis=0)
    left = np.array([np.cos(np.radians(facing)), 0, -np.sin(np.radians(facing))])
    on_a_side = abs(trunk @ left) > 0.7 * np.linalg.norm(trunk)
    return (float(middle[0]), float(middle[2])), facing + 90 * on_a_side
