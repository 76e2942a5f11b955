"""Loading 16 RGB frames at 224²: our payloads against an mp4 a clip as PySlowFast reads it, and JPEG frames.

    python -m tests.bench.loading

Ten-second clips of rendered noise-free motion at 340x256, one process, one thread, the same 16 of 64 frames.
PySlowFast's reader decodes everything from the key frame to the window's end and converts the window's frames.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline import media
from training.data import squares

FRAMES, WINDOW, SAMPLES, SIDE, FPS = 300, 64, 16, 224, 30
CLIPS = 6


def main(videos: Path | None) -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        clips = [real(path) for path in sorted(videos.rglob("*.mp4"))[:: max(1, 60 // CLIPS)][:CLIPS]] if videos else []
        clips = clips or [synthetic(seed) for seed in range(CLIPS)]
        ways: dict[str, tuple[float, float]] = {}
        files = {
            gop: [encoded(clip, Path(folder) / f"{gop}-{i}.mp4", gop) for i, clip in enumerate(clips)]
            for gop in (12, 250)
        }
        jpegs = [
            [cv2.imencode(".jpg", f[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes() for f in clip]
            for clip in clips
        ]
        kept = {gop: [path.read_bytes() for path in paths] for gop, paths in files.items()}
        starts = np.random.default_rng(0).random((5, len(clips)))

        def measure(words: str, size: float, read: Callable[[int, np.ndarray], np.ndarray]) -> None:
            begin = time.process_time()
            for places in starts:
                for i, place in enumerate(places):
                    wanted = int(place * (len(clips[i]) - WINDOW)) + np.arange(SAMPLES) * WINDOW // SAMPLES
                    assert read(i, wanted).shape == (SAMPLES, SIDE, SIDE, 3)
            ways[words] = ((time.process_time() - begin) / starts.size * 1000, size)

        def mean(blobs: list[bytes]) -> float:
            return float(np.mean([len(blob) for blob in blobs])) / 1e3

        measure(
            "mp4 a clip, key frame every 250, PySlowFast's way",
            mean(kept[250]),
            lambda i, w: slowfast(files[250][i], w),
        )
        measure(
            "mp4 a clip, key frame every 12, PySlowFast's way", mean(kept[12]), lambda i, w: slowfast(files[12][i], w)
        )
        measure(
            "our payload (H.264, key frame every 12)",
            mean(kept[12]),
            lambda i, w: squares(media.decode_video(kept[12][i], w.tolist()), SIDE),
        )
        measure(
            "JPEG frames, quality 95",
            mean([b"".join(j) for j in jpegs]),
            lambda i, w: squares(np.stack([cv2.imdecode(np.frombuffer(jpegs[i][n], np.uint8), 1) for n in w]), SIDE),
        )
        first = next(iter(ways.values()))[0]
        print("| way | CPU ms a sample | kB a clip | times faster |\n|---|--:|--:|--:|")
        for words, (ms, size) in ways.items():
            print(f"| {words} | {ms:.1f} | {size:,.0f} | {first / ms:.1f} |")


def real(path: Path) -> np.ndarray:
    frames = np.stack([frame for _, frame in media.decode(path, 256)][:FRAMES])
    return frames if len(frames) >= 2 * WINDOW else np.concatenate([frames] * (2 * WINDOW // len(frames) + 1))


def synthetic(seed: int) -> np.ndarray:
    """A blurred picture that wanders."""
    picture = cv2.GaussianBlur(np.random.default_rng(seed).integers(0, 256, (400, 700, 3), np.uint8), (0, 0), 3)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    return np.stack([picture[t // 4 : t // 4 + 256, t : t + 340] for t in range(FRAMES)])


def encoded(clip: np.ndarray, path: Path, gop: int) -> Path:
    media.encode(clip, path, FPS, crf=18, gop=gop)
    return path


def slowfast(path: Path, wanted: np.ndarray) -> np.ndarray:
    """Seek to the key frame before the window, decode to its end, take the frames, scale and crop them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        times = {round(n / FPS / stream.time_base): n for n in range(wanted[0], wanted[-1] + 1)}
        container.seek(min(times), stream=stream, backward=True)
        held = {}
        for frame in container.decode(stream):
            if frame.pts in times:
                held[times[frame.pts]] = frame
            if frame.pts >= max(times):
                break
        window = {n: frame.to_rgb().to_ndarray() for n, frame in held.items()}
    return squares(np.stack([window[n] for n in wanted]), SIDE)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
