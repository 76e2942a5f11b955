"""A short rendered workout, one clip of it cut and extracted by the pipeline, and the version that holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from annotations.tables import Segment, read_tables
from pipeline import cut, extract, manifest, media, shard
from pipeline.config import Config, CutConfig, FlowConfig
from pipeline.records import EXTRACTED, Clip, Payload, Video, file_sha256
from pipeline.sample.workouts import Take, Workout, render_workout

CONFIG = replace(Config(), cut=CutConfig(short_side=192), flow=FlowConfig("dis", 12.0))
SEGMENT = Segment("squats", 0.4, 2.6, "squat")


@dataclass(frozen=True)
class Road:
    """`video` is larger than a clip: cutting scales it. `clip` is the file of the version's one clip."""

    video: Path
    clip: Path
    version: Path


def build(work: Path) -> Road:
    """Everything under `work`."""
    render_workout(Workout("squats", 3, (Take("squat", 3.0),)), work)
    path = work / "videos" / "squats.mp4"
    info = media.probe(path)
    assert isinstance(info, media.VideoInfo)
    facts = (info.width, info.height, info.fps, info.duration)
    video = Video("squats", "videos/squats.mp4", file_sha256(path), path.stat().st_size, *facts)
    (clip,) = cut.cut(video, [SEGMENT], work, CONFIG.cut).values()
    assert isinstance(clip, Clip)
    payloads = extract.extract(clip, EXTRACTED, work, CONFIG)
    return Road(path, work / clip.path, _version(work, clip, payloads))


def _version(work: Path, clip: Clip, payloads: dict) -> Path:
    assert all(isinstance(payload, Payload) for payload in payloads.values()), payloads
    label = {
        "activity": "squat",
        "new": False,
        "muscles": [int(i in (13, 17)) for i in range(20)],
        "splits": dict.fromkeys(("video-disjoint", "paper"), "known-test"),
    }
    sample = shard.Sample(clip.key, SEGMENT, label, payloads)
    columns, folder = (*EXTRACTED, "label"), work / "dataset" / "0.1.0"
    names = {modality: folder / shard.shard_name(modality, 0) for modality in columns}
    files = [shard.write_shard(path, str(path), modality, 0, [sample], work) for modality, path in names.items()]
    manifest.write(folder, [[sample]], files, {}, read_tables(), CONFIG, columns)
    return folder
