"""Cutting beside two other ways, in clips per CPU second, in one run.

    python -m tests.bench.cut [--minutes 10] [--clips 40]

- one by one: an ffmpeg for each clip with `-i` before `-ss`, which decodes from the start (the order in ActivityNet's
  crawler). It is measured on every tenth clip, for it costs the same again for each.
- whole: the arguments of video2dataset's `exact`: transcode the whole video with key frames forced where segments
  start and end, then split at these. Once as it is, at full size, and once scaled to the size that we write.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg

from annotations.tables import Segment
from pipeline import media
from pipeline.config import CutConfig
from pipeline.cut import cut
from pipeline.records import Clip, Video

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-threads", "1"]
ENCODE = ["-c:v", "libx264", "-threads", "1", "-an"]
LOOP_S = 60
CLIP_S = 4.0
SCALE = ["-vf", "scale=-2:256"]
OWN = ["-preset", media.X264_PRESET, "-crf", "18"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--clips", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = make_video(folder, chosen.minutes)
        gap = chosen.minutes * 60 / chosen.clips
        starts = [round((i + 1 / 3) * gap, 3) for i in range(chosen.clips)]
        some = starts[:: max(1, chosen.clips // 4)]
        frames = round(CLIP_S * 30)
        print(
            f"{chosen.clips} clips of {CLIP_S:g} s from {chosen.minutes} minutes of 1080p, 30 frames/s; one thread each"
        )
        ours = report("one pass (ours)", lambda: one_pass(folder, video, starts), len(starts), frames, None)
        report("one by one", lambda: one_by_one(folder, video, some), len(some), frames, ours)
        report("whole, at its own size", lambda: whole(folder, video, starts, []), len(starts), frames, ours)
        report("whole, at our size", lambda: whole(folder, video, starts, [*SCALE, *OWN]), len(starts), frames, ours)


def make_video(folder: Path, minutes: int) -> Path:
    """A minute of moving pattern and noise, repeated: key frames every 2 to 5 s, B-frames, as from a video site."""
    minute, video = folder / "minute.mp4", folder / "video.mp4"
    pattern = f"testsrc2=size=1920x1080:rate=30:duration={LOOP_S},noise=alls=6:allf=t"
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-g", "150", "-pix_fmt", "yuv420p"]
    run([*FFMPEG, "-f", "lavfi", "-i", pattern, *encode, str(minute)])
    run([*FFMPEG, "-stream_loop", str(minutes - 1), "-i", str(minute), "-c", "copy", str(video)])
    return video


def one_pass(folder: Path, path: Path, starts: list[float]) -> list[int]:
    info = media.probe(path)
    assert isinstance(info, media.VideoInfo), info
    video = Video("v", path.name, "", 0, info.width, info.height, info.fps, info.duration)
    segments = [Segment("v", start, start + CLIP_S, "squat") for start in starts]
    clips = cut(video, segments, folder, CutConfig()).values()
    return [clip.frames if isinstance(clip, Clip) else 0 for clip in clips]


def one_by_one(folder: Path, path: Path, starts: list[float]) -> list[int]:
    out = folder / "single.mp4"
    counts = []
    for start in starts:
        run([*FFMPEG, "-i", str(path), "-ss", str(start), "-t", str(CLIP_S), *ENCODE, *SCALE, *OWN, str(out)])
        counts.append(count(out))
    return counts


def whole(folder: Path, path: Path, starts: list[float], more: list[str]) -> list[int]:
    edges = ",".join(f"{time:g}" for start in starts for time in (start, start + CLIP_S))
    pieces = ["-force_key_frames", edges, "-f", "segment", "-segment_times", edges, "-reset_timestamps", "1"]
    run([*FFMPEG, "-i", str(path), *ENCODE, *more, *pieces, str(folder / "piece-%04d.mp4")])
    return [count(folder / f"piece-{2 * i + 1:04d}.mp4") for i in range(len(starts))]


def count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def report(name: str, way: Callable[[], list[int]], clips: int, frames: int, ours: float | None) -> float:
    """Prints clips per CPU second, how often ours that is, and how many clips have the right number of frames."""
    before = cpu_seconds()
    counts = way()
    speed = clips / (cpu_seconds() - before)
    exact = sum(found == frames for found in counts)
    ratio = f"ours is {ours / speed:.1f} times as fast" if ours else ""
    print(
        f"  {name:<24} {speed:8.3f} clips per CPU second   {exact} of {clips} have {frames} frames   {ratio}",
        flush=True,
    )
    return speed


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(itertools.chain.from_iterable((use.ru_utime, use.ru_stime) for use in used))


if __name__ == "__main__":
    main()
