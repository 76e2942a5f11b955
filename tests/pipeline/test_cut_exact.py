"""Exact frames from files as cameras and editors write them. A frame is told by its brightness, 8 for each step."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from pipeline import media, sections
from pipeline.remote import NotInParts

STEP = 8
COUNT = 30
FPS = 10


def picture(number: int) -> np.ndarray:
    """A frame [48, 64, 3] of one brightness, with a white corner at the upper left."""
    frame = np.full((48, 64, 3), STEP * number, np.uint8)
    frame[:8, :8] = 255
    return frame


def numbers(path: Path, start: float, end: float) -> list[int]:
    """Which frames `decode_spans` gives for [start, end), told by the middle of the picture."""
    found = media.decode_spans(path, [(start, end)])
    return [round(float(frame[20:28, 28:36].mean()) / STEP) for _, _, frame in found]


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def write(path: Path, times: list[Fraction], **options: str) -> Path:
    """A video with frame i shown from times[i], whatever the rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "4", "g": "8", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def steady() -> list[Fraction]:
    return [Fraction(number, FPS) for number in range(COUNT)]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("order", [{"bf": "0"}, {"bf": "3", "b_strategy": "0"}])
def test_every_segment_holds_exactly_its_frames(tmp_path: Path, ending: str, order: dict[str, str]) -> None:
    path = write(tmp_path / f"video.{ending}", steady(), **order)
    for first, last in itertools.combinations(range(0, COUNT, 4), 2):
        assert numbers(path, first / FPS, last / FPS) == list(range(first, last)), (first, last)


def test_segments_between_frames_and_at_both_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", steady(), bf="2")
    assert numbers(path, 0.31, 0.69) == [4, 5, 6]
    assert numbers(path, 0.30, 0.70) == [3, 4, 5, 6]
    assert numbers(path, 0.0, 0.05) == [0]
    assert numbers(path, 2.85, 9.0) == [29]
    assert numbers(path, 5.0, 9.0) == []


def test_a_variable_rate_is_cut_by_time_not_by_count(tmp_path: Path) -> None:
    gaps = [Fraction(gap, 1000) for gap in (40, 40, 200, 33, 500, 67)] * 5
    times = [Fraction(0), *itertools.accumulate(gaps[:-1])]
    path = write(tmp_path / "phone.mp4", times, bf="2")
    for start, end in [(0.0, 0.3), (0.28, 1.0), (0.9, 3.0), (2.0, 2.5)]:
        assert numbers(path, start, end) == [i for i, time in enumerate(times) if start <= float(time) < end]


@pytest.mark.parametrize("cut_at", [0.25, 0.9, 1.33])
def test_an_edit_list_hides_what_it_hides(tmp_path: Path, cut_at: float) -> None:
    """Trimmed without encoding: the file still holds frames before the cut, which no player shows."""
    whole = write(tmp_path / "whole.mp4", steady(), bf="2")
    path = tmp_path / "trimmed.mp4"
    ffmpeg("-ss", str(cut_at), "-i", whole, "-c", "copy", path)
    raw = tmp_path / "shown.raw"
    ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", raw)
    shown = np.fromfile(raw, np.uint8).reshape(-1, 48, 64)[:, 20:28, 28:36].mean(axis=(1, 2))
    found = numbers(path, 0.0, 9.0)
    np.testing.assert_allclose(np.array(found) * STEP, shown, atol=3)
    assert len(found) == len(shown)


@pytest.mark.parametrize(
    ("degrees", "size", "corner"),
    [(90, (64, 48), (-4, 4)), (180, (48, 64), (-4, -4)), (270, (64, 48), (4, -4))],
)
def test_a_turned_camera_is_turned_back(
    tmp_path: Path, degrees: int, size: tuple[int, int], corner: tuple[int, int]
) -> None:
    """ffmpeg turns the picture anticlockwise by the degrees that are written; so does a player."""
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(degrees), "-i", write(tmp_path / "flat.mp4", steady()), "-c", "copy", path)
    frames = [frame for _, _, frame in media.decode_spans(path, [(0.5, 0.8)])]
    assert len(frames) == 3
    for frame in frames:
        assert frame.shape == (*size, 3)
        assert frame[corner].min() > 200 > frame[-corner[0] - 1, -corner[1] - 1].max()
    info = media.probe(path)
    assert isinstance(info, media.VideoInfo) and (info.height, info.width) == size


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    flat = write(tmp_path / "flat.mp4", steady())
    ffmpeg("-i", flat, "-c", "copy", "-bsf:v", "h264_metadata=sample_aspect_ratio=2/1", path)
    frames = [frame for _, _, frame in media.decode_spans(path, [(0.5, 0.8)])]
    assert [frame.shape for frame in frames] == [(48, 128, 3)] * 3
    assert frames[0][4, 14].min() > 200 > frames[0][4, 20].max()


def files(folder: Path) -> Iterator[Path]:
    """One of each kind: B-frames and none, three containers, a variable rate, an edit list, turned and wide pixels."""
    yield write(folder / "b.mp4", steady(), bf="3", b_strategy="0")
    yield write(folder / "b.ts", steady(), bf="3", b_strategy="0")
    yield write(folder / "plain.mkv", steady(), bf="0")
    gaps = [Fraction(gap, 1000) for gap in (40, 40, 200, 33, 500, 67)] * 5
    yield write(folder / "variable.mp4", [Fraction(0), *itertools.accumulate(gaps[:-1])], bf="2")
    flat = folder / "b.mp4"
    wide = ("-bsf:v", "h264_metadata=sample_aspect_ratio=2/1")
    for name, before, after in (
        ("edited", ("-ss", "0.9"), ()),
        ("turned", ("-display_rotation", "90"), ()),
        ("wide", (), wide),
    ):
        ffmpeg(*before, "-i", flat, "-c", "copy", *after, folder / f"{name}.mp4")
        yield folder / f"{name}.mp4"


def test_sections_of_a_file_hold_the_same_frames_at_the_same_times(tmp_path: Path) -> None:
    for path in files(tmp_path):
        spans = [(0.31, 0.7), (1.2, 1.3), (1.55, 1.9)]
        part = tmp_path / f"{path.name}.sections.mp4"
        with path.open("rb") as whole:
            fps = sections.copy(whole, spans, part)
        found, expected = (list(media.decode_spans(file, spans)) for file in (part, path))
        assert [(number, time) for number, time, _ in found] == [(number, time) for number, time, _ in expected], path
        assert all(np.array_equal(a, b) for (_, _, a), (_, _, b) in zip(found, expected, strict=True)), path
        assert {number for number, _, _ in found} >= {0, 2}
        with av.open(str(path)) as container:
            assert fps == pytest.approx(float(container.streams.video[0].average_rate))


def test_packets_without_a_time_are_not_taken_apart(tmp_path: Path) -> None:
    """Matroska does not say when a frame is decoded; with B-frames that cannot be told from when it is shown."""
    path = write(tmp_path / "b.mkv", steady(), bf="3", b_strategy="0")
    with path.open("rb") as whole, pytest.raises(NotInParts):
        sections.copy(whole, [(1.2, 1.3)], tmp_path / "part.mp4")
