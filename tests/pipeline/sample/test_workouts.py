"""Rendered workouts: the same from the same seed, of many activities, and truly described by what is beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotations.tables import read_tables
from pipeline import media
from pipeline.config import FlowConfig, SkeletonConfig
from pipeline.errors import UserError
from pipeline.flow.solvers import solver
from pipeline.pose.estimate import estimator
from pipeline.pose.models import model_path
from pipeline.sample import server
from pipeline.sample.motions import BASIC, MOTIONS
from pipeline.sample.truth import Truth, read_truth
from pipeline.sample.workouts import FPS, HEIGHT, WIDTH, Take, Workout, plan, render_workout, write_segments

SHORT = Workout("short", 3, (Take("", 0.2), Take("push-up", 0.4)))
ROOT = Path(__file__).parents[3]
EVERY = (*BASIC, *sorted(MOTIONS.keys() - {*BASIC}))


@dataclass(frozen=True)
class Rendered:
    activities: tuple[str, ...]
    take_frames: int
    frames: np.ndarray
    truth: Truth

    def take(self, number: int) -> slice:
        return slice(number * self.take_frames, (number + 1) * self.take_frames)


@pytest.fixture(scope="module", params=[(5, BASIC, 0.6), (6, EVERY, 0.2)], ids=["basic", "all"])
def every_motion(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Activities one after another: the demo's, and by another person in another room all of them, for three frames."""
    seed, activities, seconds = request.param
    folder = tmp_path_factory.mktemp("sample")
    workout = Workout("all", seed, tuple(Take(activity, seconds) for activity in activities))
    render_workout(workout, folder)
    frames = np.stack([frame for _, frame in media.decode(folder / "videos" / "all.mp4")])
    return Rendered(activities, round(seconds * FPS), frames, read_truth(folder / "truth" / "all.npz"))


def test_activities_are_the_tables_and_enough_are_new() -> None:
    activities = read_tables().activities
    assert set(BASIC) <= set(MOTIONS) <= set(activities)
    assert sum(activities[name].new for name in BASIC) >= 4
    assert {activities[name].position for name in BASIC} >= {"standing", "plank", "supine", "prone"}
    shown = {take.activity for workout in plan(0, 18) for take in workout.takes}
    assert shown == {*BASIC, ""}


def test_all_twenty_new_activities_have_a_motion_and_forty_known_ones() -> None:
    activities = read_tables().activities
    new = {name for name, activity in activities.items() if activity.new}
    assert len(new) == 20 and new <= set(MOTIONS)
    assert len(MOTIONS.keys() - new) >= 40


def test_workouts_have_exercises_with_a_rest_between(tmp_path: Path) -> None:
    workouts = plan(0, 6)
    for workout in workouts:
        assert workout.setting is None and not workout.casual
        names = [take.activity for take in workout.takes]
        assert not any(names[::2]) and all(names[1::2]) and len(names) == 9
    assert plan(0, 3) == workouts[:3] != plan(1, 3)
    server.write_sources(tmp_path / "sources.csv", {w.id: Path("v.mp4") for w in workouts}, "http://127.0.0.1:1")
    write_segments(workouts, tmp_path / "segments.csv")
    segments = read_tables(sources_and_segments=tmp_path).segments
    assert len(segments) == 24
    assert all(segment.end - segment.start >= 2.4 - 1e-9 for segment in segments)


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    render_workout(SHORT, tmp_path / "here")
    again = (
        "from pathlib import Path; from pipeline.sample.workouts import Take, Workout, render_workout;"
        f"render_workout({SHORT!r}, Path({str(tmp_path / 'there')!r}))"
    )
    subprocess.run([sys.executable, "-c", again], check=True, cwd=ROOT)
    for name in ("videos/short.mp4", "truth/short.npz"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    other = Workout("short", 4, SHORT.takes)
    render_workout(other, tmp_path / "other")
    assert (tmp_path / "here/videos/short.mp4").read_bytes() != (tmp_path / "other/videos/short.mp4").read_bytes()


def test_every_frame_is_described(every_motion: Rendered) -> None:
    takes = len(every_motion.activities)
    count = takes * every_motion.take_frames
    assert every_motion.frames.shape == (count, HEIGHT, WIDTH, 3)
    truth = every_motion.truth
    assert truth.joints.shape == (count, 17, 2) and truth.height.shape == (count,)
    assert truth.cuts.tolist() == [every_motion.take(number).stop - 1 for number in range(takes)]
    inside = (truth.joints > 0).all(axis=-1) & (truth.joints < (WIDTH, HEIGHT)).all(axis=-1)
    assert inside.mean() > 0.99
    with pytest.raises(ValueError, match="picture changes"):
        truth.dense_flow(int(truth.cuts[0]))


def test_the_flow_leads_to_the_same_colours_in_the_next_picture(every_motion: Rendered) -> None:
    """Judged by the pictures alone: along the flow they agree, and without it they do not."""
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    along, without = [], []
    for frame in range(0, len(every_motion.frames) - 1, 2):
        if frame in every_motion.truth.cuts:
            continue
        flow = every_motion.truth.dense_flow(frame)
        moving = cv2.erode((np.linalg.norm(flow, axis=-1) > 2).astype(np.uint8), np.ones((5, 5))) > 0
        now, later = (every_motion.frames[i].astype(np.float32) for i in (frame, frame + 1))
        there = cv2.remap(later, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        along.append(np.abs(there - now)[moving].ravel())
        without.append(np.abs(later - now)[moving].ravel())
    # The median leaves out what is hidden in the next frame.
    assert np.median(np.concatenate(along)) < 0.5 * np.median(np.concatenate(without))
    assert np.median(np.concatenate(along)) < 3


def test_solvers_come_near_the_exact_flow(every_motion: Rendered) -> None:
    for backend, activities in (("dis", every_motion.activities), ("tvl1", ("push-up",))):
        error, still = errors(every_motion, backend, activities)
        assert error < 0.5 * still, backend


def test_our_tvl1_errs_no_more_than_opencvs(every_motion: Rendered) -> None:
    ours, still = errors(every_motion, "tvl1", ["push-up"])
    theirs, _ = errors(every_motion, "opencv", ["push-up"])
    assert theirs < 0.4 * still
    assert ours < 1.02 * theirs


def errors(rendered: Rendered, backend: str, activities: Sequence[str]) -> tuple[float, float]:
    """Endpoint errors on the person, summed over the first two fields of takes: the backend's, and of no flow."""
    solve = solver(FlowConfig(backend=backend))
    error = still = 0.0
    for activity in activities:
        first = rendered.take(rendered.activities.index(activity)).start
        found = solve(rendered.frames[first : first + 3])
        for offset in range(2):
            exact = rendered.truth.dense_flow(first + offset)
            person = rendered.truth.person[first + offset]
            error += float(np.linalg.norm(found[offset] - exact, axis=-1)[person].sum())
            still += float(np.linalg.norm(exact, axis=-1)[person].sum())
    return error, still


def test_the_person_is_found_with_its_joints(every_motion: Rendered) -> None:
    try:
        model_path(SkeletonConfig().backend)
    except UserError as error:
        pytest.skip(str(error))
    estimate = estimator(SkeletonConfig())
    found, errors = [], []
    for number in range(len(every_motion.activities)):
        take = slice(every_motion.take(number).start, every_motion.take(number).stop, 3)
        skeleton = estimate(every_motion.frames[take], FPS / 3)
        distance = np.linalg.norm(skeleton.joints[..., :2] - every_motion.truth.joints[take], axis=-1)
        errors.append((distance / every_motion.truth.height[take][:, None]).mean())
        found.append(skeleton.found.mean())
    assert np.mean(found) >= 0.95
    assert np.mean(errors) <= 0.06
