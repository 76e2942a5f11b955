"""`python -m dataset_card` as a person types it."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import cv2
import pytest

from pipeline.terminal import run_app


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["dataset_card", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_app("dataset_card.cli")
    return int(ended.value.code or 0)


def test_card_page_and_picture_of_the_newest_version(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(full, tmp_path / "dataset" / "0.3.0")
    shutil.copytree(full, tmp_path / "dataset" / "0.10.0")
    dataset, newest = str(tmp_path / "dataset"), tmp_path / "dataset" / "0.10.0"
    assert call(monkeypatch, "card", dataset) == 0
    assert (newest / "README.md").is_file() and (newest / "croissant.json").is_file()
    assert not (tmp_path / "dataset" / "0.3.0" / "README.md").exists()
    assert call(monkeypatch, "page", dataset, "--out", str(tmp_path / "page")) == 0
    assert (tmp_path / "page" / "index.html").is_file()
    assert call(monkeypatch, "picture", dataset, "--out", str(tmp_path / "deep" / "clip.png")) == 0
    assert cv2.imread(str(tmp_path / "deep" / "clip.png")) is not None
    words = capsys.readouterr().out
    assert "0.10.0/README.md" in words and "5/5" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["card", "{tmp}/none"], "none: no such folder"),
        (["card", "{tmp}"], "no version of the dataset here"),
        (["page", "{full}", "--out", "{tmp}/page", "--results", "{tmp}/r.html"], "r.html: no such results page"),
        (["page", "{full}", "--out", "{tmp}/file"], "file: a file, not a folder"),
        (["page", "{full}", "--out", "{tmp}/page", "--results", "{tmp}"], "cannot be read as a results page"),
        (["picture", "{full}", "--out", "{tmp}/x.png", "--key", "nobody"], "no clip 'nobody'"),
        (["picture", "{full}", "--out", "{tmp}/file/x.png"], "cannot be written"),
    ],
)
def test_a_persons_mistake_is_one_line(
    full: Path, tmp_path: Path, arguments: list[str], words: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "file").write_text("a file")
    filled = [argument.format(tmp=tmp_path, full=full) for argument in arguments]
    assert call(monkeypatch, *filled) == 2
    said = capsys.readouterr().err
    assert words in said and said.strip().count("\n") == 0
    assert not (tmp_path / "page").exists()


def test_the_module_lists_its_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dataset_card", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("dataset_card", run_name="__main__")
    assert not ended.value.code
    words = capsys.readouterr().out
    assert all(f" {name} " in words for name in ("card", "page", "picture"))
