"""What a trained model looks at, clip by clip: pictures and films like figure 5 of the paper, for one run or two.

Shown is the window in the middle of the clip. Each branch is asked for the same muscle groups; its heat is laid
over the frames or the joints, as 0..1 of its highest in the window. Beside it stand the groups that are active or
predicted, with the probability that `evaluate` gives them, as hit, missed or false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from lightning_fabric import Fabric
from rich.console import Console

from pipeline import media
from pipeline.errors import UserError
from pipeline.files import locked, replacing, write_bytes
from pipeline.manifest import split_column
from pipeline.pose import codec as pose_codec
from pipeline.pose.layouts import LAYOUTS, Layout
from pipeline.progress import bar
from pipeline.reader import Dataset
from training import checkpoint, device
from training.augment import prepare
from training.config import Config
from training.data import Clips, Request, checked, loader, window_frames
from training.explain import gradcam
from training.explain.marks import marks, rule
from training.explain.page import Entry, write_page
from training.explain.pictures import Block, Strip, cell_size, film, over_joints, over_square, still
from training.models import Model
from training.predict import probabilities

TESTS = ("known-test", "new-test")
PER_SPLIT = 3
"""Clips of each test split that are shown where none are named."""

CRF, GOP = 23, 30
BACKDROP = 40
"""Grey level behind the heat where a dataset has no frames."""

MIDDLE = 0.5
"""Place of the window that is shown."""


@dataclass(frozen=True)
class View:
    """Some frames of a clip as they are shown. `numbers` count from the clip's start."""

    numbers: np.ndarray
    """[N], growing."""
    frames: np.ndarray
    """[N, H, W, 3] uint8 RGB; grey where the dataset has none."""
    joints: np.ndarray | None
    """[N, V, 3] in pixels of these frames, and the score."""
    layout: Layout | None
    """Of the joints."""


class Scene:
    """What the heat is laid over: the frames and skeletons of a dataset, as far as it has them."""

    def __init__(self, root: Path, modalities: Sequence[str]) -> None:
        self._dataset = Dataset(root, [m for m in ("rgb", "skeleton") if m in modalities])

    def view(self, row: int, numbers: Sequence[int]) -> View:
        """Raises UserError for a clip that cannot be decoded."""
        facts = self._dataset.index.iloc[row]
        size = cell_size(int(facts["width"]), int(facts["height"]))
        frames = np.full((len(numbers), size[1], size[0], 3), BACKDROP, np.uint8)
        joints = layout = None
        try:
            if "rgb" in self._dataset.modalities:
                decoded = media.decode_video(self._dataset.read(row, "rgb"), numbers)
                frames = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in decoded])
            if "skeleton" in self._dataset.modalities:
                skeleton = pose_codec.decode(self._dataset.read(row, "skeleton"))
                scale = np.array([size[0] / facts["width"], size[1] / facts["height"], 1], np.float32)
                joints, layout = skeleton.joints[list(numbers)] * scale, LAYOUTS[skeleton.layout]
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            raise UserError(f"{facts['key']}: cannot be decoded ({error}); remake the shards") from None
        return View(np.array(numbers), frames, joints, layout)


@dataclass(frozen=True)
class Run:
    """A finished run, ready to be asked: its model is in evaluation, and its weights need no gradient."""

    name: str
    config: Config
    fabric: Fabric
    model: Model
    clips: Clips

    def probabilities(self, rows: Sequence[int]) -> np.ndarray:
        """[N, 20], as `evaluate` saves them."""
        return probabilities(self.fabric, self.model, self.clips, rows, self.config)

    def window(self, row: int) -> np.ndarray:
        """Numbers of the frames in the clip's middle window."""
        window = self.config.data.window
        return window_frames(self.clips.frames(row), window, window, MIDDLE)

    def strips(self, row: int, muscle: int, called: str, view: View) -> list[Strip]:
        """One for each branch: its heat for the muscle group over the view. Outside the window there is none."""
        (found,) = loader(self.clips, [[Request(row, MIDDLE)]], workers=0, pin=False)
        batch = self.fabric.to_device(checked(found))
        heats = gradcam.heat(self.model, prepare(batch.inputs), muscle)
        window = self.window(row)
        places = np.searchsorted(view.numbers, window)
        strips = []
        for branch, heat in heats.items():
            over_time = gradcam.in_frames(heat[0].cpu(), len(window), self.config.data.size).numpy()
            values = np.zeros((len(view.numbers), *over_time.shape[1:]), np.float32)
            for place, moment in zip(places, over_time, strict=True):
                values[place] = np.maximum(values[place], moment)  # a short clip is seen more than once
            some = "evidence" if values.any() else "no evidence"
            strips.append(Strip(f"{branch}: {some} for {called}", laid_over(view, branch, values)))
        return strips


def laid_over(view: View, branch: str, heat: np.ndarray) -> np.ndarray:
    """Heat of a branch, [N, S, S] or [N, V] in 0..1, over a view."""
    if branch != "skeleton":
        return over_square(view.frames, heat)
    assert view.joints is not None and view.layout is not None, "a branch reads skeletons, so there are some"
    return over_joints(view.frames, view.joints, heat, view.layout)


def open_run(folder: Path, root: Path) -> Run:
    """A finished run, trained on the version of the dataset at `root`."""
    config, model = checkpoint.trained(folder)
    fabric = device.fabric(config)
    model = model.to(fabric.device).eval().requires_grad_(False)
    return Run(folder.name, config, fabric, model, Clips(Dataset(root, model.modalities), config.data))


def open_runs(folders: Sequence[Path], dataset: Path) -> list[Run]:
    """Finished runs that can be compared. Raises UserError for others.

    `dataset` is the version that they were trained on, or a folder of versions with that one.
    """
    roots = [checkpoint.trained_on(folder, dataset) for folder in folders]
    opened = [open_run(folder, root) for folder, root in zip(folders, roots, strict=True)]
    if len({(root, run.config.data.protocol) for root, run in zip(roots, opened, strict=True)}) > 1:
        both = " and ".join(map(str, folders))
        raise UserError(f"{both} were trained on different versions or splits; compare runs of the same")
    return opened


def explain(
    folders: Sequence[Path], dataset: Path, keys: Sequence[str], muscles: Sequence[str], out: Path, console: Console
) -> Path:
    """Writes a picture and a film for each clip, and the page that lists them; returns its path.

    `folders` and `dataset` as in `open_runs`. `keys` are clips, by default some of the test splits; `muscles` the
    groups to look for, by default the one that the first run finds most probable. What an earlier making left in
    `out` is removed. Raises UserError for what does not exist.
    """
    runs = open_runs(folders, dataset)
    clips, protocol = runs[0].clips.dataset, runs[0].config.data.protocol
    wanted = named_muscles(clips, muscles)
    rows = named_rows(clips, keys) if keys else chosen_rows(clips, protocol)
    scene = Scene(clips.root, clips.manifest["modalities"])
    with console.status("predicting"):
        found = [run.probabilities(rows) for run in runs]
    entries: list[Entry] = []
    with locked(out, "folder"), bar("explain", len(rows), "clips", console) as progress:
        for i, row in enumerate(rows):
            entries.append(explain_clip(runs, scene, row, [values[i] for values in found], wanted, out))
            page = write_page(out, entries)
            progress.advance()
        kept = {out / name for entry in entries for name in (entry.still, entry.film)}
        for stale in {*out.glob("*.png"), *out.glob("*.mp4")} - kept:
            stale.unlink()
    return page


def named_muscles(dataset: Dataset, names: Sequence[str]) -> list[int]:
    """Numbers of muscle groups. Raises UserError for an unknown name."""
    known: list[str] = dataset.manifest["muscles"]
    for name in names:
        if name not in known:
            raise UserError(f"no muscle group is called {name!r}; known: {', '.join(known)}")
    return [known.index(name) for name in dict.fromkeys(names)]


def named_rows(dataset: Dataset, keys: Sequence[str]) -> list[int]:
    """The rows of clips. Raises UserError for an unknown key."""
    for key in keys:
        if key not in dataset.keys:
            raise UserError(f"no clip {key!r} in {dataset.root}; keys are in index.parquet, like {dataset.keys[0]}")
    return [dataset.keys.index(key) for key in dict.fromkeys(keys)]


def chosen_rows(dataset: Dataset, protocol: str) -> list[int]:
    """PER_SPLIT clips of each test split: the first clips of activities that lie evenly over the alphabet."""
    chosen: list[int] = []
    for split in TESTS:
        clips = dataset.index.loc[dataset.rows(protocol, split)].sort_values(["activity", "key"])
        rows = clips.drop_duplicates("activity").index.tolist()
        count = min(PER_SPLIT, len(rows))
        chosen += [rows[int((i + 0.5) * len(rows) / count)] for i in range(count)]
    if not chosen:
        raise UserError(f"{dataset.root}: no clip is for testing under {protocol}; name some with CLIP=")
    return chosen


def explain_clip(
    runs: Sequence[Run], scene: Scene, row: int, found: Sequence[np.ndarray], wanted: Sequence[int], out: Path
) -> Entry:
    """Writes the picture and the film of one clip, given each run's probabilities [20]."""
    dataset, protocol = runs[0].clips.dataset, runs[0].config.data.protocol
    muscles = [name.replace("-", " ") for name in dataset.manifest["muscles"]]
    asked = wanted or [int(found[0].argmax())]
    shown = sorted({int(frame) for run in runs for frame in run.window(row)})
    view = scene.view(row, shown)
    blocks = []
    for run, values in zip(runs, found, strict=True):
        head = run.config.model.head
        strips = [strip for m in asked for strip in run.strips(row, m, f"{muscles[m]} {values[m]:.2f}", view)]
        marked = marks(values, run.clips.target(row).numpy(), head, muscles)
        blocks.append(Block(f"{run.name}: predicted where the probability is {rule(head)}", strips, marked))
    key, facts = dataset.keys[row], dataset.index.iloc[row]
    words = [str(facts["activity"]), f"{key}, {facts[split_column(protocol)]}"]
    entry = Entry(words, f"{key}.png", f"{key}.mp4", [(run.name, b.marks) for run, b in zip(runs, blocks, strict=True)])
    write_bytes(out / entry.still, png(still(words, blocks)))
    with replacing(out / entry.film) as part:
        media.encode(film(words, blocks), part, float(facts["fps"]), crf=CRF, gop=GOP)
    return entry


def png(picture: np.ndarray) -> bytes:
    """RGB [H, W, 3] as PNG."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()
