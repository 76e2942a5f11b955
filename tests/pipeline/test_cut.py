"""Cutting, judged by the pictures: frame i of the small video has brightness 4 i, so a clip shows its frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from annotations.tables import Segment
from pipeline.config import CutConfig
from pipeline.cut import cut
from pipeline.errors import Failure, Reason
from pipeline.records import Clip, Video, file_sha256


def brightness(path: Path) -> list[int]:
    """Which frame of the small video each frame of a clip is; the way through YUV and back costs up to 2 levels."""
    with av.open(str(path)) as container:
        levels = [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]
    return [round((level + 1) / 4) for level in levels]


@pytest.fixture
def video(small_video: Path, tmp_path: Path) -> Video:
    (tmp_path / "videos").mkdir()
    shutil.copy(small_video, tmp_path / "videos" / "v.mp4")
    return Video("v", "videos/v.mp4", file_sha256(small_video), small_video.stat().st_size, 64, 48, 20.0, 3.0)


def cut_one(video: Video, wanted: Segment, work: Path, config: CutConfig) -> Clip | Failure:
    (result,) = cut(video, [wanted], work, config).values()
    return result


def segment(start: float, end: float) -> Segment:
    return Segment(source="v", start=start, end=end, activity="squat")


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [
        (0.0, 3.0, range(60)),
        (0.0, 1.0, range(20)),
        (1.0, 2.0, range(20, 40)),  # [start, end): neighbours share no frame
        (1.01, 1.99, range(21, 40)),
        (2.9, 3.0, range(58, 60)),
    ],
)
def test_a_clip_holds_exactly_the_frames_of_its_segment(
    video: Video, tmp_path: Path, start: float, end: float, frames: range
) -> None:
    clip = cut_one(video, segment(start, end), tmp_path, CutConfig(crf=0))
    assert isinstance(clip, Clip)
    assert brightness(tmp_path / clip.path) == list(frames)
    assert (clip.frames, clip.width, clip.height, clip.fps) == (len(frames), 64, 48, 20.0)
    assert clip.sha256 == file_sha256(tmp_path / clip.path)


def test_large_videos_are_scaled_by_the_shorter_side(video: Video, tmp_path: Path) -> None:
    clip = cut_one(video, segment(0, 1), tmp_path, CutConfig(short_side=32))
    assert isinstance(clip, Clip) and (clip.width, clip.height) == (42, 32)
    with av.open(str(tmp_path / clip.path)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (42, 32)


@pytest.mark.parametrize(
    ("start", "end", "config", "reason", "words"),
    [
        (2.0, 4.0, CutConfig(), Reason.TOO_SHORT, "the segment ends at 4 s, the video at 3.00 s"),
        (0.0, 3.0, CutConfig(max_seconds=2), Reason.TOO_LARGE, "cut.max_seconds is 2"),
        (1.0, 1.05, CutConfig(), Reason.TOO_SHORT, "1 frames; cut.min_frames is 2"),
    ],
)
def test_a_segment_that_cannot_be_cut_has_its_reason(
    video: Video, tmp_path: Path, start: float, end: float, config: CutConfig, reason: Reason, words: str
) -> None:
    result = cut_one(video, segment(start, end), tmp_path, config)
    assert isinstance(result, Failure)
    assert (result.reason, words in result.detail) == (reason, True), result.detail
    assert not list((tmp_path / "clips").glob("*"))


def test_a_video_that_ends_early_is_truncated(small_video: Path, tmp_path: Path) -> None:
    data = small_video.read_bytes()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "v.mp4").write_bytes(data[: len(data) * 2 // 3])  # header first, so it still opens
    video = Video("v", "videos/v.mp4", "0" * 64, 1, 64, 48, 20.0, 3.0)
    result = cut_one(video, segment(0, 3), tmp_path, CutConfig())
    assert isinstance(result, Failure) and result.reason in (Reason.TRUNCATED, Reason.DECODE_ERROR)


def test_equal_segments_give_equal_bytes(video: Video, tmp_path: Path) -> None:
    first = cut_one(video, segment(0.5, 2.5), tmp_path, CutConfig())
    second = cut_one(video, segment(0.5, 2.5), tmp_path, CutConfig())
    assert isinstance(first, Clip) and first == second


def test_all_segments_of_a_video_in_one_pass(video: Video, tmp_path: Path) -> None:
    wanted = [segment(2.5, 2.75), segment(0.25, 0.75), segment(0.75, 1.0), segment(2.75, 9.0)]
    results = cut(video, wanted, tmp_path, CutConfig(crf=0))
    assert len(results) == 4
    held = {key: brightness(tmp_path / r.path) for key, r in results.items() if isinstance(r, Clip)}
    assert held == {
        "v-0002500-0002750": list(range(50, 55)),
        "v-0000250-0000750": list(range(5, 15)),
        "v-0000750-0001000": list(range(15, 20)),
    }
    assert isinstance(results["v-0002750-0009000"], Failure)
