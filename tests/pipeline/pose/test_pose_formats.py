"""Skeletons survive the way to other tools' formats and back; a pickle that would run code is refused."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ConfigError, SkeletonConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.pose import formats
from pipeline.pose.codec import Skeleton
from pipeline.pose.estimate import estimator
from pipeline.pose.layouts import COCO_17
from pipeline.pose.people import link


def skeleton() -> Skeleton:
    """Four frames of somebody who is not seen in the third."""
    random = np.random.default_rng(0)
    joints = random.uniform(0.3, 1, (4, 17, 3)).astype(np.float32)
    joints[..., :2] *= 200
    found = np.array([True, True, False, True])
    joints[2] = 0
    boxes = np.concatenate([joints[..., :2].min(1), joints[..., :2].max(1)], axis=1)
    none = np.zeros(4, bool)
    return Skeleton(joints, boxes, found, none, "coco-17", "movenet", "ab" * 32, people=1)


def test_alphapose_results_come_back_as_a_backend(tmp_path: Path) -> None:
    ours = skeleton()
    (tmp_path / "clip.json").write_text(json.dumps(formats.to_alphapose(ours)))
    config = SkeletonConfig(backend="alphapose-json", results=str(tmp_path), max_gap=0)
    frames = np.zeros((4, 240, 320, 3), np.uint8)
    again = estimator(config)(frames, 30.0, "clip")
    assert isinstance(again, Skeleton)
    np.testing.assert_array_equal(again.joints, ours.joints)
    np.testing.assert_allclose(again.boxes, ours.boxes, atol=1e-4)
    assert again.found.tolist() == [True, True, False, True] and again.backend == "alphapose-json"
    nobody = estimator(config)(frames, 30.0, "another-clip")
    assert nobody == Failure(Reason.NO_PERSON, "found in 0 of 4 frames")


def test_results_of_more_frames_than_the_clip_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(formats.to_alphapose(skeleton())))
    with pytest.raises(UserError, match=r"3\.jpg"):
        formats.read_alphapose(path, 3, COCO_17)


def test_coco_key_points_come_back() -> None:
    ours = skeleton()
    data = json.loads(json.dumps(formats.to_coco({"a": ours}, COCO_17, {"a": (320, 240)})))
    assert data["categories"][0]["keypoints"][0] == "nose" and [16, 14] in data["categories"][0]["skeleton"]
    assert len(data["images"]) == 4 and len(data["annotations"]) == 3
    joints, found = formats.from_coco(data, "a", COCO_17)
    np.testing.assert_allclose(joints, ours.joints, rtol=1e-6)
    np.testing.assert_array_equal(found, ours.found)


def test_pyskl_reads_plain_pickle_and_comes_back() -> None:
    data = formats.to_pyskl({"a": skeleton()}, {"a": 7}, {"train": ["a"]}, {"a": (320, 240)})
    plain = pickle.loads(data)
    assert plain["split"] == {"train": ["a"]}
    entry = plain["annotations"][0]
    assert (entry["label"], entry["total_frames"], entry["img_shape"]) == (7, 4, (240, 320))
    assert entry["keypoint"].shape == (1, 4, 17, 2) and entry["keypoint_score"].shape == (1, 4, 17)
    np.testing.assert_array_equal(formats.from_pyskl(data)["a"], skeleton().joints)


class Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("was-run",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="mkdir"):
        formats.from_pyskl(pickle.dumps({"annotations": [Evil()]}))
    assert not (tmp_path / "was-run").exists()


def test_alphapose_needs_weights_and_their_digest() -> None:
    with pytest.raises(ConfigError, match="weights_sha256"):
        SkeletonConfig(backend="alphapose", weights="net.pth")


def test_people_that_alphapose_has_tracked_keep_their_numbers(tmp_path: Path) -> None:
    """Two people who change places between two frames: by distance each would be taken for the other."""
    left, right = (np.concatenate([np.full((17, 2), at), np.ones((17, 1))], axis=1) for at in (20.0, 60.0))
    left[:5, :2] -= 10
    right[:5, :2] += 10
    placed = [("a", left, 1), ("a", right, 2), ("b", left, 2), ("b", right, 1)]
    entries = [
        {"image_id": f"{'ab'.index(frame)}.jpg", "keypoints": joints.ravel().tolist(), "idx": number}
        for frame, joints, number in placed
    ]
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(entries))
    tracks = link(formats.read_alphapose(path, 2, COCO_17))
    assert sorted(tuple(float(track[t].joints[8, 0]) for t in (0, 1)) for track in tracks) == [(20, 60), (60, 20)]


def test_results_that_cannot_be_read_are_that_clips_failure(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps([{"image_id": "0.jpg", "keypoints": [1.0] * 51}]))
    (tmp_path / "bad.json").write_text("[")
    config = SkeletonConfig(backend="alphapose-json", results=str(tmp_path))
    failure = estimator(config)(np.zeros((1, 8, 8, 3), np.uint8), 10.0, "bad")
    assert isinstance(failure, Failure) and failure.reason == Reason.DECODE_ERROR
    assert "bad.json: no AlphaPose results" in failure.detail


def test_results_of_a_run_that_did_not_track_are_linked_by_place(tmp_path: Path) -> None:
    """Without its tracker AlphaPose gives everybody the same idx, and lists people in any order."""
    left, right = (np.concatenate([np.full((17, 2), at), np.ones((17, 1))], axis=1) for at in (20.0, 60.0))
    left[:5, :2] -= 10
    right[:5, :2] += 10
    entries = [
        {"image_id": f"{frame}.jpg", "keypoints": joints.ravel().tolist(), "idx": [0.0]}
        for frame, joints in ((0, left), (0, right), (1, right), (1, left))
    ]
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(entries))
    tracks = link(formats.read_alphapose(path, 2, COCO_17))
    assert sorted(tuple(float(track[t].joints[8, 0]) for t in (0, 1)) for track in tracks) == [(20, 20), (60, 60)]


@pytest.mark.parametrize(
    "entry",
    [
        {"image_id": "0.jpg", "keypoints": None},
        {"image_id": "7.jpg", "keypoints": [1.0] * 51},
        {"image_id": "0.jpg", "keypoints": [1.0] * 51, "box": [float("nan")] * 4},
        5,
    ],
)
def test_an_entry_that_is_not_alphaposes_is_named_with_its_file(tmp_path: Path, entry: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    (tmp_path / "b.json").write_text(json.dumps([{"image_id": "0.jpg", "keypoints": [1.0] * 51}]))
    config = SkeletonConfig(backend="alphapose-json", results=str(tmp_path))
    failure = estimator(config)(np.zeros((1, 8, 8, 3), np.uint8), 10.0, "a")
    assert isinstance(failure, Failure) and failure.reason == Reason.DECODE_ERROR
    assert "a.json" in failure.detail
