"""A trained run as files that need no MuscleMap: PyTorch's exported program, and ONNX.

Both take the modalities as the shards give them, uint8 pictures [B, C, T, H, W] and skeletons [B, 3, T, V, M], any
number of clips, and return the probability of each muscle group, [B, 20] float32.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import Dim

from pipeline.errors import UserError
from pipeline.files import replacing, write_text
from pipeline.records import file_sha256
from training import checkpoint
from training.augment import prepare
from training.models import Model
from training.predict import branch_mean
from training.summary import example

PROGRAM, ONNX, ABOUT = "model.pt2", "model.onnx", "model.json"
TOLERANCE = 1e-4
"""Of a probability, from one runtime to the next."""


class Deployed(nn.Module):
    """From a batch as the loader gives it to probabilities, with what training does in between."""

    def __init__(self, model: Model, head: str) -> None:
        super().__init__()
        self.model, self.head = model, head

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """`inputs` in the order of the model's modalities."""
        return branch_mean(self.model(prepare(dict(zip(self.model.modalities, inputs, strict=True)))), self.head)


@dataclass(frozen=True)
class Exported:
    """What was written: the inputs by name with the shape of one clip, and the largest difference of a probability
    to the model's own, by file."""

    run: str
    weights: str
    inputs: dict[str, list[int]]
    muscles: list[str]
    differences: dict[str, float]


def export(folder: Path, out: Path, muscles: list[str]) -> Exported:
    """Writes the best weights of the finished run in `folder` to `out`, and compares the outputs of each file.

    Raises UserError for a run that is not there or not finished, or a file whose outputs differ.
    """
    config, model = checkpoint.trained(folder)
    deployed = Deployed(model, config.model.head).eval().requires_grad_(False)
    inputs = [noise(m, x.shape) for m, x in example(config, model, 2, "cpu").items()]
    out.mkdir(parents=True, exist_ok=True)
    batch = Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, about themselves
        program = torch.export.export(deployed, (inputs,), dynamic_shapes=([{0: batch}] * len(inputs),), strict=False)
        buffer = io.BytesIO()  # a file it wants to be called .pt2
        torch.export.save(program, buffer)
        with replacing(out / PROGRAM) as part:
            part.write_bytes(buffer.getbuffer())
        _write_onnx(program, out / ONNX, list(model.modalities))
    three = [torch.cat([x, x[:1]]) for x in inputs]  # another number of clips than was exported with
    own = deployed(three).numpy()
    differences = {
        PROGRAM: _difference(torch.export.load(out / PROGRAM).module()(three).numpy(), own),
        ONNX: _difference(_run_onnx(out / ONNX, dict(zip(model.modalities, three, strict=True))), own),
    }
    for name, difference in differences.items():
        if difference > TOLERANCE:
            raise UserError(f"{out / name}: its probabilities differ from the model's by up to {difference:.2g}")
    shapes = {m: list(x.shape[1:]) for m, x in zip(model.modalities, inputs, strict=True)}
    exported = Exported(folder.name, file_sha256(folder / checkpoint.BEST), shapes, muscles, differences)
    write_text(out / ABOUT, json.dumps(asdict(exported), indent=1) + "\n")
    return exported


def noise(modality: str, shape: Sequence[int]) -> Tensor:
    """An input of that shape: bytes for pictures, numbers for the rest."""
    generator = torch.Generator().manual_seed(0)
    if modality in ("rgb", "rgbdiff"):
        return torch.randint(0, 256, tuple(shape), generator=generator, dtype=torch.uint8)
    return torch.randn(tuple(shape), generator=generator)


def _write_onnx(program: torch.export.ExportedProgram, path: Path, names: list[str]) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    found = torch.onnx.export(program, (), input_names=names, output_names=["probability"], verbose=False)
    if found is None:
        raise UserError(f"{path}: the model cannot be written as ONNX")
    with replacing(path) as part:
        found.save(str(part), external_data=False)


def _run_onnx(path: Path, inputs: dict[str, Tensor]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(["probability"], {name: x.numpy() for name, x in inputs.items()})[0]
    return result


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())
