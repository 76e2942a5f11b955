"""Pose backends: how often people are found, how exact, how steady, how fast.

python -m tests.bench.pose real ../shared/videos    # found, jitter, agreement (OKS), frames per second
python -m tests.bench.pose sample work/demo         # PCK@0.1 of torso against the exact joints
python -m tests.bench.pose posture work/demo        # the same by posture, and for MoveNet's input larger or turned
python -m tests.bench.pose fastpose                 # FastPose: operations, the device's limit, frames per second
python -m tests.bench.pose fastpose clip.mp4        # and from that video: decoding, boxes by MoveNet, FastPose
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline import media
from pipeline.config import SkeletonConfig
from pipeline.pose.alphapose import AlphaPose
from pipeline.pose.codec import Skeleton
from pipeline.pose.estimate import estimator
from pipeline.pose.fastpose import FastPose
from pipeline.pose.gaps import smooth
from pipeline.pose.layouts import COCO_17, LAYOUTS, between
from pipeline.pose.models import model_path
from pipeline.pose.movenet import MoveNet
from pipeline.sample.truth import read_truth

BACKENDS = ("movenet", "blazepose")
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""Of COCO's key points: https://cocodataset.org/#keypoints-eval."""
H100_BF16 = 989e12
"""Dense operations per second of an H100 SXM, by its data sheet."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("real", "sample", "posture", "fastpose"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=90, help="of each clip or workout")
    chosen = parser.parse_args()
    if chosen.what == "fastpose":
        fastpose(chosen.folder, chosen.frames)
    else:
        {"real": real, "sample": sample, "posture": posture}[chosen.what](chosen.folder, chosen.frames)


def real(folder: Path, count: int) -> None:
    with (folder / "INDEX.csv").open(encoding="utf-8") as table:
        clips = list(csv.DictReader(table))
    print(
        "| clip | people | found, movenet | found, blazepose | jitter | smoothed | jitter, blazepose | smoothed | OKS |"
    )
    spent: dict[str, float] = defaultdict(float)
    shown: list[tuple[bool, int, int, int]] = []
    agreements = []
    for clip in clips:
        frames = read(folder / clip["path"], count)
        skeletons = [timed(name, frames, spent) for name in BACKENDS]
        found = [0 if one is None else int(one.found.sum()) for one in skeletons]
        steadiness = [f"{jitter(s):.2f} | {jitter(s, 1.5):.2f}" if s else "– | –" for s in skeletons]
        agreed = oks(skeletons[0], skeletons[1]) if skeletons[0] and skeletons[1] else float("nan")
        agreements.append(agreed)
        shown.append((clip["people"] == "1", len(frames), found[0], found[1]))
        shares = " | ".join(f"{100 * n / len(frames):.1f} %" for n in found)
        print(f"| {clip['path']} | {clip['people']} | {shares} | {' | '.join(steadiness)} | {agreed:.2f} |", flush=True)
    alone = np.array([row[1:] for row in shown if row[0]])
    print(f"alone, all frames: {100 * alone[:, 1:].sum(0) / alone[:, 0].sum()} % found")
    print(f"mean OKS {np.nanmean(agreements):.3f}")
    total = sum(row[1] for row in shown)
    print({name: f"{total / seconds:.1f} frames per second of one core" for name, seconds in spent.items()})


def workouts(work: Path, count: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Activity, first frames [T, H, W, 3] and exact joints [T, 17, 2] in their pixels, for each clip."""
    with (work / "tables" / "segments.csv").open(encoding="utf-8") as table:
        segments = list(csv.DictReader(table))
    for segment in segments:
        video = next((work / "sample" / "videos").glob(f"{segment['source']}.*"))
        span = float(segment["start"]), float(segment["end"])
        shown = list(itertools.islice(media.decode_spans(video, [span], short_side=256), count))
        frames = np.stack([frame for _, _, frame in shown])
        info = media.probe(video)
        assert isinstance(info, media.VideoInfo), info
        numbers = [round(moment * info.fps) for _, moment, _ in shown]
        truth = read_truth(work / "sample" / "truth" / f"{segment['source']}.npz").joints[numbers]
        yield segment["activity"], frames, truth * np.divide(frames.shape[2:0:-1], (info.width, info.height))


def sample(work: Path, count: int) -> None:
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for activity, frames, truth in workouts(work, count):
        for name in BACKENDS:
            scores[activity][name].append(pck(timed(name, frames, defaultdict(float)), truth))
    print("| activity | clips | movenet | blazepose |\n|---|--:|--:|--:|")
    for name, found in sorted(scores.items()):
        print(
            f"| {name} | {len(found[BACKENDS[0]])} | {' | '.join(f'{100 * np.mean(found[b]):.1f}' for b in BACKENDS)} |"
        )
    means = [np.mean([np.mean(found[b]) for found in scores.values()]) for b in BACKENDS]
    print(f"| mean of activities | | {' | '.join(f'{100 * mean:.1f}' for mean in means)} |")


def posture(work: Path, count: int) -> None:
    """Each way to find people, by how the torso lies in the picture and whether the arms are beyond the head."""
    small, large = (MoveNet(model_path("movenet"), side) for side in (256, 384))
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        **{name: functools.partial(followed, name) for name in BACKENDS},
        "movenet at 384": lambda frames: np.stack([surest(large, frame)[:, :2] for frame in frames]),
        "movenet, surest of 3 turns": lambda frames: np.stack([surest_turn(small, frame) for frame in frames]),
    }
    errors: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    shifts: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for _, frames, truth in workouts(work, count):
        frames, truth = frames[::4], truth[::4]
        hips = truth[:, 11:13].mean(1)
        spine, reach = truth[:, 5:7].mean(1) - hips, truth[:, 7:9].mean(1) - hips
        torso = np.linalg.norm(spine, axis=1, keepdims=True)
        up = spine / torso
        flat, beyond = abs(up[:, 0]) > np.sqrt(0.5), (reach * up).sum(1) > 1.15 * torso[:, 0]
        for way, find in ways.items():
            off = (find(frames) - truth) / torso[:, None]
            for i in range(len(frames)):
                cell = f"{'lying' if flat[i] else 'upright'}, arms {'overhead' if beyond[i] else 'below'}"
                errors[cell, way].append(np.linalg.norm(off[i], axis=-1))
                shifts[cell, way].append(off[i, 5:7] @ up[i])
    print("| posture | way | frames | PCK@0.1 | PCK@0.2 | shoulders, PCK@0.1 | their shift |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for (cell, way), found in sorted(errors.items()):
        every = np.stack(found)
        shares = [100 * (every <= 0.1).mean(), 100 * (every <= 0.2).mean(), 100 * (every[:, 5:7] <= 0.1).mean()]
        shown = " | ".join(f"{share:.1f}" for share in shares)
        print(f"| {cell} | {way} | {len(found)} | {shown} | {np.nanmedian(shifts[cell, way]):+.2f} |")


def followed(name: str, frames: np.ndarray) -> np.ndarray:
    """Joints [T, 17, 2] as the pipeline finds them; NaN where nobody is found."""
    skeleton = timed(name, frames, defaultdict(float))
    if skeleton is None:
        return np.full((len(frames), 17, 2), np.nan)
    return np.where(skeleton.found[:, None, None], as_coco(skeleton)[..., :2], np.nan)


def surest(detect: MoveNet, frame: np.ndarray) -> np.ndarray:
    """Joints [17, 3] of the person with the highest score; NaN, scored 0, where there is none."""
    nobody = np.tile([np.nan, np.nan, 0.0], (17, 1))
    return max((person.joints for person in detect(frame)), key=lambda joints: joints[:, 2].mean(), default=nobody)


def surest_turn(detect: MoveNet, frame: np.ndarray) -> np.ndarray:
    """Joints [17, 2] from the picture as it is or turned a quarter either way, by the highest score."""
    height, width = frame.shape[:2]
    left = surest(detect, np.ascontiguousarray(np.rot90(frame)))
    right = surest(detect, np.ascontiguousarray(np.rot90(frame, -1)))
    turned = [
        surest(detect, frame),
        np.stack([width - left[:, 1], left[:, 0], left[:, 2]], axis=1),
        np.stack([right[:, 1], height - right[:, 0], right[:, 2]], axis=1),
    ]
    return max(turned, key=lambda joints: joints[:, 2].mean())[:, :2]


def read(path: Path, count: int) -> np.ndarray:
    return np.stack([frame for _, frame in itertools.islice(media.decode(path, short_side=256), count)])


def timed(name: str, frames: np.ndarray, spent: dict[str, float]) -> Skeleton | None:
    estimate = estimator(SkeletonConfig(backend=name))
    start = time.process_time()
    skeleton = estimate(frames, 30.0)
    spent[name] += time.process_time() - start
    return skeleton if isinstance(skeleton, Skeleton) else None


def jitter(skeleton: Skeleton, sigma: float = 0.0) -> float:
    """Mean second difference of the joints in per cent of the box's diagonal."""
    here = skeleton.found | skeleton.interpolated
    joints = smooth(skeleton.joints, here, sigma)[..., :2]
    both = here[2:] & here[1:-1] & here[:-2]
    size = np.hypot(*(skeleton.boxes[:, 2:] - skeleton.boxes[:, :2])[1:-1].T)
    change = np.linalg.norm(joints[2:] - 2 * joints[1:-1] + joints[:-2], axis=-1).mean(1)
    return float((100 * change / np.maximum(size, 1))[both].mean()) if both.any() else float("nan")


def as_coco(skeleton: Skeleton) -> np.ndarray:
    return skeleton.joints[:, between(LAYOUTS[skeleton.layout], COCO_17)]


def oks(a: Skeleton, b: Skeleton) -> float:
    """Mean object key point similarity in frames where both found somebody; the area is half of a's box."""
    both = a.found & b.found
    first, second = as_coco(a)[both], as_coco(b)[both]
    area = 0.53 * np.prod(a.boxes[both, 2:] - a.boxes[both, :2], axis=1)[:, None]
    squared = ((first - second)[..., :2] ** 2).sum(-1)
    return float(np.exp(-squared / (2 * area * (2 * SIGMAS) ** 2)).mean()) if both.any() else float("nan")


def pck(skeleton: Skeleton | None, truth: np.ndarray) -> float:
    """Share of joints within a tenth of the torso (middle of shoulders to hips) of the truth; 0 if not found."""
    if skeleton is None:
        return 0.0
    torso = np.linalg.norm(truth[:, 5:7].mean(1) - truth[:, 11:13].mean(1), axis=-1)
    near = np.linalg.norm(as_coco(skeleton)[..., :2] - truth, axis=-1) <= 0.1 * torso[:, None]
    return float((near & skeleton.found[:, None]).mean())


def fastpose(video: Path | None, count: int) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = FastPose().eval().to(device)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, 256, 192, device=device))
    operations = counter.get_total_flops()
    print(
        f"{operations / 1e9:.2f} G operations a crop; {H100_BF16 / operations:,.0f} crops/s would fill an H100 in bf16"
    )
    batch, rounds = (64, 50) if device.type == "cuda" else (4, 3)
    crops = torch.zeros(batch, 3, 256, 192, device=device)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        network(crops)
        start = time.perf_counter()
        for _ in range(rounds):
            network(crops).float().sum().item()
    print(
        f"{batch * rounds / (time.perf_counter() - start):.1f} crops/s on {device}, {torch.get_num_threads()} threads"
    )
    for people in (1, 2):
        print(f"{from_frames(network, people):.1f} frames/s from frames and {people} boxes in each to joints")
    if video is not None:
        from_video(network, video, count)


def from_frames(network: FastPose, people: int) -> float:
    """Frames per second of a clip of 480×360 with that many boxes in each frame: crops, network, joints and NMS."""
    count = 256 if torch.cuda.is_available() else 8
    frames = np.random.default_rng(0).integers(0, 256, (count, 360, 480, 3), np.uint8)
    boxes = [np.array([[100.0 * i + 20, 40, 100.0 * i + 120, 320] for i in range(people)], np.float32)] * count
    alphapose = as_alphapose(network)
    alphapose(frames[:4], boxes[:4])
    start = time.perf_counter()
    alphapose(frames, boxes)
    return count / (time.perf_counter() - start)


def from_video(network: FastPose, video: Path, count: int) -> None:
    """The whole way, one part after the other, as a worker goes it."""
    detect, alphapose = MoveNet(model_path("movenet"), SkeletonConfig().input_size), as_alphapose(network)
    warm = read(video, 1)
    alphapose(warm, [person.box[None] for person in detect(warm[0])][:1] or [np.zeros((0, 4), np.float32)])
    moments = [time.perf_counter()]
    frames = read(video, count)
    moments.append(time.perf_counter())
    boxes = [np.array([person.box for person in detect(frame)], np.float32).reshape(-1, 4) for frame in frames]
    moments.append(time.perf_counter())
    alphapose(frames, boxes)
    moments.append(time.perf_counter())
    shares = zip(("decoding", "boxes by MoveNet", "FastPose"), np.diff(moments), strict=True)
    parts = ", ".join(f"{name} {len(frames) / seconds:.1f}" for name, seconds in shares)
    whole = len(frames) / (moments[-1] - moments[0])
    print(
        f"{whole:.1f} frames/s from {video.name} to joints, {sum(map(len, boxes)) / len(frames):.1f} people ({parts})"
    )


def as_alphapose(network: FastPose) -> AlphaPose:
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "fastpose.pth"
        torch.save(network.state_dict(), weights)
        return AlphaPose(weights, "argmax")


if __name__ == "__main__":
    main()
