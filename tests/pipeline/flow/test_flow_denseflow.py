"""The user's own DenseFlow: a script stands in for it, and writes known pictures where the real one would."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline import media
from pipeline.cli import app
from pipeline.config import Config, ConfigError, FlowConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.extract import extract
from pipeline.flow import codec
from pipeline.records import Clip, Payload, file_sha256

FAKE = """#!{python}
import re, sys
from pathlib import Path
import cv2, numpy as np
clip, *options = sys.argv[1:]
given = dict(re.fullmatch("-([a-z]+)=(.*)", option).groups() for option in options)
assert (given["a"], given["s"], given["b"]) == ("tvl1", "1", "16"), given
frames = []
video = cv2.VideoCapture(clip)
while (read := video.read())[0]:
    frames.append(read[1])
print("reading", clip)
if {fails}:
    print("no CUDA device")
    sys.exit(1)
folder = Path(given["o"]) / Path(clip).stem
folder.mkdir()
for number in range(len(frames) - 1 - {missing}):
    for axis, level in (("x", 100), ("y", 200)):
        picture = np.full(frames[0].shape[:2], level + number, np.uint8)
        cv2.imwrite(str(folder / f"flow_{{axis}}_{{number:05d}}.jpg"), picture)
"""


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = tmp_path / "clips" / "squat.mp4"
    path.parent.mkdir()
    media.encode((np.full((48, 64, 3), 20 * i, np.uint8) for i in range(5)), path, 10, crf=18, gop=12)
    return Clip("squat", "video", 0.0, 0.5, "clips/squat.mp4", file_sha256(path), 5, 64, 48, 10.0)


def config(tmp_path: Path, fails: bool = False, missing: int = 0) -> Config:
    binary = tmp_path / "denseflow"
    binary.write_text(FAKE.format(python=sys.executable, fails=fails, missing=missing))
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return Config(flow=FlowConfig(backend="denseflow", binary=str(binary), bound=16.0))


def test_its_pictures_become_the_payload(clip: Clip, tmp_path: Path) -> None:
    payload = extract(clip, ["flow"], tmp_path, config(tmp_path))["flow"]
    assert isinstance(payload, Payload) and payload.frames == 4
    assert payload.detail == {"backend": "denseflow", "bound": 16.0}
    fields = codec.decode((tmp_path / payload.path).read_bytes(), 16)
    for number, field in enumerate(fields):
        for axis, level in enumerate((100, 200)):
            assert field[..., axis] == pytest.approx(32 * (level + number) / 255 - 16, abs=1e-4)


def test_what_it_says_when_it_fails_is_the_reason(clip: Clip, tmp_path: Path) -> None:
    results = extract(clip, ["flow", "rgb"], tmp_path, config(tmp_path, fails=True))
    failure = results["flow"]
    assert isinstance(failure, Failure) and failure.reason == Reason.BUG and "no CUDA device" in failure.detail
    assert isinstance(results["rgb"], Payload)


@pytest.mark.parametrize("missing", [1, 4])
def test_too_few_fields_are_no_payload(clip: Clip, tmp_path: Path, missing: int) -> None:
    failure = extract(clip, ["flow"], tmp_path, config(tmp_path, missing=missing))["flow"]
    assert isinstance(failure, Failure) and "denseflow" in failure.detail


def test_a_missing_program_is_said_before_any_clip_is_looked_at(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('[flow]\nbackend = "denseflow"\nbinary = "/nowhere/denseflow"\n')
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "sources.csv").write_text("id,url,licence,notes\nvideo,https://example.org/video,,\n")
    (tmp_path / "tables" / "segments.csv").write_text("source,start,end,activity\nvideo,0,2,squat\n")
    result = CliRunner().invoke(app, ["--work", str(tmp_path), "--workers", "1", "extract", "--modalities", "flow"])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith("/nowhere/denseflow: no program")


def test_it_needs_a_path_and_whole_pixels() -> None:
    with pytest.raises(ConfigError, match="needs binary"):
        FlowConfig(backend="denseflow")
    with pytest.raises(ConfigError, match="whole number"):
        FlowConfig(backend="denseflow", binary="/x", bound=2.5)
