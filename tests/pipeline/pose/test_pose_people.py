"""Linking detections and choosing the exerciser, on people placed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pose.people import Person, choose, doubts, link

WIDTH, HEIGHT = 340, 256
STANDING = np.stack([np.linspace(-0.2, 0.2, 17), np.linspace(-0.5, 0.5, 17)], axis=1)
"""Seventeen joints of somebody one pixel tall around the origin."""


def person(x: float, y: float, tall: float = 100, swing: float = 0) -> Person:
    """Someone with the middle at (x, y); `swing` moves the upper half sideways, in pixels."""
    places = STANDING * tall + (x, y)
    places[:8, 0] += swing
    box = np.concatenate([places.min(0), places.max(0)])
    return Person(np.concatenate([places, np.full((17, 1), 0.6)], axis=1), box)


def test_two_who_walk_past_each_other_keep_their_tracks() -> None:
    frames = [[person(60 + 5 * t, 100), person(260 - 5 * t, 180)] for t in range(40)]
    left, right = link(frames)
    assert [left[t] for t in range(40)] == [people[0] for people in frames]
    assert [right[t] for t in range(40)] == [people[1] for people in frames]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.permutations([0, 1, 2]), min_size=5, max_size=10))
def test_the_order_of_the_detections_does_not_matter(orders: list[list[int]]) -> None:
    places = [60, 170, 280]
    frames = [[person(places[i] + t, 128) for i in order] for t, order in enumerate(orders)]
    tracks = link(frames)
    assert len(tracks) == 3
    for track in tracks:
        starts = {round(track[t].joints[:, 0].mean()) - t for t in range(len(frames))}
        assert len(starts) == 1


def test_someone_who_was_lost_goes_on_in_the_same_track() -> None:
    frames = [[person(100, 128)] if t < 5 or t >= 25 else [] for t in range(30)]
    (track,) = link(frames)
    assert list(track) == [0, 1, 2, 3, 4, 25, 26, 27, 28, 29]


def test_someone_far_from_the_last_place_is_someone_else() -> None:
    assert len(link([[person(60, 128)], [person(260, 128)]])) == 2


def test_nobody_gives_no_track() -> None:
    assert link([[], [], []]) == []


def chosen(*people: list[Person | None]) -> int:
    """Which of the people is chosen, each given as a list of appearances by frame."""
    frames = zip(*people, strict=True)
    tracks = link([[someone for someone in frame if someone is not None] for frame in frames])
    assert len(tracks) == len(people)
    track = choose(tracks, WIDTH, HEIGHT)
    (which,) = [i for i, appearances in enumerate(people) if any(p is q for p in appearances for q in track.values())]
    return which


@pytest.mark.parametrize("exerciser", [0, 1])
@pytest.mark.parametrize("reason", ["larger", "central", "moving", "longer"])
def test_the_exerciser_is_the_one_who_is(reason: str, exerciser: int) -> None:
    still = [person(80, 128) for _ in range(20)]
    opposite = [person(260, 128) for _ in range(20)]
    main, other = {
        "larger": ([person(80, 128, tall=160) for _ in range(20)], opposite),
        "central": ([person(150, 128) for _ in range(20)], [person(300, 128) for _ in range(20)]),
        "moving": ([person(80, 128, swing=30 * (t % 2)) for t in range(20)], opposite),
        "longer": (still, [opposite[t] if t < 12 else None for t in range(20)]),
    }[reason]
    assert chosen(*((main, other) if exerciser == 0 else (other, main))) == exerciser


def test_a_passer_by_in_front_does_not_become_the_exerciser() -> None:
    """Someone large walks through for a fifth of the time, past someone smaller who does squats throughout."""
    exerciser = [person(170, 140 + 15 * (t % 2), tall=130) for t in range(40)]
    passer: list[Person | None] = [person(20 + 20 * t, 128, tall=220) if t < 8 else None for t in range(40)]
    assert chosen(exerciser, passer) == 0


def test_two_alike_and_someone_who_leaves_are_doubted() -> None:
    pair = link([[person(110, 128), person(230, 128)] for _ in range(20)])
    assert doubts(pair, pair[0], 20, WIDTH, HEIGHT) == ["2 people are nearly equal"]
    (alone,) = link([[person(170, 128)] if t < 10 else [] for t in range(20)])
    assert doubts([alone], alone, 20, WIDTH, HEIGHT) == ["the person leaves after frame 9"]
    (late,) = link([[person(170, 128)] if t >= 10 else [] for t in range(20)])
    assert doubts([late], late, 20, WIDTH, HEIGHT) == ["the person comes in frame 10"]
    (whole,) = link([[person(170, 128)] for _ in range(20)])
    assert doubts([whole], whole, 20, WIDTH, HEIGHT) == []
