"""Files as strangers send them: a reason, nothing else read or written, and soon."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import media
from pipeline.errors import Failure, Reason

FINE = "fine.mp4"


@pytest.fixture
def folder(tmp_path: Path, small_video: Path) -> Path:
    (tmp_path / FINE).write_bytes(small_video.read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {other}\n",
        "<?xml version='1.0'?><MPD type='static'><Period><BaseURL>{other}</BaseURL></Period></MPD>",
    ],
)
def test_a_playlist_that_names_another_file_is_no_video(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text.format(other=folder / FINE))
    result = media.probe(folder / name)
    assert isinstance(result, Failure) and result.reason == Reason.NO_VIDEO


def patched(video: bytes, width: int, height: int) -> bytes:
    """The video with another size in its sample description (ISO 14496-12: avc1, 24 bytes on from its name)."""
    place = video.index(b"avc1", video.index(b"stsd")) + 28
    assert struct.unpack(">HH", video[place : place + 4]) == (64, 48)
    return video[:place] + struct.pack(">HH", width, height) + video[place + 4 :]


def test_a_giant_picture_in_the_header_is_refused_or_ignored(folder: Path, small_video: Path) -> None:
    path = folder / "giant.mp4"
    path.write_bytes(patched(small_video.read_bytes(), 65_535, 65_535))
    result = media.probe(path)
    if isinstance(result, Failure):
        assert result.reason in (Reason.TOO_LARGE, Reason.DECODE_ERROR)
    else:
        assert result.height == 48 and result.width < 100  # the stream's own header was believed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_video_gives_facts_or_a_failure(folder: Path, small_video: Path, data: st.DataObject) -> None:
    content = bytearray(small_video.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(content)))
    path = folder / "damaged.mp4"
    path.write_bytes(bytes(content[:length]))
    result = media.probe(path)
    assert isinstance(result, media.VideoInfo | Failure)
    if isinstance(result, media.VideoInfo):
        assert 0 < result.width * result.height <= media.MAX_PIXELS and result.fps > 0


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_facts_or_a_failure(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "any.mp4"
    path.write_bytes(content)
    assert isinstance(media.probe(path), Failure)


def test_a_decoder_that_gives_up_raises_what_the_stages_catch(folder: Path, small_video: Path) -> None:
    content = small_video.read_bytes()
    place = content.index(b"mdat") + 8
    (folder / "noise.mp4").write_bytes(content[:place] + bytes(len(content) - place))
    try:
        frames = list(media.decode(folder / "noise.mp4"))
    except av.error.FFmpegError:
        return
    assert len(frames) < 60


def test_thousands_of_streams_are_facts_or_a_failure(folder: Path, small_video: Path) -> None:
    """The track's box (ISO 14496-12) three thousand times over in the movie's."""
    content = small_video.read_bytes()
    movie, track = content.index(b"moov") - 4, content.index(b"trak") - 4
    movie_size, track_size = (struct.unpack(">I", content[at : at + 4])[0] for at in (movie, track))
    copies = content[track : track + track_size] * 3000
    path = folder / "many.mp4"
    path.write_bytes(
        content[:movie]
        + struct.pack(">I", movie_size + len(copies))
        + content[movie + 4 : track]
        + copies
        + content[track:]
    )
    assert isinstance(media.probe(path), media.VideoInfo | Failure)


def test_a_day_long_video_costs_only_what_is_asked_of_it(folder: Path) -> None:
    path = folder / "day.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in (0, 1, 2, 86_399):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 80, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number * 1000, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    info = media.probe(path)
    assert isinstance(info, media.VideoInfo) and info.duration > 86_000
    assert len(list(media.decode_spans(path, [(0.0, 2.5), (40_000.0, 40_010.0)]))) == 3
