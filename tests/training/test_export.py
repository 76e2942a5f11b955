"""Exported runs, read by the runtimes themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pipeline.errors import UserError
from training import checkpoint
from training.export import export
from training.models import build

MUSCLES = [f"muscle {n}" for n in range(20)]


def run_of(folder: Path, model: str, data: str = "") -> Path:
    """A finished run with fresh weights."""
    folder.mkdir()
    torch.manual_seed(0)
    torch.save(build(model).state_dict(), folder / checkpoint.BEST)
    (folder / checkpoint.CONFIG).write_text(f'[model]\nname = "{model}"\nhead = "sigmoid"\n[data]\n{data}')
    (folder / checkpoint.RUN).write_text(json.dumps({"finished": True}))
    return folder


@pytest.mark.parametrize(
    ("model", "data", "modality", "clips"),
    [
        ("stgcn_tiny", "skeleton_frames = 16", "skeleton", np.random.default_rng(0).normal(size=(5, 3, 16, 17, 1))),
        (
            "videomae_tiny",
            "frames = 8\nsize = 64",
            "rgb",
            np.random.default_rng(0).integers(0, 256, (1, 3, 8, 64, 64), np.uint8),
        ),
    ],
)
def test_onnx_gives_the_models_probabilities_for_any_number_of_clips(
    tmp_path: Path, model: str, data: str, modality: str, clips: np.ndarray
) -> None:
    exported = export(run_of(tmp_path / "run", model, data), tmp_path / "out", MUSCLES)
    assert exported.inputs == {modality: list(clips.shape[1:])}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.json", "model.onnx", "model.pt2"]
    onnx.checker.check_model(str(tmp_path / "out" / "model.onnx"), full_check=True)
    clips = clips if clips.dtype == np.uint8 else clips.astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    (found,) = session.run(None, {modality: clips})
    network = build(model).eval()
    checkpoint.load_best(tmp_path / "run", network)
    ready = torch.from_numpy(clips)
    if clips.dtype == np.uint8:
        ready = (ready / 255 - 0.45) / 0.225
    with torch.no_grad():
        expected = network({modality: ready}).logits[modality].sigmoid().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_run_that_is_not_there_or_not_finished_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent: no run here; train one"):
        export(tmp_path / "absent", tmp_path / "out", MUSCLES)
    folder = run_of(tmp_path / "run", "stgcn_tiny")
    (folder / checkpoint.RUN).write_text(json.dumps({"finished": False}))
    with pytest.raises(UserError, match=r"run: this run is not finished"):
        export(folder, tmp_path / "out", MUSCLES)
    assert not (tmp_path / "out").exists()
