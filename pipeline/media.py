"""Video in and out: probe and decode with PyAV, encode with the ffmpeg binary of imageio-ffmpeg.

Frames are uint8 RGB arrays [H, W, 3] as a player shows them: rotated as the metadata says, with square pixels.
Times are seconds from the start of the file (the container's start time is 0).
"""

from __future__ import annotations

import errno
import io
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np

from pipeline.errors import Failure, Reason

MAX_PIXELS = 7680 * 4320
"""Larger pictures than 8K are refused before anything is decoded."""

FORMATS = "mov,matroska,webm,mpegts,avi,flv,mpeg,ogg,asf"
"""Containers that are read (libavformat names). Playlists and other formats that name further files are not."""

X264_PRESET = "fast"

SEEK_WITHOUT_INDEX_S = 5.0
"""In a file without an index, a gap of more seconds than this is skipped by seeking."""


@dataclass(frozen=True)
class VideoInfo:
    """What `probe` finds: displayed size in pixels, mean frames per second, seconds (0 if the file does not say)."""

    width: int
    height: int
    fps: float
    duration: float


def probe(path: Path) -> VideoInfo | Failure:
    """Reads the header and decodes one frame, so that a file that is no video fails here with its reason."""
    try:
        with open_video(path) as container:
            if not container.streams.video:
                return Failure(Reason.NO_VIDEO, f"{path.name}: no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                return Failure(Reason.NO_VIDEO, f"{path.name}: a codec that is not known")
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                return Failure(Reason.TOO_LARGE, f"{path.name}: {stream.width}x{stream.height} pixels")
            first = next(container.decode(stream), None)
            if first is None:
                return Failure(Reason.TRUNCATED, f"{path.name}: no frame can be decoded")
            width, height = _displayed_size(first, stream)
            if width * height > MAX_PIXELS:
                return Failure(Reason.TOO_LARGE, f"{path.name}: {width}x{height} pixels as displayed")
            return VideoInfo(width, height, float(frame_rate(stream)), _seconds(container, stream))
    except (av.error.InvalidDataError, av.error.EOFError, av.error.ArgumentError) as error:
        return Failure(Reason.NO_VIDEO, f"{path.name}: {error}")
    except av.error.FFmpegError as error:
        return Failure(Reason.DECODE_ERROR, f"{path.name}: {error}")


def open_video(file: Path | io.RawIOBase | BinaryIO) -> av.container.InputContainer:
    """Opens a file that a stranger may have made: real video containers only, and nothing that it points to."""
    return av.open(
        str(file) if isinstance(file, Path) else file,
        "r",
        metadata_errors="replace",
        container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
    )


def _seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """End of the video stream, which may differ from the end of the sound."""
    if stream.duration and stream.time_base:
        end = ((stream.start_time or 0) + stream.duration) * stream.time_base
        return float(end) - (container.start_time or 0) / av.time_base
    return container.duration / av.time_base if container.duration else 0.0


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Mean rate of a stream in frames per second; 25 where the file does not say."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return Fraction(rate).limit_denominator(100_000)


def fit(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Even size with the same aspect whose shorter side is at most `short_side` pixels."""
    scale = min(1.0, short_side / min(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def decode(path: Path, short_side: int | None = None) -> Iterator[tuple[float, np.ndarray]]:
    """Yields (time, frame) for all frames. Raises av.error.FFmpegError where the decoder gives up."""
    for _, time, frame in decode_spans(path, [(float("-inf"), float("inf"))], short_side):
        yield time, frame


def decode_spans(
    path: Path, spans: Sequence[tuple[float, float]], short_side: int | None = None
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Yields (number of the span, time, frame) for exactly the frames with start <= time < end of each span.

    `spans` are sorted and disjoint. One pass: between spans it seeks only where that skips a key frame, so no frame
    is decoded twice. Raises av.error.FFmpegError where the decoder gives up.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        reader = _Reader(container, stream)
        for number, (start, end) in enumerate(spans):
            for time, frame in reader.between(start, end):
                yield number, time, _display(frame, stream, short_side)


class _Reader:
    """Frames of one stream in order of time, with seeking that never misses one."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._container = container
        self._stream = stream
        self._origin = (container.start_time or 0) / av.time_base
        # Time stamps are multiples of a coarse time base: a frame meant for `start` may carry a slightly
        # smaller number, so half a tick of tolerance on both ends keeps neighbouring spans disjoint.
        self._slack = float(stream.time_base or 0) / 2
        self._frames = container.decode(stream)
        self._ahead: av.VideoFrame | None = None
        self._position = 0.0

    def between(self, start: float, end: float) -> Iterator[tuple[float, av.VideoFrame]]:
        if self._pays_to_seek(start):
            self._seek(start)
        while (frame := self._next()) is not None:
            if self._position >= end - self._slack:
                self._ahead = frame
                return
            if self._position >= start - self._slack:
                yield self._position, frame

    def _next(self) -> av.VideoFrame | None:
        frame, self._ahead = self._ahead or next(self._frames, None), None
        if frame is not None:
            self._position = (frame.time or 0.0) - self._origin
        return frame

    def _pays_to_seek(self, start: float) -> bool:
        """Whether a key frame lies between here and `start`; by distance where the file has no index."""
        entries = self._stream.index_entries
        if len(entries) < 2 or self._stream.time_base is None or start == float("-inf"):
            return start - self._position > SEEK_WITHOUT_INDEX_S
        nearest = entries.search_timestamp(self._ticks(start))
        if nearest < 0:
            return False
        return float(entries[nearest].timestamp * self._stream.time_base) - self._origin > self._position

    def _seek(self, start: float) -> None:
        """Goes to a frame at or before `start`. A key frame's decoding time may lie before `start` and its
        showing time after it (B-frames), and some containers seek late: then an earlier one is tried."""
        back = 0.0
        while True:
            target = start - back
            self._container.seek(self._ticks(target), stream=self._stream)
            self._frames, self._ahead = self._container.decode(self._stream), None
            self._ahead = self._next()
            arrived = self._ahead is not None and self._position <= start + self._slack
            if arrived or target < 0:
                return
            back = 4 * back + 1.0

    def _ticks(self, time: float) -> int:
        return int((time + self._origin) / (self._stream.time_base or 1))


def decode_video(data: bytes, frames: Sequence[int] | None = None) -> np.ndarray:
    """Frames of a video in memory, uint8 RGB [T, H, W, 3], as `decode` shows them; all, or those asked for.

    `frames` are numbers from 0 in the order of showing, in any order, also repeated. Only what lies between a
    key frame and a frame that is asked for is decoded. Raises IndexError for a frame that the video does not
    have, av.error.FFmpegError for bytes that are no video or cannot be decoded.
    """
    with open_video(io.BytesIO(data)) as container:
        stream = _video_stream(container)
        return np.stack([_display(frame, stream, None) for frame in _numbered(container, stream, frames)])


def decode_grey(data: bytes, frames: Sequence[int] | None = None) -> np.ndarray:
    """As `decode_video`, for what `encode` wrote with `grey`: uint8 [T, H, W]."""
    with open_video(io.BytesIO(data)) as container:
        shown = _numbered(container, _video_stream(container), frames)
        # The decoder hands monochrome out as 4:2:0; its luma comes first, row by row.
        return np.stack([frame.to_ndarray()[: frame.height] for frame in shown])


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise av.error.InvalidDataError(errno.EINVAL, "no video stream")
    stream = container.streams.video[0]
    stream.thread_count = 1
    return stream


def _numbered(
    container: av.container.InputContainer, stream: av.VideoStream, numbers: Sequence[int] | None
) -> Iterator[av.VideoFrame]:
    if numbers is None:
        return container.decode(stream)
    packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    times = sorted(packet.pts or 0 for packet in packets if not packet.is_discard)
    if len(numbers) and not 0 <= min(numbers) <= max(numbers) < len(times):
        raise IndexError(f"frames {min(numbers)} to {max(numbers)} of a video with {len(times)}")
    found: dict[int, av.VideoFrame] = {}
    start, decoded = -1, container.decode(stream)
    wanted = {times[number] for number in numbers}  # no other frame needs one that is disposable
    for number in sorted(set(numbers)):
        time = times[number]
        key = max((i for i, p in enumerate(packets) if p.is_keyframe and (p.pts or 0) <= time), default=0)
        if key != start:
            needed = [p for p in packets[key:] if p.pts in wanted or not _is_disposable(p, stream)]
            start, decoded = key, _decoded(stream, needed)
        frame = next((frame for frame in decoded if frame.pts == time), None)
        if frame is None:
            raise av.error.InvalidDataError(errno.EINVAL, f"frame {number} cannot be decoded")
        found[number] = frame
    return (found[number] for number in numbers)


def _is_disposable(packet: av.Packet, stream: av.VideoStream) -> bool:
    """Whether no other frame is predicted from this one: nal_ref_idc is 0 in its slices (H.264, clause 7.4.1).

    False for what is no H.264 in mp4 with lengths of four bytes.
    """
    described = stream.codec_context.extradata or b""
    if stream.codec_context.name != "h264" or described[:1] != b"\x01" or described[4] & 3 != 3:
        return False
    data, place = bytes(packet), 0
    while place + 4 < len(data):
        header = data[place + 4]
        if header & 31 in (1, 5):
            return header >> 5 & 3 == 0
        place += 4 + int.from_bytes(data[place : place + 4])
    return False


def _decoded(stream: av.VideoStream, packets: list[av.Packet]) -> Iterator[av.VideoFrame]:
    stream.codec_context.flush_buffers()
    for packet in [*packets, None]:
        yield from stream.codec_context.decode(packet)


def _displayed_size(frame: av.VideoFrame, stream: av.VideoStream) -> tuple[int, int]:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if frame.rotation % 180 else (width, height)


def _display(frame: av.VideoFrame, stream: av.VideoStream, short_side: int | None) -> np.ndarray:
    width, height = _displayed_size(frame, stream)
    if short_side is not None:
        width, height = fit(width, height, short_side)
    turned = frame.rotation % 180 != 0
    stored = (height, width) if turned else (width, height)
    image = frame.to_ndarray(format="rgb24", width=stored[0], height=stored[1], interpolation="AREA", threads=1)
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90))) if frame.rotation else image


class EncodeError(Exception):
    """ffmpeg refused the frames; the message is its own."""


def encode(
    frames: Iterable[np.ndarray], path: Path, fps: float | Fraction, *, crf: int, gop: int, grey: bool = False
) -> int:
    """Writes frames ([H, W, 3] RGB, or [H, W] with `grey`; even sizes) as H.264 in mp4; returns how many.

    One encoder thread and no dates, so that equal frames give equal bytes. Grey frames are stored full-range, 8 bit,
    without chroma. Raises EncodeError with ffmpeg's words, OSError if the disk is full.
    """
    process: subprocess.Popen[bytes] | None = None
    count = 0
    try:
        for frame in frames:
            if process is None:
                process = _encoder(path, frame.shape[1], frame.shape[0], Fraction(fps), crf, gop, grey)
            assert process.stdin is not None
            process.stdin.write(np.ascontiguousarray(frame).data)
            count += 1
    except BrokenPipeError:
        pass  # ffmpeg stopped reading; its exit code and words say why
    except BaseException:
        if process is not None:
            process.kill()
            process.communicate()
        raise
    if process is not None:
        _, words = process.communicate()
        if process.returncode:
            message = words.decode(errors="replace").strip()
            if "No space left" in message:
                raise OSError(28, message)
            raise EncodeError(message)
    return count


def _encoder(
    path: Path, width: int, height: int, fps: Fraction, crf: int, gop: int, grey: bool
) -> subprocess.Popen[bytes]:
    rate = str(fps.limit_denominator(100_000))
    source = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="gray" if grey else "rgb24", s=f"{width}x{height}", framerate=rate
    )
    command = source.output(
        str(path),
        format="mp4",
        vcodec="libx264",
        pix_fmt="gray" if grey else "yuv420p",
        preset=X264_PRESET,
        crf=crf,
        g=gop,
        threads=1,
        fflags="+bitexact",
        movflags="+faststart",
        **{"flags:v": "+bitexact", "video_track_timescale": 90_000},
    )
    arguments = command.global_args("-hide_banner", "-loglevel", "error", "-nostdin", "-y").compile(
        cmd=imageio_ffmpeg.get_ffmpeg_exe()
    )
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
