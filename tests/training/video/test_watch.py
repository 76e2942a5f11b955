"""A video seen by a run: the numbers are those of the dataset's own road, and the files say what they are."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from fixtures_road import Road, build
from rich.console import Console
from toy import write_config

from annotations.tables import PACKAGE_DIR, Segment, read_muscles
from pipeline import cut, extract, media
from pipeline.config import CutConfig, FetchConfig
from pipeline.errors import UserError
from pipeline.pose import overlay
from pipeline.pose.models import model_path
from pipeline.reader import Dataset
from pipeline.records import Clip, Video, file_sha256
from pipeline.sample import server
from training import checkpoint, device
from training import models as architectures
from training.cli import app
from training.config import load
from training.data import Clips, Request, Sample
from training.predict import one_look, probabilities
from training.video import chart, film, source
from training.video.parts import opened, parts
from training.video.trained import Trained, open_run
from training.video.watch import Watched, watch

SLUGS = [muscle.slug for muscle in read_muscles(PACKAGE_DIR)]
MODELS: dict[str, dict[str, Any]] = {
    "skeleton": {"name": "hdgcn_tiny"},
    "rgb and skeleton": {"name": "transm3e_tiny"},
    "flow": {"name": "mvit_tiny", "options": {"modality": "flow"}},
    "rgbdiff": {"name": "mvit_tiny", "options": {"modality": "rgbdiff"}},
}


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    try:
        model_path("movenet")
    except UserError as error:
        pytest.skip(str(error))
    return build(tmp_path_factory.mktemp("road"))


@pytest.fixture(scope="module")
def skeletons(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a model that reads skeletons."""
    return finished(tmp_path_factory.mktemp("runs"), road, "skeleton")


def finished(runs: Path, road: Road, what: str, **data: Any) -> Path:
    """The folder of a run as if it had been trained; its weights are random."""
    settings = {"options": {}} | MODELS[what]
    config = write_config(runs / "a.toml", model=settings, data={"views": 3} | data)
    loaded = load(config)
    torch.manual_seed(1)
    model = architectures.build(loaded.model.name, **loaded.model.options)
    folder = runs / what.replace(" ", "-")
    about = checkpoint.identity(loaded, Dataset(road.version, model.modalities))
    checkpoint.open_folder(folder, config.read_text(), about)
    checkpoint.save_weights(folder / checkpoint.BEST, model)
    checkpoint.finish(folder, {})
    return folder


@pytest.mark.parametrize("what", MODELS)
def test_a_clip_as_a_file_gets_what_evaluate_gives_it(what: str, road: Road, tmp_path: Path) -> None:
    run = finished(tmp_path, road, what, crops=3)
    trained = open_run(run, road.version.parent)
    dataset = Dataset(road.version, trained.model.modalities)
    stored = probabilities(
        device.fabric(trained.config), trained.model, Clips(dataset, trained.config.data), [0], trained.config
    )
    (part,) = watch(trained, road.clip, tmp_path / "kept", Console(quiet=True))
    assert part.clip == pytest.approx(stored[0], abs=1e-5)
    assert np.ptp(stored[0]) > 1e-3


def test_windows_overlap_by_half_and_end_with_the_clip(road: Road, skeletons: Path, tmp_path: Path) -> None:
    """The clip has 33 frames, and a window 16."""
    trained = open_run(skeletons, road.version)
    (part,) = watch(trained, road.clip, tmp_path, Console(quiet=True))
    assert part.windows.tolist() == [[0, 16], [8, 24], [16, 32], [17, 33]]
    clips = Clips(Dataset(road.version, ("skeleton",)), trained.config.data)
    for (start, _), found in zip(part.windows, part.probabilities, strict=True):
        sample = clips[Request(0, (start + 0.5) / 18)]
        assert isinstance(sample, Sample)
        inputs = {"skeleton": sample.inputs["skeleton"][None]}
        assert found == pytest.approx(
            one_look(trained.fabric, trained.model, inputs, trained.config)[0].numpy(), abs=1e-5
        )


@pytest.mark.parametrize("short_side", [192, 32])
def test_parts_of_a_video_are_the_clips_that_the_pipeline_cuts(road: Road, tmp_path: Path, short_side: int) -> None:
    config = CutConfig(short_side=short_side)
    info = media.probe(road.video)
    assert isinstance(info, media.VideoInfo)
    video = Video("v", road.video.name, "", 0, info.width, info.height, info.fps, info.duration)
    segments = [Segment("v", start, start + 1.0, "squat") for start in (0.0, 1.0, 2.0)]
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / road.video.name).symlink_to(road.video)
    clips = cut.cut(video, segments, tmp_path / "cut", config)
    found = list(parts(road.video, 1.0, config, tmp_path))
    assert [part.clip.sha256 for part in found] == [clips[cut.key_of(s)].sha256 for s in segments]  # type: ignore[union-attr]
    assert np.concatenate([part.times for part in found]) == pytest.approx(np.arange(45) / 15, abs=1e-3)


@pytest.mark.parametrize(("name", "options"), [("a.mp4", {}), ("b.mkv", {"live": "1"})])
def test_parts_of_a_portrait_with_uneven_times(name: str, options: dict[str, str], tmp_path: Path) -> None:
    """Frames at 0, 0.1, 0.3, 0.6, 1.0, 1.5 … 6.6 seconds; the second file does not say how long it is."""
    times = [i * (i + 1) / 20 for i in range(12)]
    write_uneven(tmp_path / name, times, (64, 112), options)
    assert (opened(tmp_path / name).duration == 0) == bool(options)
    found = list(parts(tmp_path / name, 2.0, CutConfig(short_side=48), tmp_path))
    expected = [[time for time in times if start <= time < start + 2] for start in (0, 2, 4)]  # one frame is no clip
    assert [part.times.tolist() for part in found] == [pytest.approx(one, abs=2e-3) for one in expected]
    assert {(part.clip.width, part.clip.height) for part in found} == {(48, 84)}


def test_a_small_video_is_a_clip_whatever_length_its_header_says(tmp_path: Path) -> None:
    """By its header it lasts 4.85 seconds."""
    path = tmp_path / "small.mp4"
    write_uneven(path, [i * (i + 1) / 20 for i in range(12)], (64, 112), {})
    (part,) = parts(path, opened(path).duration, CutConfig(short_side=64), tmp_path)
    assert part.clip.sha256 == file_sha256(path) and part.clip.frames == 12


def write_uneven(path: Path, times: list[float], size: tuple[int, int], options: dict[str, str]) -> None:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 20 * number, np.uint8))
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def files(road: Road, skeletons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a prediction: the workout, and behind it a second in which nobody is there."""
    work = tmp_path_factory.mktemp("files")
    frames = [frame for _, frame in media.decode(road.video)]
    nobody = np.full_like(frames[0], 90)
    media.encode([*frames, *[nobody] * 30], work / "my video.mp4", 15, crf=16, gop=30)
    arguments = ["--run", str(skeletons), "--dataset", str(road.version), "--out", str(work / "out")]
    app(["predict", str(work / "my video.mp4"), *arguments], standalone_mode=False)
    return work / "out" / "my-video"


def test_the_folder_holds_the_files_and_nothing_else(files: Path) -> None:
    names = {path.name for path in files.iterdir()}
    assert names == {"prediction.json", "bodymap.svg", "over-time.svg", "prediction.mp4", "lock"}


def test_the_json_says_what_when_and_by_whom(files: Path, skeletons: Path, road: Road) -> None:
    said = json.loads((files / "prediction.json").read_text())
    assert said["muscles"] == SLUGS
    assert said["model"]["run"] == "skeleton" and said["model"]["dataset"] == "0.1.0"
    assert said["model"]["config"] == checkpoint.describe(skeletons)["config"]
    assert said["model"]["weights"] == file_sha256(skeletons / "best.pt")
    assert said["model"]["manifest"] == file_sha256(road.version / "manifest.json")
    assert [(w["start"], w["end"]) for w in said["windows"][:2]] == [(0.0, 1.067), (0.533, 1.6)]
    assert said["windows"][-1]["end"] == 5.0
    (nobody,) = said["nobody_seen"]
    assert nobody == {"start": pytest.approx(3.0, abs=0.14), "end": 5.0}
    for window in said["windows"]:
        assert (window["probabilities"] is None) == (window["start"] >= nobody["start"])
    known = [window["probabilities"] for window in said["windows"] if window["probabilities"]]
    assert said["mean"] == pytest.approx(np.mean(known, axis=0), abs=1e-5)


def test_the_map_colours_every_group_by_its_mean(files: Path) -> None:
    mean = dict(zip(SLUGS, json.loads((files / "prediction.json").read_text())["mean"], strict=True))
    shapes = [one for one in ElementTree.parse(files / "bodymap.svg").iter() if "data-muscle" in one.attrib]
    assert {one.attrib["data-muscle"] for one in shapes} == set(SLUGS)
    for one in shapes:
        slug = one.attrib["data-muscle"]
        assert one.attrib["fill"] == chart.colour(mean[slug])
        assert one[0].text is not None and one[0].text.endswith(f": {mean[slug]:.0%}")


def test_the_film_lasts_as_long_and_shows_skeleton_and_map(files: Path) -> None:
    found = media.probe(files / "prediction.mp4")
    assert isinstance(found, media.VideoInfo)
    assert found.duration == pytest.approx(5.0, abs=0.07) and found.height == chart.HEIGHT
    shown = {round(time, 2): frame for time, frame in media.decode(files / "prediction.mp4")}
    early, late = shown[1.0], shown[4.6]
    width = found.width - chart.WIDTH
    assert near(early[:, :width], overlay.LEFT) > 200 and near(early[:, :width], overlay.RIGHT) > 200
    assert near(late[:, :width], overlay.LEFT) == 0
    assert near(late[:, width:], rgb(chart.UNSEEN)) > near(early[:, width:], rgb(chart.UNSEEN)) + 5000


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have about this colour."""
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) < 24).sum())


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def test_what_is_done_is_not_done_again(
    road: Road, skeletons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trained, "longest_s", 1.0)
    trained, quiet = open_run(skeletons, road.version), Console(quiet=True)
    extracted: list[str] = []

    def until_the_third(clip: Clip, *rest: Any) -> Any:
        extracted.append(clip.key)
        if len(extracted) == 3:
            raise KeyboardInterrupt
        return real(clip, *rest)

    real = extract.extract
    monkeypatch.setattr(extract, "extract", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        watch(trained, road.video, tmp_path / "kept", quiet)
    again = watch(trained, road.video, tmp_path / "kept", quiet)
    assert len(extracted) == 4 and extracted[2] == extracted[3]
    whole = watch(trained, road.video, tmp_path / "other", quiet)
    for one, two in zip(again, whole, strict=True):
        assert np.array_equal(one.probabilities, two.probabilities) and np.array_equal(one.joints, two.joints)


def refused(run: Path, dataset: Path, video: Path | str, out: Path) -> str:
    arguments = ["--run", str(run), "--dataset", str(dataset), "--out", str(out)]
    with pytest.raises(UserError) as caught:
        app(["predict", str(video), *arguments], standalone_mode=False)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_predicted_is_one_line(road: Road, skeletons: Path, small_video: Path, tmp_path: Path) -> None:
    nothing, words = tmp_path / "none.mp4", tmp_path / "words.mp4"
    words.write_text("no video")
    assert "no such file" in refused(skeletons, road.version, nothing, tmp_path)
    assert "broken/no-video" in refused(skeletons, road.version, words, tmp_path)
    assert "nobody is seen" in refused(skeletons, road.version, small_video, tmp_path)
    assert "no run here" in refused(tmp_path / "runs", road.version, small_video, tmp_path)
    assert "is no dataset" in refused(skeletons, tmp_path, small_video, tmp_path)
    begun = {"config": "", "manifest": "other", "dataset": "9.9.9"}
    checkpoint.open_folder(tmp_path / "begun", "", begun)
    assert "not finished" in refused(tmp_path / "begun", road.version, small_video, tmp_path)
    checkpoint.finish(tmp_path / "begun", {})
    assert "best.pt is missing" in refused(tmp_path / "begun", road.version, small_video, tmp_path)
    (tmp_path / "begun" / checkpoint.BEST).touch()
    assert "trained on version 9.9.9" in refused(tmp_path / "begun", road.version, small_video, tmp_path)


def test_a_video_of_the_web_is_downloaded_once(small_video: Path, tmp_path: Path) -> None:
    config, quiet = FetchConfig(extractors=("generic",), allow_private_hosts=True), Console(quiet=True)
    with server.serving({"workout": small_video}) as base:
        found = source.find(f"{base}/workout.mp4", tmp_path, config, PACKAGE_DIR, quiet)
        assert found.read_bytes() == small_video.read_bytes()
    assert source.find(f"{base}/workout.mp4", tmp_path, config, PACKAGE_DIR, quiet) == found, (
        "the server is gone by now"
    )
    with pytest.raises(UserError, match=r"elsewhere/workout\.mp4: "):
        source.find(
            f"{base}/elsewhere/workout.mp4", tmp_path, config, PACKAGE_DIR, quiet
        )  # another that is called alike
    with pytest.raises(UserError, match=r"other\.mp4: rejected/not-allowed: .*private address"):
        source.find(f"{base}/other.mp4", tmp_path, FetchConfig(extractors=("generic",)), PACKAGE_DIR, quiet)


def test_a_video_that_was_taken_down_from_ones_own_tables_is_not_downloaded(tmp_path: Path) -> None:
    for name in ("sources.csv", "segments.csv", "candidates.csv"):
        shutil.copy(PACKAGE_DIR / name, tmp_path / name)
    (tmp_path / "takedowns.csv").write_text("id,date,reason\nabcdefghijk,2026-01-01,asked\n")
    with pytest.raises(UserError, match="abcdefghijk: taken down"):
        source.find("abcdefghijk", tmp_path, FetchConfig(), tmp_path, Console(quiet=True))


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(1280, 720, (960, 540)), (720, 1280, (338, 600)), (64, 48, (800, 600))]
)
def test_a_video_of_any_aspect_has_its_place_in_the_film(width: int, height: int, expected: tuple[int, int]) -> None:
    assert film.fitted(width, height) == expected
    picture = np.zeros((expected[1], expected[0], 3), np.uint8)
    assert film.beside(picture, np.zeros((600, 700, 3), np.uint8)).shape == (600, expected[0] + 700, 3)


def test_frames_at_uneven_times_are_shown_at_their_time() -> None:
    """Frames at 0, 0.5, 0.6 and 2 seconds, at two a second."""
    found = ((time, np.full((1, 1, 3), i), (np.zeros(0), np.zeros(0))) for i, time in enumerate((0.0, 0.5, 0.6, 2.0)))
    assert [(number, int(frame[0, 0, 0])) for number, frame, _ in film.evenly(iter(found), 2.0)] == [
        (0, 0),
        (1, 2),
        (2, 2),
        (3, 2),
        (4, 3),
    ]


def test_between_windows_probabilities_change_evenly() -> None:
    """Windows of 4 frames from 0, 2 and 4; in the last one nobody is seen."""
    windows = np.array([[0, 4], [2, 6], [4, 8]])
    probabilities = np.stack([np.full(20, 0.2), np.full(20, 0.4), np.full(20, np.nan)]).astype(np.float32)
    part = Watched(np.arange(8) / 10, np.zeros((8, 17, 3)), np.ones(8, bool), windows, probabilities, probabilities[0])
    expected = [0.2, 0.2, 0.25, 0.35, 0.4, 0.4, np.nan, np.nan]
    assert film.over_time(part)[:, 7] == pytest.approx(expected, abs=1e-6, nan_ok=True)
