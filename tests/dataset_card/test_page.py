"""The page, read back with an HTML parser and OpenCV."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures_versions import CLIPS, HOSTILE, HOSTILE_CLIPS, write_version

from dataset_card import montage, page, pictures
from dataset_card.version import open_version
from pipeline.errors import UserError


@dataclass
class Row:
    """One clip on the page: its text, and the attributes of its pictures."""

    text: list[str] = field(default_factory=list)
    images: list[dict[str, str]] = field(default_factory=list)


class Reader(HTMLParser):
    """The rows, every tag, and everything that a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.words: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.loaded += [values[name] for name in ("src", "srcset", "data", "action") if name in values]
        self.loaded += [values["href"]] if tag == "link" else []
        if values.get("class") == "clip":
            self.rows.append(Row())
            self.inside = True
        elif tag == "img":
            self.rows[-1].images.append(values)

    def handle_endtag(self, tag: str) -> None:
        self.inside &= tag != "article"

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())
        if self.inside:
            self.rows[-1].text.append(data.strip())


def show(folder: Path, out: Path, results: Path | None = None) -> Reader:
    version = open_version(folder)
    path = page.write(version, out, results)
    version.close()
    return Reader(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def out(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "page"
    show(full, out)
    return out


def image(out: Path, attributes: dict[str, str]) -> np.ndarray:
    """As RGB."""
    found = cv2.imread(str(out / attributes["src"]))
    assert found is not None, attributes
    return found[..., ::-1]


def test_one_row_a_clip_with_its_labels(out: Path) -> None:
    found = Reader((out / "index.html").read_text()).rows
    rows = {clip.key: row for row in found for clip in CLIPS if clip.key in row.text}
    assert len(found) == len(rows) == len(CLIPS)
    names = [
        "neck and head", "chest", "shoulder", "biceps", "triceps", "forearms", "upper back", "latissimus", "obliques",
        "upper abdominis", "lower abdominis", "lower back", "hamstring", "quadriceps", "calves", "inner thigh",
        "outer thigh", "gluteus", "feet and ankles", "wrists",
    ]  # fmt: skip
    for clip in CLIPS:
        text = rows[clip.key].text
        assert clip.activity in text and ("new activity" in text) == clip.new
        assert [name for name in names if name in text] == [names[i] for i in clip.muscles]
        assert [text[text.index(f"split, {p}") + 1] for p in ("video-disjoint", "paper")] == list(clip.splits)


def test_every_picture_is_there_in_its_size_with_a_text(out: Path) -> None:
    reader = Reader((out / "index.html").read_text())
    for row in reader.rows:
        assert [attributes["alt"].split(" of ")[0] for attributes in row.images] == [
            "frame", "RGB difference", "optical flow", "skeleton",
        ]  # fmt: skip
        for attributes in row.images:
            assert image(out, attributes).shape[:2] == (int(attributes["height"]), int(attributes["width"]))
    named = {attributes["src"] for row in reader.rows for attributes in row.images}
    assert named == {f"images/{path.name}" for path in (out / "images").iterdir()}


def test_pictures_show_their_clip(out: Path) -> None:
    for row in Reader((out / "index.html").read_text()).rows:
        clip = next(clip for clip in CLIPS if clip.key in row.text)
        frame, difference, flow, skeleton = (image(out, attributes).astype(int) for attributes in row.images)
        moment = int(row.images[0]["alt"].split("frame ")[-1])
        assert abs(frame.mean() - (clip.level + moment)) < 3
        assert difference.mean() < 4
        red, green, blue = flow.mean(axis=(0, 1))
        assert red > 200 and green < 80 and blue < 80, "what moves right is red"
        change = abs(skeleton - frame).max(axis=2)
        assert change[20:28].max() > 40 and change[:12].max() < 20, "joints lie on one line in the middle"


def test_it_needs_no_network_and_no_script(out: Path) -> None:
    reader = Reader((out / "index.html").read_text())
    assert not {"script", "link", "iframe", "object", "base"} & set(reader.tags)
    assert all(source.startswith("images/") for source in reader.loaded)
    text = (out / "index.html").read_text()
    assert "url(" not in text and "@import" not in text and "prefers-color-scheme: dark" in text


def test_the_same_version_gives_the_same_page_and_old_pictures_go(full: Path, out: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    (again / "images").mkdir(parents=True)
    (again / "images" / "999999-rgb.jpg").write_bytes(b"old")
    show(full, again)
    files = {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    assert files == {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert all((again / name).read_bytes() == (out / name).read_bytes() for name in files)


def test_columns_that_are_not_here_are_left_out(bare: Path, full: Path, tmp_path: Path) -> None:
    part = shutil.copytree(full, tmp_path / "part", ignore=shutil.ignore_patterns("rgb*.tar", "flow-000001.tar"))
    for name, folder in (("bare", bare), ("part", part)):
        rows = show(folder, tmp_path / name / "page").rows
        assert len(rows) == len(CLIPS)
        for row in rows:
            assert [a["alt"].split(" of ")[0] for a in row.images] == ["skeleton"]
            shown = image(tmp_path / name / "page", row.images[0]).astype(int)
            assert abs(shown[:12] - 40).max() < 20 and shown.max() > 150


def test_labels_alone_make_a_page_without_pictures(tmp_path: Path) -> None:
    folder = write_version(tmp_path, CLIPS, ())
    rows = show(folder, tmp_path / "page").rows
    assert len(rows) == len(CLIPS) and not any(row.images for row in rows)
    version = open_version(folder)
    with pytest.raises(UserError, match="labels alone"):
        montage.draw(version, "")
    version.close()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    reader = show(write_version(tmp_path, HOSTILE_CLIPS, ("skeleton",)), tmp_path / "page")
    assert "script" not in reader.tags and reader.tags.count("img") == len(HOSTILE_CLIPS)
    assert HOSTILE in reader.words and HOSTILE_CLIPS[0].key in reader.words
    assert {path.name for path in (tmp_path / "page" / "images").iterdir()} == {
        "000000-skeleton.jpg", "000001-skeleton.jpg",
    }  # fmt: skip


def test_a_payload_that_cannot_be_read_is_said_in_its_place(full: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(full, tmp_path / "version")
    damaged = bytearray((folder / "rgbdiff-000000.tar").read_bytes())
    start = damaged.index(b"ftyp") - 4
    damaged[start : start + 400] = bytes(400)
    (folder / "rgbdiff-000000.tar").write_bytes(damaged)
    rows = show(folder, tmp_path / "page").rows
    lost = [row for row in rows if any(words.startswith("cannot be shown") for words in row.text)]
    assert len(rows) == len(CLIPS) and len(lost) == 1
    assert len(lost[0].images) == 3 and CLIPS[0].key in lost[0].text


def test_results_are_taken_over_as_tables_alone(full: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.html"
    results.write_text(
        "<!doctype html><html><head><title>T</title><style>td { color: red }</style></head><body><h1>Results</h1>"
        "<table onclick='x()'><tr><td>run &lt;a&gt;</td><td>61.0<br>50–70</td></tr></table>"
        "<script>alert(1)</script><img src=x onerror=alert(1)><p>mAP in %"
    )
    reader = show(full, tmp_path / "page", results)
    assert "run <a>" in reader.words and "61.0" in reader.words and "Results" in reader.words
    assert "script" not in reader.tags and all(source != "x" for source in reader.loaded)
    text = (tmp_path / "page" / "index.html").read_text()
    assert "onclick" not in text and "alert" not in text and "color: red" not in text
    assert len(reader.rows) == len(CLIPS)
    with pytest.raises(UserError, match="no such results page"):
        show(full, tmp_path / "page", tmp_path / "none.html")


def test_the_page_leads_to_the_card(full: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(full, tmp_path / "data set" / "0.3.0")
    (folder / "README.md").write_text("card")
    show(folder, tmp_path / "page")
    assert 'href="../data%20set/0.3.0/README.md"' in (tmp_path / "page" / "index.html").read_text()


def test_the_montage_shows_five_moments_of_each_modality(full: Path) -> None:
    version = open_version(full)
    data = montage.draw(version, CLIPS[1].key)
    assert data == montage.draw(version, CLIPS[1].key) != montage.draw(version, "")
    version.close()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    height, width = 48, 64
    cells = picture[:, -5 * (width + 6) :].reshape(picture.shape[0], 5, width + 6, 3)[:, :, :width]
    assert picture.shape[0] == 4 * (height + 6) + 6
    frames = cells[6 : 6 + height].mean(axis=(0, 2, 3))
    assert frames == pytest.approx([80 + number for number in (2, 6, 10, 14, 18)], abs=2)
    flow = cells[6 + 2 * (height + 6) :][:height].mean(axis=(0, 1, 2))
    assert flow[0] > 200 and max(flow[1:]) < 80


def test_the_last_frame_has_the_last_flow_field(full: Path) -> None:
    version = open_version(full)
    last = CLIPS[0].frames - 1
    shown = pictures.of_clip(version, 0, [last - 1, last], 48)
    assert {modality: np.shape(images) for modality, images in shown.items()} == dict.fromkeys(
        ("rgb", "rgbdiff", "flow", "skeleton"), (2, 48, 64, 3)
    )
    version.close()


def test_manifest_of_another_making_is_refused(full: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(full, tmp_path / "version")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["failures"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="has no failures"):
        open_version(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="not a JSON file"):
        open_version(folder)
