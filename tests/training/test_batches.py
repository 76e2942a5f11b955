"""Which clips come in which order, and which frames of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures_shards import COCO_17, HEIGHT, WIDTH, Clip, toy_clips, write_dataset
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.reader import Dataset
from training.config import DataConfig
from training.data import Batches, Clips, Request, checked, in_order, loader, normalised, squares, window_frames

SMALL = DataConfig(frames=8, stride=2, skeleton_frames=16, size=48)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips()[:6], ("rgb", "skeleton"))


@pytest.mark.parametrize(("clips", "batch_size", "world"), [(10, 4, 1), (11, 4, 2), (7, 16, 3), (64, 8, 2)])
def test_an_epoch_holds_every_clip_once(clips: int, batch_size: int, world: int) -> None:
    rows = [100 + i for i in range(clips)]
    devices = [list(Batches(rows, batch_size, 0, rank, world)) for rank in range(world)]
    seen = [row for batches in devices for batch in batches for row, *_ in batch]
    assert sorted(seen) == rows
    sizes = [len(batch) for batches in devices for batch in batches]
    assert min(sizes) >= 1 and max(sizes) <= batch_size
    assert len({len(batches) for batches in devices}) == 1, "devices must take equally many steps"


def test_order_and_windows_follow_from_seed_and_epoch() -> None:
    def epoch(seed: int, number: int) -> list[list[Request]]:
        batches = Batches(range(20), 4, seed)
        batches.start(number)
        return list(batches)

    assert epoch(1, 3) == epoch(1, 3)
    assert epoch(1, 3) != epoch(1, 4)
    assert epoch(1, 3) != epoch(2, 3)


def truth(seed: int, epoch: int, rows: int) -> list[int]:
    """The global order, by numpy alone."""
    return [int(row) for row in np.random.default_rng([seed, epoch]).permutation(rows)]


@given(st.integers(9, 200), st.integers(1, 9), st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5)), max_size=5))
def test_stopped_and_resumed_on_any_devices_it_is_the_same_epoch(
    rows: int, batch_size: int, legs: list[tuple[int, int]]
) -> None:
    seen: list[int] = []
    for world, steps in [*legs, (1, rows)]:
        devices = [Batches(range(rows), batch_size, 3, rank, world) for rank in range(world)]
        for batches in devices:
            batches.start(5, len(seen))
        for step in [*zip(*devices, strict=True)][:steps]:
            assert all(step), "a device without a clip cannot take the step"
            weighted = [batch for batch, device in zip(step, devices, strict=True) if device.weight(len(seen))]
            assert sum(map(len, weighted)) == devices[0].clips_of_step(len(seen))
            seen += [row for batch in weighted for row, *_ in batch]
    assert seen == truth(3, 5, rows)


def test_an_epoch_goes_on_from_any_step_with_the_same_batches() -> None:
    batches = Batches(range(73), 8, 0)
    batches.start(5)
    whole = list(batches)
    assert len(whole) == batches.steps == 10
    done = 0
    for step, batch in enumerate(whole):
        batches.start(5, done)
        assert list(batches) == whole[step:]
        done += len(batch)


def test_loaders_stopped_in_mid_epoch_go_on_with_other_ranks_and_workers(toy: Path) -> None:
    clips = Clips(Dataset(toy, ("skeleton",)), SMALL)
    seen: list[int] = []
    for world, workers, steps in ((1, 0, 1), (4, 8, 1), (2, 1, 9)):
        devices = [Batches([*range(6)] * 4, 2, 1, rank, world) for rank in range(world)]
        for batches in devices:
            batches.start(2, len(seen))
        feeds = [iter(loader(clips, batches, workers, pin=False)) for batches in devices]
        for _, *step in zip(range(steps), *feeds, strict=False):
            seen += [row for batch in step for row in checked(batch).rows]
        del feeds
    assert seen == [int(row) for row in np.random.default_rng([1, 2]).permutation([*range(6)] * 4)]


def test_more_devices_than_clips_are_left_go_on(toy: Path) -> None:
    """Stopped one clip before the end and resumed on four devices: one weighs all of the step, three nothing."""
    clips = Clips(Dataset(toy, ("skeleton",)), SMALL)
    devices = [Batches(range(6), 2, 1, rank, 4) for rank in range(4)]
    for batches in devices:
        batches.start(0, 5)
    steps = [[checked(batch) for batch in loader(clips, batches, 0, pin=False)] for batches in devices]
    assert [[batch.rows for batch in step] for step in steps] == [[truth(1, 0, 6)[5:]]] * 4
    assert [batches.weight(5) for batches in devices] == [4, 0, 0, 0]


@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_schedule_follows_the_clips_on_any_number_of_devices(world: int) -> None:
    batches = Batches(range(64), 8, 0, 0, world)
    assert batches.passed(3, 32) / batches.steps == 3.5


def test_devices_weigh_every_clip_alike() -> None:
    # 11 clips on 2 devices in 2 steps: 6 and 5 clips together, so 3 + 3 and 3 + 2.
    devices = [Batches(range(11), 4, 0, rank, 2) for rank in range(2)]
    for step, together in enumerate((6, 5)):
        sizes = [len(list(batches)[step]) for batches in devices]
        weights = [batches.weight(6 * step) for batches in devices]
        assert [w / size / 2 for w, size in zip(weights, sizes, strict=True)] == pytest.approx([1 / together] * 2)


def test_window_frames() -> None:
    assert window_frames(100, 8, 4, 0.0).tolist() == [0, 2, 4, 6]
    assert window_frames(100, 8, 8, 0.999).tolist() == list(range(92, 100))
    assert window_frames(3, 8, 8, 0.5).tolist() == [0, 1, 2, 0, 1, 2, 0, 1], "a short clip is played again"
    dense, sparse = window_frames(100, 64, 64, 0.37), window_frames(100, 64, 16, 0.37)
    assert sparse.tolist() == dense[::4].tolist(), "modalities share one window"


@pytest.mark.parametrize("side", [0.0, 0.5, 1.0], ids=["left", "centre", "right"])
def test_skeletons_lie_on_the_pictures(toy: Path, side: float) -> None:
    """Where a joint is drawn, the decoded and scaled picture is bright; elsewhere it is mostly dark."""
    clips = Clips(Dataset(toy, ("rgb", "skeleton")), SMALL)
    sample = checked_sample(clips, 0, 0.3, side)
    picture, joints = sample["rgb"].float(), sample["skeleton"][:, ::2]
    assert picture.shape == (3, 8, 48, 48) and joints.shape == (3, 8, 17, 1)
    places = ((joints[:2, ..., 0] + 1) * 24).long().clamp(0, 47)
    for frame in range(8):
        x, y = places[0, frame], places[1, frame]
        assert picture[0, frame, y, x].mean() > 3 * picture[0, frame].mean()


def test_a_clip_without_a_cache_decodes_to_the_same(toy: Path) -> None:
    plain = Clips(Dataset(toy, ("rgb", "skeleton")), SMALL)
    cached = Clips(Dataset(toy, ("rgb", "skeleton")), dataclasses.replace(SMALL, cache=True))
    for look in ((0.2, 0.5), (0.9, 0.5), (0.9, 1.0)):
        for modality in ("rgb", "skeleton"):
            assert torch.equal(checked_sample(plain, 1, *look)[modality], checked_sample(cached, 1, *look)[modality])


def test_worker_processes_give_the_same_batches(toy: Path) -> None:
    requests = in_order(range(6), 4, 0.5, 0.5)
    batches = [
        [checked(batch) for batch in loader(Clips(Dataset(toy, ("skeleton",)), SMALL), requests, workers, pin=False)]
        for workers in (0, 1)
    ]
    for here, there in zip(*batches, strict=True):
        assert here.keys == there.keys
        assert torch.equal(here.inputs["skeleton"], there.inputs["skeleton"])


def test_a_payload_that_cannot_be_decoded_stops_with_its_key(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "0.0.1", toy_clips()[:3])
    dataset = Dataset(root, ("skeleton",))
    with (root / "skeleton-000000.tar").open("r+b") as tar:
        tar.seek(int(dataset.index["skeleton_offset"][1]))
        tar.write(b"not a zip file")
    for workers in (0, 1):
        batches = loader(Clips(dataset, SMALL), in_order([0, 1, 2], 3, 0.5, 0.5), workers, pin=False)
        with pytest.raises(UserError, match=f"{dataset.keys[1]}: its skeleton cannot be decoded"):
            [checked(batch) for batch in batches]


def test_centre_square_in_units_of_its_half_side() -> None:
    corners = np.array([[[8, 0, 1], [56, 48, 1], [32, 24, 1], [0, 0, 0]]], np.float32)
    found = normalised(corners, WIDTH, HEIGHT)
    assert found[0, :, 0, :2].tolist() == [[-1, -1], [1, 1], [0, 0], [0, 0]]


def test_squares_take_the_centre() -> None:
    frames = np.zeros((2, 48, 64, 3), np.uint8)
    frames[:, :, 8:56] = 200
    assert (squares(frames, 24) == 200).all()


def test_three_crops_are_both_ends_and_the_centre_of_the_longer_side() -> None:
    wide = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, None, :, None], (1, 48, 64, 3))  # its value is its x
    config = dataclasses.replace(SMALL, views=1, crops=3)
    columns = [squares(wide, 48, side)[0, 0, :, 0].tolist() for _, side in config.looks]
    assert columns == [list(range(48)), list(range(8, 56)), list(range(16, 64))]
    rows = [squares(np.moveaxis(wide, 1, 2), 48, side)[0, :, 0, 0].tolist() for _, side in config.looks]
    assert rows == columns
    (joint,) = np.array([[[16, 0, 1]]], np.float32)
    seen = [normalised(joint[None], WIDTH, HEIGHT, side)[0, 0, 0, :2].tolist() for _, side in config.looks]
    assert seen == [pytest.approx([x / 24 - 1, -1]) for x in (16, 8, 0)]


def checked_sample(clips: Clips, row: int, place: float, side: float = 0.5) -> dict[str, torch.Tensor]:
    (batch,) = loader(clips, [[Request(row, place, side)]], 0, pin=False)
    return {m: x[0] for m, x in checked(batch).inputs.items()}


def test_the_label_is_that_of_the_clip(toy: Path) -> None:
    clips = Clips(Dataset(toy, ("skeleton",)), SMALL)
    names: list[Clip] = toy_clips()[:6]
    for row, clip in enumerate(names):
        active = torch.nonzero(clips.target(row)).flatten().tolist()
        assert active == {"wave": [2, 3], "kick": [13, 17], "bow": [9, 11]}[clip.activity]
    assert clips.layout == COCO_17
