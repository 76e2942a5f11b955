"""The card: what it says is counted again out of the tars, and its examples run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pandas as pd
import pytest
import webdataset
from fixtures_versions import CLIPS, FAILURES, HOSTILE, HOSTILE_CLIPS, write_version
from huggingface_hub import DatasetCard
from sklearn.metrics import cohen_kappa_score

from dataset_card import card, figures
from dataset_card.version import open_version
from pipeline.errors import UserError

LABELS = Path(__file__).parents[2] / "annotations" / "labels"
EXAMPLE = Path(card.__file__).parent / "example"


@pytest.fixture(scope="module")
def written(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the full version with its card."""
    return carded(full, tmp_path_factory.mktemp("written"))


def carded(source: Path, work: Path) -> Path:
    folder = shutil.copytree(source, work / "version")
    version = open_version(folder)
    card.write(version)
    version.close()
    return folder


def text_of(folder: Path) -> str:
    """The card alone."""
    version = open_version(folder)
    text = card.text(version)
    version.close()
    return text


def labels(folder: Path) -> list[dict[str, Any]]:
    """All labels, read by webdataset."""
    tars = [str(path) for path in sorted(folder.glob("label-*.tar"))]
    return [sample["label.json"] for sample in webdataset.WebDataset(tars, shardshuffle=False).decode()]


def rows(text: str, first: str) -> dict[str, list[str]]:
    """The table whose head starts with the cell `first`: first cell of each row → the others."""
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_hub_reads_the_metadata(written: Path) -> None:
    data = DatasetCard.load(written / "README.md").data
    assert data.pretty_name == "MuscleMap"
    assert (data.license, data.size_categories, data.task_categories) == ("other", "n<1K", ["video-classification"])
    paths = {config["config_name"]: config["data_files"][0]["path"] for config in data.configs}
    assert list(paths) == ["label", "rgb", "rgbdiff", "flow", "skeleton"]
    assert all(list(written.glob(path)) for path in paths.values())


def test_counts_are_those_of_the_tars(written: Path) -> None:
    text, held = (written / "README.md").read_text(), labels(written)
    assert f"holds {len(held)} clips" in text
    assert f"of {len({label['activity'] for label in held})} activities" in text
    assert f"from {len({label['source'] for label in held})} source videos" in text
    for place, protocol in enumerate(("video-disjoint", "paper")):
        counts = Counter(label["splits"][protocol] for label in held)
        assert {split: int(cells[1 + place]) for split, cells in rows(text, "split").items()} == {
            split: counts[split] for split in ("train", "known-val", "known-test", "new-val", "new-test", "unused")
        }
    active = np.sum([label["muscles"] for label in held], axis=0)
    assert [int(cells[1]) for cells in rows(text, "index").values()] == active.tolist()
    shown = [int(cells[3]) for cells in rows(text, "index").values()]
    assert shown == [len({label["activity"] for label in held if label["muscles"][i]}) for i in range(20)]
    activities = {name: (int(count), kind) for name, (count, kind) in rows(text, "activity").items()}
    assert activities == {"plank": (1, "known"), "squat": (2, "known"), "v-up": (2, "new")}


def test_what_was_left_out_is_a_table(written: Path) -> None:
    shown = {reason: int(cells[0]) for reason, cells in rows((written / "README.md").read_text(), "reason").items()}
    assert shown == dict(Counter(str(failure.reason) for failure in FAILURES.values()))


def test_it_says_what_was_available_and_how_far_the_derivations_agree(written: Path) -> None:
    text = (written / "README.md").read_text()
    assert "Of 8 listed segments 6 (75.0 %) were available" in text and "5 became clips" in text
    tables = [pd.read_csv(LABELS / f"{name}.csv") for name in ("facts", "anatomy")]
    both = tables[0].merge(tables[1], on=["activity", "muscle"])
    kappa = cohen_kappa_score(both["value_x"], both["value_y"])
    assert f"of {len(both):,} cells alike, Cohen's kappa {kappa:.2f}" in text


def test_it_says_how_modalities_were_made_and_that_labels_are_a_draft(written: Path) -> None:
    text = (written / "README.md").read_text()
    made = rows(text, "modality")
    assert "DIS" in made["optical flow"][0] and "bound 10 pixels" in made["optical flow"][0]
    assert made["optical flow"][1] == "`flow-{000000..000001}.tar`"
    assert "MoveNet" in made["skeleton"][0] and "coco-17" in made["skeleton"][0]
    assert "CRF 18" in made["RGB"][0]
    for words in ("labels are a draft", "not medical advice", "annotations/takedowns.csv", "10.1145/3664647.3680630"):
        assert words in text
    assert "they may not be redistributed" in text and "Apache-2.0 (Google" in text


def test_only_a_version_without_pictures_is_free(bare: Path) -> None:
    text = text_of(bare)
    assert DatasetCard(text).data.license == "apache-2.0"
    assert "holds no picture of any video" in text and "may not be redistributed" not in text
    assert list(rows(text, "modality")) == ["skeleton", "labels"]


def test_labels_of_another_origin_are_no_draft(tmp_path: Path) -> None:
    official = [type(clip)(**{**vars(clip), "provenance": "official"}) for clip in CLIPS[:1]]
    text = text_of(write_version(tmp_path, official, ()))
    assert "draft" not in text.split("## Splits")[0]
    assert rows(text, "provenance") == {"official": ["1"]}


VIDEO = """from datasets import Video
clips = load_dataset(folder, "rgb", split="clips", streaming=True).cast_column("rgb.mp4", Video(decode=False))
print(next(iter(clips))["rgb.mp4"]["bytes"][4:8].decode())"""
"""What the card says of videos in `datasets`."""


def test_the_examples_run(written: Path, tmp_path: Path) -> None:
    examples = re.findall(r"```python\n(.*?)```", (written / "README.md").read_text(), re.DOTALL)
    assert len(examples) == 4
    script = "\nprint('---')\n".join([*examples, VIDEO])
    shadow = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=written,
        env=shadow,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    by_webdataset, by_datasets, flow, one, video = result.stdout.split("---\n")
    keys = [clip.key for clip in CLIPS]
    assert [line.split()[0] for line in by_webdataset.splitlines()] == keys
    train, *skeletons = by_datasets.splitlines()
    assert train == str([clip.key for clip in CLIPS if clip.splits[0] == "train"])
    assert [line.split() for line in skeletons] == [[clip.key, str(clip.frames)] for clip in CLIPS]
    assert video.strip() == "ftyp"
    assert [line.split()[0] for line in flow.splitlines()] == keys
    speeds = [float(line.split()[-1]) for line in flow.splitlines()]
    assert speeds == pytest.approx([5.0] * len(CLIPS), abs=10 / 255)
    assert one.startswith(keys[0]) and "hamstring" in one


def test_the_same_version_gives_the_same_bytes(full: Path, tmp_path: Path) -> None:
    first = carded(full, tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        second = carded(full, tmp_path / "b")
    names = [
        "README.md",
        "croissant.json",
        *(f"figures/{name}.png" for name in ("muscles", "activities", "lengths", "sources")),
    ]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
        assert name in (first / "README.md").read_text() or not name.endswith(".png")


def test_the_committed_example_is_what_would_be_written(bare: Path, tmp_path: Path) -> None:
    made = carded(bare, tmp_path)
    assert (made / "README.md").read_text() == (EXAMPLE / "README.md").read_text(), (
        "write it again: python tests/dataset_card/fixtures_versions.py"
    )
    for path in sorted((made / "figures").iterdir()):
        new, old = cv2.imread(str(path)), cv2.imread(str(EXAMPLE / "figures" / path.name))
        assert new.shape == old.shape and cv2.absdiff(new, old).mean() < 1, path.name


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    folder = write_version(tmp_path, HOSTILE_CLIPS, ("skeleton",))
    text = text_of(folder)
    version = open_version(folder)
    assert set(figures.draw(version)) == {"muscles.png", "activities.png", "lengths.png", "sources.png"}
    version.close()
    assert "<script" not in text and HOSTILE not in text
    lines = [line for line in text.splitlines() if line.startswith("| &lt;script")]
    assert len(lines) == 1 and len(re.findall(r"(?<!\\)\|", lines[0])) == 4
    assert DatasetCard(text).data.pretty_name == "MuscleMap"


def test_figures_show_the_counts(full: Path) -> None:
    version = open_version(full)
    held = labels(full)
    drawn = figures.muscles(version)
    splits = ("train", "known-val", "known-test", "new-val", "new-test", "unused")
    *panels, last = drawn.axes
    assert [bar.get_width() for bar in last.patches] == [
        len({label["activity"] for label in held if label["muscles"][i]}) for i in range(20)
    ]
    for panel in panels:
        assert len(panel.containers) == len(splits)
        for split, bars in zip(splits, panel.containers, strict=True):
            members = [label["muscles"] for label in held if label["splits"][panel.get_title()] == split]
            assert [patch.get_width() for patch in bars] == np.sum(members or [[0] * 20], axis=0).tolist()
    activities = figures.activities(version).axes[0]
    names = [tick.get_text() for tick in activities.get_yticklabels()]
    widths = {names[round(p.get_y() + p.get_height() / 2)]: p.get_width() for p in activities.patches}
    assert widths == Counter(label["activity"] for label in held)
    lengths = figures.lengths(version).axes[0]
    assert sum(patch.get_height() for patch in lengths.patches) == len(held)
    assert max(patch.get_x() + patch.get_width() for patch in lengths.patches) == 20 / 20.0
    per_source = Counter(Counter(label["source"] for label in held).values())
    left, right = figures.sources(version).axes
    assert {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in left.patches} == per_source
    assert [bar.get_width() for bar in right.patches] == [len(held), 2, 1], "clips, gone, rejected"
    for name, data in figures.draw(version).items():
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[0] > 100 and image.std() > 5, name
    version.close()


def test_the_index_of_another_version_is_refused(full: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(full, tmp_path / "version")
    index = pd.read_parquet(folder / "index.parquet")
    index.iloc[:2].to_parquet(folder / "index.parquet", index=False)
    with pytest.raises(UserError, match="not the index that manifest"):
        open_version(folder)
