"""Leakage planted in a version: a copied video under another id, a source on two sides."""

import json
import random
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures_versions import CLIPS, write_version
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dataset_card import leaks
from dataset_card.cli import app
from dataset_card.version import open_version


def scene(seed: int) -> np.ndarray:
    """A picture of coloured shapes, uint8 RGB [120, 160, 3]."""
    draw = random.Random(seed)
    picture = np.full((120, 160, 3), draw.randrange(256), np.uint8)
    for _ in range(12):
        place = (draw.randrange(160), draw.randrange(120))
        colour = [draw.randrange(256) for _ in range(3)]
        cv2.ellipse(picture, (place, (draw.randrange(10, 90), draw.randrange(10, 60)), draw.randrange(180)), colour, -1)
    return picture


def bits(a: np.ndarray, b: np.ndarray) -> int:
    one, other = leaks.fingerprint(a), leaks.fingerprint(b)
    assert one is not None
    assert other is not None
    return (one ^ other).bit_count()


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_is_near_in_another_size_and_quality_and_another_scene_is_not(seed: int) -> None:
    picture = scene(seed)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])
    small = cv2.resize(picture, (107, 80), interpolation=cv2.INTER_AREA)
    assert bits(picture, cv2.imdecode(data, cv2.IMREAD_COLOR)) <= leaks.NEAR
    assert bits(picture, small) <= leaks.NEAR
    assert bits(picture, np.clip(picture.astype(int) // 2 + 40, 0, 255).astype(np.uint8)) <= leaks.NEAR
    assert bits(picture, scene(seed + 100)) > 2 * leaks.NEAR


def test_a_picture_without_contrast_has_no_fingerprint() -> None:
    assert leaks.fingerprint(np.full((90, 120, 3), 7, np.uint8)) is None


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.sampled_from([*leaks.SIDES, ""])), max_size=12), st.integers(0, 63)
)
def test_pairs_are_those_of_two_loops(clips: list[tuple[int, str]], flipped: int) -> None:
    clips = [*clips, *((code ^ (1 << flipped), "test") for code, _ in clips[:4])]
    prints = [(row, code) for row, (code, _) in enumerate(clips)]
    expected = {
        frozenset((a, b)): (one ^ other).bit_count()
        for a, (one, side) in enumerate(clips)
        for b, (other, across) in enumerate(clips)
        if side and across and side != across and (one ^ other).bit_count() <= leaks.NEAR
    }
    found = leaks.near_pairs(prints, [side for _, side in clips])
    assert {frozenset((a, b)): distance for a, b, distance in found} == expected


def test_sources_on_two_sides_are_named_and_the_card_tells(tmp_path: Path) -> None:
    folder = write_version(tmp_path, CLIPS, ("rgb",))
    result = CliRunner().invoke(app, ["leaks", str(folder)])
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "leaks.json").read_text("utf-8"))["protocols"]

    sides: dict[str, dict[str, set[str]]] = {p: defaultdict(set) for p in ("video-disjoint", "paper")}
    for clip in CLIPS:
        for protocol, split in zip(sides, clip.splits, strict=True):
            if split != "unused":
                sides[protocol][clip.source].add(split.split("-")[-1])
    for protocol, held in sides.items():
        assert found[protocol]["sources"] == sorted(s for s, on in held.items() if len(on) > 1)
    assert found["paper"]["sources"] == ["ann", "cat"]

    assert CliRunner().invoke(app, ["card", str(folder)]).exit_code == 0
    card = (folder / "README.md").read_text("utf-8")
    assert "| `paper` | 2 | 0 |" in card
    assert "| `video-disjoint` | 0 | 0 |" in card


def test_a_copy_under_another_id_is_found_in_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_version(tmp_path, CLIPS, ("rgb",))
    version = open_version(folder)
    shown = {"ann": scene(1), "bob": scene(2), "cat": cv2.GaussianBlur(scene(1), (3, 3), 0)}
    sources = iter(version.index["source"])
    monkeypatch.setattr("pipeline.media.decode_video", lambda data, frames: [shown[next(sources)]] * len(frames))
    found = leaks.check(version)["protocols"]["video-disjoint"]
    assert {(a.split("-")[0], b.split("-")[0]) for a, _, b, _, _ in found["shown"]} == {("ann", "cat")}
    assert found["sources"] == []


def test_a_version_without_pictures_is_checked_by_source(tmp_path: Path) -> None:
    folder = write_version(tmp_path, CLIPS, ("skeleton",))
    found = leaks.write(open_version(folder))
    assert "compared" not in found
    assert found["protocols"]["paper"]["sources"] == ["ann", "cat"]
