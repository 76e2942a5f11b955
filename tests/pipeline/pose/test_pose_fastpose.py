"""FastPose against figures of the official implementation, crops and joints against places that are known.

The figures are for weights and input of `recipe.py`, from AlphaPose at commit c60106d, configuration
256x192_res50_lr1e-3_1x: first and last values, mean and largest of intermediate outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import SkeletonConfig
from pipeline.errors import UserError
from pipeline.pose import crops
from pipeline.pose.backends import backend, check
from pipeline.pose.fastpose import HEATMAP, INPUT, FastPose, load
from pipeline.pose.nms import suppress
from pipeline.pose.people import Person
from pipeline.records import file_sha256

sys.path.insert(0, str(Path(__file__).parents[2] / "training" / "models"))

import recipe

FIRST = [0.23932145, 0.07300084, 0.0, 0.03526928, 0.19727267, 0.14519243, 0.0, 0.05883842]
LAST = [0.19205143, 0.54298711, 0.44184649, 0.13767181, 0.45801225, 0.41395125, 0.39705241, 0.0]
MEAN, LARGEST = 0.20202220527520412, 2.8267295360565186
OFFICIAL = Path(__file__).parents[4] / "shared" / "parity" / "fastpose_res50"


@pytest.fixture(scope="module")
def network() -> FastPose:
    network = FastPose().eval()
    recipe.fill(network)
    return network


@torch.no_grad()
def test_the_official_function_is_computed(network: FastPose) -> None:
    features = network.features(recipe.model_input("fastpose_res50", (1, 3, 256, 192))).numpy()
    values = features.ravel()
    np.testing.assert_allclose(values[:8], FIRST, atol=1e-5)
    np.testing.assert_allclose(values[-8:], LAST, atol=1e-5)
    assert values.mean() == pytest.approx(MEAN, rel=1e-5) and values.max() == pytest.approx(LARGEST, rel=1e-5)
    heatmaps = network.conv_out(torch.from_numpy(features)).numpy()
    assert heatmaps.shape == (1, 17, *reversed(HEATMAP))
    if OFFICIAL.is_dir():
        theirs = np.load(OFFICIAL / "logits.npy")
        assert np.abs(heatmaps - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_size_and_names_are_the_published_ones(network: FastPose) -> None:
    state = network.state_dict()
    assert len(state) == 348
    assert sum(weight.numel() for weight in network.parameters()) == 40_577_745
    assert state["preact.layer1.0.se.fc.0.weight"].shape == (256, 256)
    assert state["duc1.conv.weight"].shape == (1024, 512, 3, 3)


def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"net\.pth") as refusal:
        load(tmp_path / "net.pth", torch.device("cpu"))
    assert "\n" not in str(refusal.value)


def test_a_dot_in_the_frame_comes_back_from_crop_and_heatmap() -> None:
    """A bright square is found in the crop by its centre of mass, and taken back to the frame."""
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[100:104, 60:64] = 255
    place = crops.regions(np.array([[20.0, 40, 100, 200]]), INPUT[0] / INPUT[1])
    picture = crops.crop(frame, place[0], INPUT)[0] + crops.MEANS[0]
    y, x = np.indices(picture.shape)
    centre = np.array([(x * picture).sum(), (y * picture).sum()]) / picture.sum()
    back = crops.to_frame(np.array([[[*centre, 1.0]]]), place, INPUT)
    np.testing.assert_allclose(back[0, 0, :2], [62, 102], atol=0.1)


def test_argmax_moves_a_quarter_towards_the_larger_neighbour() -> None:
    heatmaps = np.zeros((1, 1, 64, 48), np.float32)
    heatmaps[0, 0, 20, 10], heatmaps[0, 0, 20, 11], heatmaps[0, 0, 19, 10] = 0.9, 0.5, 0.4
    np.testing.assert_allclose(crops.argmax(heatmaps)[0, 0], [10.25, 19.75, 0.9])


def test_integral_finds_a_place_between_cells() -> None:
    heatmaps = np.full((1, 1, 64, 48), -40.0, np.float32)
    heatmaps[0, 0, 20, 10] = heatmaps[0, 0, 20, 11] = 3.0
    np.testing.assert_allclose(crops.integral(heatmaps)[0, 0], [10.5, 20, 1 / (1 + np.exp(-3))], atol=1e-4)


def someone(x: float, score: float) -> Person:
    joints = np.stack([np.linspace(x, x + 40, 17), np.linspace(0, 100, 17), np.full(17, score)], axis=1)
    return Person(joints, np.array([x, 0, x + 40, 100]))


def test_two_readings_of_one_person_become_one_and_neighbours_stay_two() -> None:
    sure, again, other = someone(0, 0.9), someone(3, 0.6), someone(80, 0.8)
    kept = suppress([again, sure, other])
    assert len(kept) == 2
    assert kept[0].joints[0, 0] == pytest.approx(0.4 * 3) and kept[1] is other


def test_a_checkpoint_and_boxes_of_a_file_give_skeletons(network: FastPose, tmp_path: Path) -> None:
    """Random weights find nothing, but every box becomes a person, whatever batch it is in."""
    torch.save(network.state_dict(), tmp_path / "net.pth")
    (tmp_path / "clip.json").write_text("[[[10, 20, 60, 200]], [], [[10, 20, 60, 200], [150, 30, 200, 220]]]")
    config = SkeletonConfig(
        backend="alphapose",
        weights=str(tmp_path / "net.pth"),
        weights_sha256=file_sha256(tmp_path / "net.pth"),
        boxes=str(tmp_path),
    )
    frames = np.full((3, 240, 320, 3), 90, np.uint8)
    people = backend(config).people(frames, "clip")
    assert [len(found) for found in people] == [1, 0, 2]
    np.testing.assert_allclose(people[0][0].joints, people[2][0].joints, atol=0.3)
    assert all(np.ptp(person.joints[:, 0]) <= 1.25 * 143 for found in people for person in found)


def test_a_checkpoint_with_another_digest_is_refused(network: FastPose, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"something else")
    config = SkeletonConfig(backend="alphapose", weights=str(tmp_path / "net.pth"), weights_sha256="0" * 64)
    with pytest.raises(UserError, match="SHA-256"):
        backend(config)


@pytest.mark.parametrize(
    ("boxes", "words"),
    [("nowhere", "nowhere"), ("os:nowhere", "nowhere"), ("os:sep", "no function"), (".relative:boxes", "relative")],
)
def test_boxes_from_nowhere_are_told_before_the_run(network: FastPose, tmp_path: Path, boxes: str, words: str) -> None:
    weights = tmp_path / "net.pth"
    torch.save(network.state_dict(), weights)
    with pytest.raises(UserError, match=words):
        check(SkeletonConfig("alphapose", str(weights), file_sha256(weights), boxes=boxes))


def test_a_file_that_is_no_checkpoint_is_told_before_the_run(tmp_path: Path) -> None:
    weights = tmp_path / "net.pth"
    weights.write_bytes(b"no network")
    with pytest.raises(UserError, match="no checkpoint"):
        check(SkeletonConfig("alphapose", str(weights), file_sha256(weights)))


@pytest.mark.parametrize("boxes", ["[[[10, 20, 10, 200]]]", "[[[NaN, 20, 60, 200]]]", "[[[10, 20, 60]]]", "[["])
def test_boxes_that_cannot_be_are_named_with_their_file(network: FastPose, tmp_path: Path, boxes: str) -> None:
    weights = tmp_path / "net.pth"
    torch.save(network.state_dict(), weights)
    (tmp_path / "clip.json").write_text(boxes)
    config = SkeletonConfig("alphapose", str(weights), file_sha256(weights), boxes=str(tmp_path))
    with pytest.raises(UserError, match=r"clip\.json"):
        backend(config).people(np.zeros((1, 240, 320, 3), np.uint8), "clip")
