import random
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotations.splits import PROTOCOLS, SPLITS, UNUSED, assign, sources_with_known

Clip = tuple[str, str, bool]  # source, key, whether its activity is new

CLIPS = st.lists(
    st.tuples(st.sampled_from([f"video{n}" for n in range(12)]), st.integers(0, 99), st.booleans()),
    max_size=40,
    unique_by=lambda clip: clip[:2],
).map(lambda clips: [(source, f"{source}-{number}", new) for source, number, new in clips])


def split_all(protocol: str, seed: int, clips: list[Clip]) -> dict[str, str]:
    with_known = sources_with_known((source, new) for source, _, new in clips)
    return {key: assign(protocol, seed, source, key, new, source in with_known) for source, key, new in clips}


def side(split: str) -> str:
    return split.split("-")[-1]


def workouts(clips_per_source: int, count: int = 15_004) -> list[Clip]:
    """A table of the paper's size: 31 % of the clips are of new activities (4,715 of 15,004)."""
    draw = random.Random(1)
    return [(f"v{n // clips_per_source}", f"k{n}", draw.random() < 4715 / 15_004) for n in range(count)]


@pytest.mark.parametrize(
    ("protocol", "name", "new", "source_has_known", "split"),
    [
        # By hand from the first hex digits of `printf 'paper\0%s\0side\0clip0' 0 | sha256sum` and the like:
        # train is below 7069/10262 = 0xb058/0x10000, val below 8668/10262 = 0xd83c/0x10000, half 0x8000.
        ("paper", "clip0", False, True, "train"),  # side 40bc
        ("paper", "clip9", False, True, "known-val"),  # side c56a
        ("paper", "clip3", False, True, "known-test"),  # side f79a
        ("paper", "clip0", True, True, "new-val"),  # half 4425
        ("paper", "clip3", True, True, "new-test"),  # half d8f3
        ("video-disjoint", "clip0", False, True, "train"),  # side 4011
        ("video-disjoint", "clip6", False, True, "known-val"),  # side bce6
        ("video-disjoint", "clip5", False, True, "known-test"),  # side f8b4
        ("video-disjoint", "clip6", True, True, "new-val"),
        ("video-disjoint", "clip5", True, False, "new-test"),
        ("video-disjoint", "clip0", True, True, "unused"),
        ("video-disjoint", "clip0", True, False, "new-test"),  # side 4011, half a88f
        ("video-disjoint", "clip1", True, False, "new-val"),  # side 8ac2, half 4aa4
    ],
)
def test_the_split_of_a_clip_never_changes(
    protocol: str, name: str, new: bool, source_has_known: bool, split: str
) -> None:
    source, key = (name, "any") if protocol == "video-disjoint" else ("any", name)
    assert assign(protocol, 0, source, key, new, source_has_known) == split


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(seed=st.integers(0, 2**32), clips=CLIPS)
def test_new_clips_are_never_trained_on_and_known_clips_always_used(
    protocol: str, seed: int, clips: list[Clip]
) -> None:
    splits = split_all(protocol, seed, clips)
    for _, key, new in clips:
        allowed = {"new-val", "new-test", UNUSED} if new else {"train", "known-val", "known-test"}
        assert splits[key] in allowed
    if protocol == "paper":
        assert set(splits.values()) <= set(SPLITS)


@given(seed=st.integers(0, 2**32), clips=CLIPS)
def test_video_disjoint_has_no_source_on_two_sides(seed: int, clips: list[Clip]) -> None:
    splits = split_all("video-disjoint", seed, clips)
    sides: dict[str, set[str]] = {}
    for source, key, _ in clips:
        if splits[key] != UNUSED:
            sides.setdefault(source, set()).add(side(splits[key]))
    assert all(len(found) == 1 for found in sides.values())


@given(seed=st.integers(0, 2**32), clips=CLIPS)
def test_video_disjoint_leaves_out_only_clips_whose_source_is_trained_on(seed: int, clips: list[Clip]) -> None:
    splits = split_all("video-disjoint", seed, clips)
    trained = {source for source, key, _ in clips if splits[key] == "train"}
    unused = {key for _, key, _ in clips if splits[key] == UNUSED}
    assert unused == {key for source, key, new in clips if new and source in trained}


@given(seed=st.integers(0, 2**32), clips=CLIPS, more=CLIPS)
def test_no_clip_moves_between_the_sides_when_clips_are_added(seed: int, clips: list[Clip], more: list[Clip]) -> None:
    keys = {key for _, key, _ in clips}
    grown = clips + [clip for clip in more if clip[1] not in keys]
    assume(len(grown) > len(clips))
    before, after = split_all("paper", seed, clips), split_all("paper", seed, grown)
    assert all(after[key] == split for key, split in before.items())

    before, after = split_all("video-disjoint", seed, clips), split_all("video-disjoint", seed, grown)
    gained = sources_with_known((s, n) for s, _, n in grown) - sources_with_known((s, n) for s, _, n in clips)
    for source, key, new in clips:
        retired = new and source in gained and after[key] == UNUSED
        assert after[key] == before[key] or retired


@given(seed=st.integers(0, 2**32), clips=CLIPS, data=st.data())
def test_the_order_of_the_table_does_not_matter(seed: int, clips: list[Clip], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(clips))
    for protocol in PROTOCOLS:
        assert split_all(protocol, seed, clips) == split_all(protocol, seed, shuffled)


def test_paper_has_the_counts_of_section_3_3() -> None:
    counts = Counter(split_all("paper", 0, workouts(clips_per_source=8)).values())
    # The paper's sum is 14,977. A draw of n clips with share p has a standard deviation of sqrt(n p (1 - p)),
    # at most 61 here.
    for split, count in zip(SPLITS, (7069, 1599, 1594, 2355, 2360), strict=True):
        assert count * 15_004 / 14_977 == pytest.approx(counts[split], abs=4 * 61), split


def test_video_disjoint_has_the_shares_of_section_3_3_among_known_clips() -> None:
    splits = split_all("video-disjoint", 0, workouts(clips_per_source=8))
    counts = Counter(splits.values())
    known = counts["train"] + counts["known-val"] + counts["known-test"]
    # 1,876 sources: a share has a standard deviation of at most sqrt(0.69 * 0.31 / 1876) = 0.011.
    assert counts["train"] / known == pytest.approx(7069 / 10_262, abs=0.045)
    assert counts["known-val"] / known == pytest.approx(1599 / 10_262, abs=0.045)
    assert counts["known-test"] / known == pytest.approx(1594 / 10_262, abs=0.045)
    assert counts["new-val"] / (counts["new-val"] + counts["new-test"]) == pytest.approx(0.5, abs=0.1)


def test_video_disjoint_loses_no_clip_where_a_video_shows_one_activity() -> None:
    counts = Counter(split_all("video-disjoint", 0, workouts(clips_per_source=1)).values())
    assert counts[UNUSED] == 0
    assert counts["new-val"] == pytest.approx(4715 / 2, abs=4 * 60)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_another_seed_gives_another_split(protocol: str) -> None:
    clips = workouts(clips_per_source=1, count=200)
    assert split_all(protocol, 0, clips) != split_all(protocol, 1, clips)


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="video-disjoint"):
        assign("random", 0, "a", "a-1", False, True)
