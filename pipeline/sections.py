"""Sections: those parts of a remote video that some spans of time need, as one file with the video's own times.

The file is opened where it lies, so its own index says which blocks of it hold a span, and no others are asked for.
Packets are copied as they are: a frame keeps its time, and cutting this file gives the frames that the whole would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile
from pathlib import Path
from typing import BinaryIO

import av

from pipeline import media
from pipeline.remote import NotInParts, RemoteFile


def copy(remote: RemoteFile | BinaryIO, spans: Sequence[tuple[float, float]], path: Path) -> float:
    """Writes the packets that the frames of the spans [start, end) in seconds need to `path`, as MP4; returns the
    video's mean frames per second. Raises NotInParts, and what `remote` raises."""
    try:
        with media.open_video(remote) as source:
            if not source.streams.video:
                raise NotInParts("no video stream")
            stream = source.streams.video[0]
            with _writer(path, stream) as target:
                copied = target.add_stream_from_template(stream)
                for packet in _packets(source, stream, spans):
                    packet.stream = copied
                    target.mux(packet)
            return float(media.frame_rate(stream))
    except (av.error.FFmpegError, ValueError) as error:
        raise NotInParts(str(error)) from error


def _writer(path: Path, stream: av.VideoStream) -> av.container.OutputContainer:
    # With the same ticks, times stay exactly what they are.
    ticks = {} if stream.time_base is None else {"video_track_timescale": str(stream.time_base.denominator)}
    return av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact", **ticks})


def _packets(
    source: av.container.InputContainer, stream: av.VideoStream, spans: Sequence[tuple[float, float]]
) -> Iterator[av.Packet]:
    """The packets of the frame with which the video begins, then for each span those from a key frame on."""
    origin = (source.start_time or 0) / av.time_base
    tick = float(stream.time_base or 1)
    if stream.start_time is None or abs(stream.start_time * tick - origin) > tick:
        raise NotInParts("the video does not begin with the file")
    last = 0
    for packet in _timed(source, stream):
        yield packet
        last = packet.dts or 0
        if packet.pts == stream.start_time:
            break
    for start, end in spans:
        for packet in _from_key_frame(source, stream, start + origin):
            decoded = packet.dts or 0
            if decoded * tick >= end + origin:
                break
            if decoded > last:
                last = decoded
                yield packet


def _from_key_frame(source: av.container.InputContainer, stream: av.VideoStream, start: float) -> Iterator[av.Packet]:
    """Packets from a key frame on that is shown at `start` or before; from the first where there is none."""
    tick = float(stream.time_base or 1)
    back = 0.0
    while True:
        target = start - back
        source.seek(int(target / tick), stream=stream)
        # Some containers arrive at any packet.
        packets = dropwhile(lambda packet: not packet.is_keyframe, _timed(source, stream))
        first = next(packets, None)
        if target < 0 or (first is not None and first.pts is not None and first.pts * tick <= start):
            return chain([first] if first else [], packets)
        back = 4 * back + 1.0


def _timed(source: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
    """The packets of a stream, without the empty one that ends them."""
    for packet in source.demux(stream):
        if packet.dts is not None:
            yield packet
        elif packet.size:
            raise NotInParts("a packet without a time")
