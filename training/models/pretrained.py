"""Published weights into our models.

A checkpoint is read without running anything that it may hold. Where a published file names or shapes its
weights unlike our model, the model's family says what becomes of each in `fit_published`.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.pickles import NUMPY, SCALAR, load_arrays

CONTAINERS = ("model_state", "state_dict", "model", "module", "blobs")
"""Under which a checkpoint keeps its weights: PySlowFast and Hiera, OpenMMLab, VideoMAE, DeepSpeed, Caffe2."""

BESIDE_WEIGHTS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *((SCALAR, f"{module}.scalar") for module in NUMPY),
    *(type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool_)),
]
"""Plain values that published checkpoints hold beside their weights, such as the arguments of the training."""


@dataclass(frozen=True)
class Fitted:
    """A tensor of the file as our model takes it."""

    key: str
    """The entry of our state dict that it is for."""
    value: Tensor
    how: str = ""
    """What was done to it, in words, if more than renaming: "inflated over 5 frames"."""


@runtime_checkable
class ReadsPublished(Protocol):
    """A model whose published files name or shape some weights in another way."""

    def fit_published(self, weights: Mapping[str, Tensor]) -> Mapping[str, Fitted | str]:
        """For every key of the file the weight as this model takes it, or why it is left out."""
        ...


@dataclass(frozen=True)
class LoadReport:
    """What became of every key.

    `used`: filled entries of the model. `changed`: what was done to some of them. `left_out`: keys of the file
    with the reason. `missing`: entries of the model that the file has nothing for.
    """

    used: tuple[str, ...]
    changed: dict[str, str]
    left_out: dict[str, str]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.used)} used, {len(self.left_out)} left out, {len(self.missing)} missing"]
        lines += [f"changed   {key}: {how}" for key, how in self.changed.items()]
        lines += [f"left out  {key}: {why}" for key, why in self.left_out.items()]
        lines += [f"missing   {key}" for key in self.missing]
        return "\n".join(lines)


def load_pretrained(model: nn.Module, path: Path, into: str = "") -> LoadReport:
    """Copies a checkpoint's weights into `model`, or into its submodule `into` ("video", "auxiliary.backbone").

    Weights of another shape stay as they are and are reported, so that a classification layer of another size
    is left out. One class token of the file starts all class tokens of a model that has several. Nothing but
    tensors and plain containers is unpickled. Raises UserError for a file that holds no weights for the model.
    """
    try:
        target = model.get_submodule(into)
    except AttributeError:
        raise UserError(f"{path}: the model has no part {into!r} to load it into") from None
    entries = read_weights(path)
    weights = {key: value for key, value in entries.items() if isinstance(value, Tensor)}
    fits = target.fit_published(weights) if isinstance(target, ReadsPublished) else as_named(weights)
    own = target.state_dict()
    changed: dict[str, str] = {}
    left_out = {key: "not a tensor" for key in entries if key not in weights}
    used: list[str] = []
    with torch.no_grad():
        for source in weights:
            fit = fits.get(source, "the model has no use for it")
            if isinstance(fit, str):
                left_out[source] = fit
                continue
            key, value = fit.key, fit.value
            if key not in own:
                left_out[source] = "the model has no such key"
            elif own[key].shape == value.shape:
                own[key].copy_(value)
                used.append(key)
                changed |= {key: fit.how} if fit.how else {}
            elif _one_token_for_many(own[key], value, key):
                own[key].add_(value)  # onto the random start: equal tokens would get equal gradients for ever
                used.append(key)
                changed[key] = f"one token for {own[key].shape[1]}"
            else:
                left_out[source] = f"shape {tuple(value.shape)} in the file, {tuple(own[key].shape)} in the model"
    if not used:
        raise UserError(f"{path}: none of its weights fits the model; is it a checkpoint of another one?")
    return LoadReport(tuple(used), changed, left_out, tuple(key for key in own if key not in used))


def as_named(weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
    """Every weight for the entry of its own name."""
    return {key: Fitted(key, value) for key, value in weights.items()}


def read_weights(path: Path) -> dict[str, Any]:
    """The weights of a checkpoint by name, without the `module.` that data-parallel training leaves.

    What stands among them and is no tensor is given as it is.
    """
    try:
        content = _read_caffe2(path) if path.suffix == ".pkl" else _read_torch(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, IsADirectoryError) as error:
        why = (str(error) or "it ends too early").splitlines()[0]
        raise UserError(f"{path}: not a checkpoint that can be read safely ({why})") from None
    for name in CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not any(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: holds no weights")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _read_torch(path: Path) -> Any:
    with torch.serialization.safe_globals(BESIDE_WEIGHTS):
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_caffe2(path: Path) -> Any:
    """PySlowFast's converted models: a pickle of NumPy arrays from Python 2, under `blobs`."""
    content = load_arrays(path.read_bytes(), encoding="latin1")
    if isinstance(content, dict) and isinstance(content.get("blobs"), dict):
        arrays = content["blobs"].items()
        content = {"blobs": {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in arrays}}
    return content


def _one_token_for_many(own: Tensor, value: Tensor, key: str) -> bool:
    return key.endswith("cls_token") and value.shape == (1, 1, own.shape[-1])
