"""The authors' lists, in the form in which the published code reads them; hostile pickles."""

import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from annotations.cli import app
from annotations.official import LISTS, import_lists, load_plain
from annotations.rules import TableError
from annotations.tables import read_tables

ACTIVITIES = {"squats": [12, 13, 17], "jumping jack": [2, 14], "v-ups": [9, 10], "moon_walk": [14, 18]}
NEW = ("v-ups",)


def write_lists(folder: Path, counts: dict[str, int], name: str = "{}/{}/list") -> None:
    """The five pairs, with clips of known or new activities in them."""
    draw = random.Random(0)
    for split, count in counts.items():
        pool = NEW if "unseen" in split else [a for a in ACTIVITIES if a not in NEW]
        names = [draw.choice(pool) for _ in range(count)]
        videos = [
            f"/cvhci/data/musclemap_trimmed/{activity}/{split.replace('_', '')[:8]:-<8}{n // 5000:03d}_{2 * (n % 5000)}"
            f"_{2 * (n % 5000) + 2}.mp4"
            for n, activity in enumerate(names)
        ]
        for kind, content in (("video", videos), ("label", [ACTIVITIES[activity] for activity in names])):
            path = folder / name.format(split, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickle.dumps(content, protocol=draw.choice([2, 4])))


@pytest.mark.parametrize("name", ["{}/{}/list", "{}_{}s.pkl", "{1}/{0}.pkl"])
def test_lists_become_tables_that_the_pipeline_reads(tmp_path: Path, name: str) -> None:
    write_lists(tmp_path / "lists", dict.fromkeys(LISTS, 30), name)
    told = "\n".join(import_lists(tmp_path / "lists", tmp_path / "tables"))
    tables = read_tables(sources_and_segments=tmp_path / "tables")

    assert {name for name, a in tables.activities.items() if a.new} == {"v-ups"}
    assert set(tables.activities) == {"squats", "jumping-jack", "v-ups", "moon-walk"}
    active = {name: [i for i, value in enumerate(label) if value] for name, label in tables.labels.items()}
    assert active == {name.replace(" ", "-").replace("_", "-"): label for name, label in ACTIVITIES.items()}
    assert set(tables.provenance.values()) == {"official"}
    assert len(tables.segments) == len(tables.splits) == 150
    assert sorted({tables.splits[s] for s in tables.segments if s.activity == "v-ups"}) == ["new-test", "new-val"]
    assert tables.activities["squats"].pattern == "squat"
    assert tables.activities["moon-walk"].pattern == ""
    assert "1 activities are none of ours" in told
    assert "moon walk" in told


def test_counts_stand_beside_those_of_the_paper(tmp_path: Path) -> None:
    counts = {name: paper for name, (_, paper) in LISTS.items()}
    assert sum(counts.values()) == 14_977
    write_lists(tmp_path, counts | {"train": 7096})
    told = import_lists(tmp_path, tmp_path / "tables")
    assert told[:6] == [
        "train: 7,096 clips (paper: 7,069, +27)",
        "new-val: 2,355 clips (paper: 2,355)",
        "known-val: 1,599 clips (paper: 1,599)",
        "new-test: 2,360 clips (paper: 2,360)",
        "known-test: 1,594 clips (paper: 1,594)",
        "together: 15,004 clips (paper: 14,977 by section 3.3, 15,004 by table 1)",
    ]


class Runs:
    """A pickle of it calls a function when it is loaded."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


def hostile(marker: Path) -> dict[str, bytes]:
    touch = f"touch {marker}"
    return {
        "system": pickle.dumps(Runs(os.system, touch)),
        "eval": pickle.dumps([Runs(eval, f"open({str(marker)!r}, 'w')")]),
        "protocol 0": b"cposix\nsystem\n(S'" + touch.encode() + b"'\ntR.",
        "inst": b"(S'" + touch.encode() + b"'\niposix\nsystem\n.",
        "getattr": pickle.dumps(Runs(getattr, "", "format")),
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"Psecret\n.",
        "call of a string": b"(S'a'\n(tR.",
        "array": pickle.dumps(np.array([1, 2])),
        "cut short": pickle.dumps(["a" * 100])[:-20],
        "huge string": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x00.",
        "no pickle": b"musclemap_trimmed/squat/a.mp4\n",
        "empty": b"",
    }


@pytest.mark.parametrize("kind", hostile(Path()))
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "was-here"
    write_lists(tmp_path / "lists", dict.fromkeys(LISTS, 3))
    path = tmp_path / "lists" / "val_seen" / "video" / "list"
    path.write_bytes(hostile(marker)[kind])
    with pytest.raises(TableError, match="val_seen/video/list:1: refused"):
        load_plain(path)
    result = CliRunner().invoke(app, ["import-official", str(tmp_path / "lists"), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, TableError)
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([[0, 20]], "not a list of lists of groups from 0 to 19"),
        ([[True]], "not a list of lists of groups"),
        ({"a": [1]}, "not a list of lists of groups"),
        ([[1], [2]], "2 labels for 3 videos"),
    ],
)
def test_lists_of_another_shape_are_refused(tmp_path: Path, content: object, words: str) -> None:
    write_lists(tmp_path, dict.fromkeys(LISTS, 3))
    (tmp_path / "test_seen" / "label" / "list").write_bytes(pickle.dumps(content))
    with pytest.raises(TableError, match=words):
        import_lists(tmp_path, tmp_path / "out")


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    write_lists(tmp_path, dict.fromkeys(LISTS, 3))
    (tmp_path / "val_unseen" / "label" / "list").unlink()
    with pytest.raises(TableError, match="no file whose path says 'val_unseen' and 'label'"):
        import_lists(tmp_path, tmp_path / "out")


def test_clips_that_cannot_be_segments_are_told(tmp_path: Path) -> None:
    write_lists(tmp_path / "lists", dict.fromkeys(LISTS, 4))
    names = ["dQw4w9WgXcQ_0_5.mp4", "dQw4w9WgXcQ_3_8.mp4", "dQw4w9WgXcQ_9_9.mp4", "squat twelve.mp4"]
    path = tmp_path / "lists" / "train" / "video" / "list"
    path.write_bytes(pickle.dumps([f"musclemap_trimmed/squats/{name}" for name in names]))
    told = "\n".join(import_lists(tmp_path / "lists", tmp_path / "tables"))
    tables = read_tables(sources_and_segments=tmp_path / "tables")
    assert [(s.start, s.end) for s in tables.segments if s.source == "dQw4w9WgXcQ"] == [(0.0, 5.0)]
    assert "2 clips overlap an earlier one of their video or have no length" in told
    assert "1 clips have no YouTube id and seconds in their name" in told
