"""Explanations of runs on the toy dataset, by command line."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_shards import ACTIVITIES, toy_clips, write_dataset

from pipeline import media
from pipeline.errors import UserError
from pipeline.pose.layouts import COCO_17
from training import checkpoint
from training.cli import app
from training.explain.marks import Mark, marks
from training.explain.pictures import HOT, over_joints, over_square
from training.models import build


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(), ("rgb", "skeleton"))


def run_of(runs: Path, name: str, shards: Path, head: str = "sigmoid", **about: object) -> Path:
    """A finished run of the model `name`, with fresh weights."""
    folder = runs / name
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(build(name).state_dict(), folder / checkpoint.BEST)
    data = "frames = 8\nstride = 2\nskeleton_frames = 16\nsize = 64"
    text = f'workers = 0\n[model]\nname = "{name}"\nhead = "{head}"\n[data]\n{data}\n'
    (folder / checkpoint.CONFIG).write_text(text)
    manifest = hashlib.sha256((shards / "manifest.json").read_bytes()).hexdigest()
    facts = {"finished": True, "manifest": manifest, "dataset": "0.0.1"} | about
    (folder / checkpoint.RUN).write_text(json.dumps(facts))
    return folder


def explain(run: Path, dataset: Path, out: Path, *more: str) -> None:
    arguments = ["explain", "--run", str(run), "--dataset", str(dataset), "--out", str(out), *more]
    app(arguments, standalone_mode=False)


class Links(HTMLParser):
    """What a page shows."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [unquote(value) for name, value in attrs if name == "src" and value]


def test_some_clips_of_every_test_split_are_shown(toy: Path, tmp_path: Path) -> None:
    explain(run_of(tmp_path / "runs", "hdgcn_tiny", toy), toy, tmp_path / "out")
    folder = tmp_path / "out" / "hdgcn_tiny"
    shown = Links(folder / "index.html").found
    keys = {Path(name).stem for name in shown}
    tested = {clip.key: clip for clip in toy_clips() if clip.split in ("known-test", "new-test")}
    assert len(shown) == 2 * len(keys) and keys <= set(tested)
    assert sorted(tested[key].activity for key in keys) == sorted(ACTIVITIES), "three known ones and both new ones"
    assert {path.name for path in folder.iterdir()} == {*shown, "index.html", "lock"}


def test_two_runs_are_shown_one_below_the_other(toy: Path, tmp_path: Path) -> None:
    one, two = (run_of(tmp_path / "runs", name, toy) for name in ("transm3e_tiny", "hdgcn_tiny"))
    explain(one, toy, tmp_path, "--clip", "s8-wave")
    explain(one, toy, tmp_path, "--clip", "s8-wave", "--against", str(two))
    alone, both = tmp_path / "transm3e_tiny", tmp_path / "transm3e_tiny-against-hdgcn_tiny"
    low, high = (cv2.imread(str(folder / "s8-wave.png")).shape for folder in (alone, both))
    assert high[1] == low[1] and high[0] > low[0] + 100, "one more row of pictures"
    film = media.decode_video((both / "s8-wave.mp4").read_bytes())
    assert len(film) == 16 and not np.array_equal(film[0], film[8]), "the frames of the window"
    text = (both / "index.html").read_text()
    assert "<li>transm3e_tiny: " in text and "<li>hdgcn_tiny: " in text


def test_named_clips_and_muscles(toy: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "runs", "stgcn_tiny", toy, head="softmax")
    folder = tmp_path / "out" / "stgcn_tiny"
    explain(run, toy, tmp_path / "out", "--clip", "s0-wave, s1-kick")
    assert {path.stem for path in folder.glob("*.png")} == {"s0-wave", "s1-kick"}
    explain(run, toy, tmp_path / "out", "--clip", "s0-wave", "--muscle", "muscle-3,muscle 4")
    assert [path.name for path in sorted(folder.glob("*.*"))] == ["index.html", "s0-wave.mp4", "s0-wave.png"]


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_marks_are_of_the_saved_predictions_and_the_label(toy: Path, tmp_path: Path, head: str) -> None:
    run = run_of(tmp_path / "runs", "stgcn_tiny", toy, head)
    app(["evaluate", "--dataset", str(toy), "--runs", str(run.parent), "--out", str(tmp_path)], standalone_mode=False)
    explain(run, toy, tmp_path / "out", "--clip", "s8-star")
    saved = pd.read_parquet(run / "predictions.parquet").set_index("key")
    probability = np.array(saved.loc["s8-star", "y_prob"])
    least = probability.max() / 2 if head == "softmax" else 0.5
    expected = {}
    for i, p in enumerate(probability):
        said, true = p >= least, i in ACTIVITIES["star"]
        if said or true:
            expected[f"muscle {i}"] = f"{p:.2f} {'hit' if said and true else 'false' if said else 'missed'}"
    (line,) = re.findall(r"<li>stgcn_tiny: (.*?)</li>", (tmp_path / "out" / "stgcn_tiny" / "index.html").read_text())
    assert dict(re.findall(r"(muscle \d+) (\S+ \w+)", line)) == expected and len(expected) > 4


def test_without_frames_the_heat_is_on_grey(tmp_path: Path) -> None:
    bare = write_dataset(tmp_path / "data", toy_clips())
    explain(run_of(tmp_path / "runs", "hdgcn_tiny", bare), bare, tmp_path, "--clip", "s8-wave")
    picture = cv2.imread(str(tmp_path / "hdgcn_tiny" / "s8-wave.png"))
    assert (picture == 40).all(axis=2).mean() > 0.2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--clip", "s0-wave,nobody"], "no clip 'nobody' in .*; keys are in index.parquet, like s0-"),
        (["--muscle", "heart"], "no muscle group is called 'heart'; known: muscle-0, muscle-1"),
    ],
)
def test_a_name_that_does_not_exist_is_one_line(toy: Path, tmp_path: Path, more: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        explain(run_of(tmp_path / "runs", "hdgcn_tiny", toy), toy, tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()


def test_a_run_that_cannot_be_explained_is_one_line(toy: Path, tmp_path: Path) -> None:
    good = run_of(tmp_path / "runs", "hdgcn_tiny", toy)
    with pytest.raises(UserError, match="nothing: no run here; train one"):
        explain(tmp_path / "nothing", toy, tmp_path / "out")
    begun = run_of(tmp_path / "begun", "hdgcn_tiny", toy, finished=False)
    with pytest.raises(UserError, match="begun/hdgcn_tiny: this run is not finished"):
        explain(good, toy, tmp_path / "out", "--against", str(begun))
    other = run_of(tmp_path / "other", "hdgcn_tiny", toy, manifest="0" * 64, dataset="0.2.0")
    with pytest.raises(UserError, match=r"was trained on version 0.2.0; .* has 0.0.1 with other shards"):
        explain(other, toy.parent, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_heat_is_drawn_where_it_is() -> None:
    frames = np.full((1, 60, 100, 3), 200, np.uint8)
    heat = np.zeros((1, 8, 8), np.float32)
    heat[0, :4, 4:] = 1  # right upper quarter of the square, which spans columns 20 to 80
    (shown,) = over_square(frames, heat).astype(int)
    assert (shown[:, :20] < 100).all() and (shown[:, 80:] < 100).all(), "darker where the model does not see"
    assert (shown[40:, 20:80] == 200).all() and (shown[:20, 20:40] == 200).all()
    hottest = 0.2 * 200 + 0.8 * HOT[255].astype(int)
    assert np.abs(shown[5, 70] - hottest).max() <= 1


def test_the_hottest_joint_is_the_largest() -> None:
    frames = np.zeros((1, 128, 128, 3), np.uint8)
    joints = np.ones((1, 17, 3), np.float32)
    joints[0, :, 0], joints[0, :, 1] = 64, np.linspace(4, 124, 17)
    heat = np.zeros((1, 17), np.float32)
    heat[0, 9] = 1
    (shown,) = over_joints(frames, joints, heat, COCO_17)
    x, y = joints[0, 9, :2].astype(int)
    assert (shown[y, x] == HOT[255]).all() and (shown[y, x + 2] == HOT[255]).all()
    assert (shown == HOT[255]).all(axis=2)[: y - 6].sum() == 0, "no other joint has its colour"


def test_marks_of_two_heads() -> None:
    truth, names = np.array([1, 1, 0, 0]), ["a", "b", "c", "d"]
    found = marks(np.array([0.7, 0.2, 0.5, 0.49]), truth, "sigmoid", names)
    assert [(m.muscle, m.mark) for m in found] == [("a", Mark.HIT), ("c", Mark.FALSE), ("b", Mark.MISSED)]
    found = marks(np.array([0.4, 0.2, 0.19, 0.21]), truth, "softmax", names)
    assert [(m.muscle, m.mark) for m in found] == [("a", Mark.HIT), ("d", Mark.FALSE), ("b", Mark.HIT)]
