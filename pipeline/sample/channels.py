"""The harder sample: channels, each with its own presenter, studio and repertoire, filmed as people happen to film.

What a video looks like says much about which known activities it shows, as backgrounds and clothes do in the wild. New
activities are filmed in the same studios, whichever, so that there the look misleads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotations import splits
from annotations.tables import read_tables
from pipeline.sample.casting import Setting, another_day, draw_setting
from pipeline.sample.motions import MOTIONS
from pipeline.sample.workouts import Take, Workout, seconds

EXERCISES = 3
"""Exercises in a video."""
NEW_EVERY = 4
"""Every fourth video shows new activities alone, so that a protocol that keeps videos apart still has some."""
REPERTOIRES = 2
"""In how many channels' repertoires each known activity is."""
REPERTOIRE = 4.5
"""Activities in a repertoire: 4 or 5."""
OWN_SHARE = 0.85
"""Share of a channel's exercises that are of its repertoire."""


@dataclass(frozen=True)
class Channel:
    """Who makes videos, where, and of which known activities."""

    setting: Setting
    repertoire: tuple[str, ...]


def open_channels(seed: int, known: Sequence[str]) -> list[Channel]:
    """Channels that share out the known activities, in another way each time round."""
    random = np.random.default_rng([seed, 0])
    count = max(1, round(len(known) / REPERTOIRE))
    rounds = [np.array_split(random.permutation(len(known)), count) for _ in range(REPERTOIRES)]
    return [Channel(draw_setting(random), tuple(known[index] for index in part)) for parts in rounds for part in parts]


def plan(seed: int, count: int) -> list[Workout]:
    """The first `count` videos of a seed.

    So small a sample is spread evenly: in training and in evaluation (the video-disjoint protocol, split seed 0)
    channels take turns, and what is shown is what was shown least on that side so far.
    """
    activities = read_tables().activities
    known, new = ([name for name in sorted(MOTIONS) if activities[name].new is which] for which in (False, True))
    channels = open_channels(seed, known)
    filmed: Counter[str] = Counter()
    shown: dict[str, Counter[str]] = {side: Counter() for side in ("train", "evaluation", "new-val", "new-test")}
    videos = []
    for number in range(count):
        random = np.random.default_rng([seed, 1, number])
        name = f"channel-video-{seed}-{number:03d}"
        of_new = number % NEW_EVERY == NEW_EVERY - 1
        split = splits.assign("video-disjoint", 0, name, name, of_new, not of_new)
        if of_new:
            channel, side = channels[int(random.integers(len(channels)))], split
        else:
            side = "train" if split == "train" else "evaluation"
            channel = channels[filmed[side] % len(channels)]
            filmed[side] += 1
        names: list[str] = []
        for _ in range(EXERCISES):
            pool = new if of_new else channel.repertoire if random.random() < OWN_SHARE else known
            names.append(_least(random, [name for name in pool if name not in names], shown[side]))
            shown[side][names[-1]] += 1
        takes = tuple(Take(name, seconds(random, 2.0, 2.2)) for name in names)
        setting = another_day(random, channel.setting)
        videos.append(Workout(name, int(random.integers(2**31)), takes, setting, casual=True))
    return videos


def _least(random: np.random.Generator, pool: Sequence[str], shown: Counter[str]) -> str:
    """One of those that were shown least."""
    fewest = min(shown[name] for name in pool)
    rarest = [name for name in pool if shown[name] == fewest]
    return rarest[int(random.integers(len(rarest)))]
